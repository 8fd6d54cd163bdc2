#include "worker/commands/train_command.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "coco/coco_file.h"
#include "content/read_file.h"
#include "content/safetensors_header.h"
#include "recipe/detector_metadata.h"
#include "recipe/presets.h"
#include "recipe/recipe.h"
#include "worker/commands/config_option.h"
#include "worker/detection/runtime.h"
#include "worker/pictures/coco_pictures.h"
#include "worker/prediction/device.h"
#include "worker/prediction/weight_file.h"
#include "worker/training/child_processes.h"
#include "worker/training/process_group.h"
#include "worker/training/trainer.h"

namespace loupe {
namespace {

absl::StatusOr<TrainingSet> ReadSets(const TrainOptions& options, const v1::Recipe& recipe) {
  absl::StatusOr<TrainingSet> set = ReadTrainingSet(options.coco, options.images, options.range);
  if (!set.ok() || !options.val_coco.has_value()) return set;
  if (recipe.training().validation_share() > 0) {
    return absl::InvalidArgumentError(
        "--val-coco and the recipe's training.validation_share both name validation images; drop one");
  }
  absl::StatusOr<TrainingSet> validation =
      ReadTrainingSet(*options.val_coco, *options.val_images, options.range);
  if (!validation.ok()) return validation.status();
  if (validation->class_names != set->class_names) {
    return absl::InvalidArgumentError(absl::StrCat(
        options.val_coco->string(), " has the categories ", absl::StrJoin(validation->class_names, ", "),
        " by ascending id, but ", options.coco.string(), " has ", absl::StrJoin(set->class_names, ", ")));
  }
  set->validation = std::move(validation->images);
  return set;
}

absl::StatusOr<std::unique_ptr<Trainer>> MakeTrainer(const TrainOptions& options, const v1::Recipe& recipe,
                                                     std::ostream& log) {
  const absl::StatusOr<torch::Device> device = ResolveDevice(options.device, options.processes);
  if (!device.ok()) return device.status();
  absl::StatusOr<TrainingSet> set = ReadSets(options, recipe);
  if (!set.ok()) return set.status();
  const absl::StatusOr<std::optional<SafetensorsFile>> init = ReadInitialWeights(options);
  if (!init.ok()) return init.status();
  absl::StatusOr<std::unique_ptr<Trainer>> trainer =
      Trainer::Create(recipe, *std::move(set), init->has_value() ? &**init : nullptr, *device);
  if (trainer.ok() && init->has_value())
    log << "initial weights: " << (*trainer)->init_summary() << std::endl;
  return trainer;
}

// Continues from the checkpoint of an earlier run of the command, if there is one.
absl::Status ResumeFrom(const std::filesystem::path& path, Trainer& trainer, std::ostream& log) {
  if (!std::filesystem::exists(path)) return absl::OkStatus();
  const absl::StatusOr<Checkpoint> checkpoint = ReadCheckpoint(path);
  absl::Status resumed = checkpoint.ok() ? trainer.Resume(*checkpoint) : checkpoint.status();
  if (!resumed.ok()) {
    return absl::Status(resumed.code(),
                        absl::StrCat("cannot go on from ", path.string(), ": ", resumed.message(),
                                     "; remove it, or choose another --out"));
  }
  log << "goes on from iteration " << checkpoint->iteration << std::endl;
  return absl::OkStatus();
}

TrainingCallbacks CommandCallbacks(const std::filesystem::path& checkpoint_path, std::ostream& log) {
  TrainingCallbacks callbacks;
  callbacks.on_step = [&log](const TrainingProgress& progress) {
    if (IsLogged(progress)) log << ProgressLine(progress) << std::endl;
    return absl::OkStatus();
  };
  callbacks.on_checkpoint = [checkpoint_path](const Checkpoint& checkpoint) {
    return WriteCheckpoint(checkpoint_path, checkpoint);
  };
  return callbacks;
}

// A new temporary folder, removed at the end.
class TemporaryFolder {
 public:
  TemporaryFolder() : path_((std::filesystem::temp_directory_path() / "loupe-train-XXXXXX").string()) {
    made_ = mkdtemp(path_.data()) != nullptr;
  }
  ~TemporaryFolder() {
    std::error_code error;
    if (made_) std::filesystem::remove_all(path_, error);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  bool made() const { return made_; }
  std::filesystem::path path() const { return path_; }

 private:
  std::string path_;
  bool made_ = false;
};

// Runs the trainer in several child processes, which form a group. Their memory is not shared with this
// process, so child 0 calls `finish` to save the result.
absl::Status RunInProcesses(int processes, Trainer& trainer, const TrainingCallbacks& callbacks,
                            const std::function<absl::Status()>& finish) {
  const TemporaryFolder folder;
  if (!folder.made())
    return absl::UnavailableError(absl::StrCat("cannot make a folder such as ", folder.path().string()));
  const int threads = std::max(1, detection::UsableCores() / processes);
  return RunProcesses(processes, OnDeath::kStopOthers, [&](int index) -> absl::Status {
    detection::ConfigureRuntime(threads);
    const auto group = ProcessGroup::Join(folder.path() / "meeting", index, processes);
    if (!group.ok()) return group.status();
    const TrainingCallbacks silent = {[](const TrainingProgress&) { return absl::OkStatus(); },
                                      [](const Checkpoint&) { return absl::OkStatus(); }};
    absl::Status trained = trainer.Run(index == 0 ? callbacks : silent, *group);
    return trained.ok() && index == 0 ? finish() : trained;
  });
}

}  // namespace

absl::Status RunTrainCommand(const TrainOptions& options, std::ostream& log) {
  // One thread until the children have been forked: OpenMP's threads don't survive a fork.
  detection::ConfigureRuntime(options.processes == 1 ? 0 : 1);
  const absl::StatusOr<v1::Recipe> recipe = ReadRecipeOf(options);
  if (!recipe.ok()) return recipe.status();
  if (static_cast<uint32_t>(options.processes) > recipe->training().batch_size()) {
    return absl::InvalidArgumentError(absl::StrCat("--processes ", options.processes, " share a batch of ",
                                                   recipe->training().batch_size(),
                                                   " images: ask for no more than that"));
  }
  const absl::StatusOr<std::unique_ptr<Trainer>> made = MakeTrainer(options, *recipe, log);
  if (!made.ok()) return made.status();
  std::error_code error;
  std::filesystem::create_directories(options.out, error);
  if (error)
    return absl::UnavailableError(absl::StrCat("cannot make ", options.out.string(), ": ", error.message()));
  Trainer& trainer = **made;

  const std::filesystem::path checkpoint_path = options.out / "checkpoint.safetensors";
  if (absl::Status ready = ResumeFrom(checkpoint_path, trainer, log); !ready.ok()) return ready;
  const TrainingCallbacks callbacks = CommandCallbacks(checkpoint_path, log);
  const auto finish = [&] {
    absl::Status saved = trainer.SaveWeights(options.out / "model.safetensors");
    if (saved.ok()) std::filesystem::remove(checkpoint_path, error);
    return saved;
  };
  if (options.processes > 1) return RunInProcesses(options.processes, trainer, callbacks, finish);
  absl::Status trained = trainer.Run(callbacks);
  return trained.ok() ? finish() : trained;
}

}  // namespace loupe
