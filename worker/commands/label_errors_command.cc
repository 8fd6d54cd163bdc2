#include "worker/commands/label_errors_command.h"

#include <torch/types.h>

#include <array>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "coco/category_labels.h"
#include "coco/coco_file.h"
#include "coco/coco_results.h"
#include "content/whole_file.h"
#include "worker/detection/faster_rcnn.h"
#include "worker/detection/runtime.h"
#include "worker/label_errors/image_check.h"
#include "worker/pictures/coco_pictures.h"
#include "worker/prediction/device.h"
#include "worker/training/trainer.h"
#include "worker/weights/safetensors.h"

namespace loupe {
namespace {

using evaluation::LabelError;
using evaluation::LabelErrorKind;

constexpr uint32_t kFolds = 3;

const char* KindName(LabelErrorKind kind) {
  switch (kind) {
    case LabelErrorKind::kMissing:
      return "missing";
    case LabelErrorKind::kMoved:
      return "moved";
    case LabelErrorKind::kWrongClass:
      return "wrong_class";
    case LabelErrorKind::kInvented:
      return "invented";
  }
  return "";
}

// Fills in the images of the fold. The model is trained on the other folds.
absl::Status CheckFold(const v1::Recipe& recipe, const TrainingSet& set, uint32_t fold, uint32_t folds,
                       const SafetensorsFile* init, torch::Device device, std::ostream& log,
                       std::vector<evaluation::CheckedImage>& checked) {
  TrainingSet others;
  others.class_names = set.class_names;
  std::vector<TrainingImage> held_out;
  std::vector<size_t> places;  // of held_out in the set
  for (size_t i = 0; i < set.images.size(); ++i) {
    const bool is_held_out = FoldOf(set.images[i], folds) == fold;
    (is_held_out ? held_out : others.images).push_back(set.images[i]);
    if (is_held_out) places.push_back(i);
  }
  log << "fold " << fold << " of " << folds << ": trains on " << others.images.size() << " images, searches "
      << held_out.size() << std::endl;
  if (held_out.empty()) return absl::OkStatus();
  absl::StatusOr<std::unique_ptr<Trainer>> trainer = Trainer::Create(recipe, std::move(others), init, device);
  if (!trainer.ok()) return trainer.status();
  const absl::Status trained = (*trainer)->Run({[&log](const TrainingProgress& progress) {
                                                  if (IsLogged(progress))
                                                    log << ProgressLine(progress) << std::endl;
                                                  return absl::OkStatus();
                                                },
                                                [](const Checkpoint&) { return absl::OkStatus(); }});
  if (!trained.ok()) return trained;
  auto of_fold = CheckImages(held_out, recipe.training().batch_size(), (*trainer)->evaluated_model(),
                             [] { return absl::OkStatus(); });
  if (!of_fold.ok()) return of_fold.status();
  for (size_t i = 0; i < places.size(); ++i) checked[places[i]] = std::move((*of_fold)[i]);
  return absl::OkStatus();
}

nlohmann::json JsonOf(const LabelError& error, const CocoFile& coco, const std::vector<int64_t>& annotations,
                      const CategoryLabels& labels) {
  nlohmann::json json = {{"image_id", coco.images[static_cast<size_t>(error.image)].id},
                         {"kind", KindName(error.kind)},
                         {"log_odds", error.log_odds}};
  if (error.label >= 0) json["annotation_id"] = annotations[static_cast<size_t>(error.label)];
  if (error.kind == LabelErrorKind::kInvented) return json;
  json["bbox"] = std::array{error.box.x, error.box.y, error.box.width, error.box.height};
  json["category_id"] = labels.CategoryIdOf(static_cast<uint32_t>(error.class_index) + 1).value();
  return json;
}

absl::Status WriteErrors(const std::vector<LabelError>& errors, const CocoFile& coco, WholeFile& file) {
  const CategoryLabels labels = CategoryLabels::ByAscendingId(coco.categories);
  std::map<int64_t, std::vector<int64_t>> annotations;  // without regions to ignore, as a Target has them
  for (const CocoAnnotation& annotation : coco.annotations) {
    if (!annotation.iscrowd) annotations[annotation.image_id].push_back(annotation.id);
  }
  nlohmann::json all = nlohmann::json::array();
  for (const LabelError& error : errors) {
    all.push_back(JsonOf(error, coco, annotations[coco.images[static_cast<size_t>(error.image)].id], labels));
  }
  if (absl::Status written = file.Append(all.dump(1)); !written.ok()) return written;
  return file.Commit(Durability::kLater);
}

absl::Status WriteDetections(const std::vector<evaluation::CheckedImage>& checked, const CocoFile& coco,
                             const std::filesystem::path& path) {
  const CategoryLabels labels = CategoryLabels::ByAscendingId(coco.categories);
  std::vector<CocoDetection> all;
  for (size_t i = 0; i < checked.size(); ++i) {
    for (const evaluation::DetectedBox& one : checked[i].detections) {
      const auto label = static_cast<uint32_t>(one.class_index) + 1;
      all.push_back({coco.images[i].id,
                     labels.CategoryIdOf(label).value(),
                     {one.box.x, one.box.y, one.box.width, one.box.height},
                     one.score});
    }
  }
  return WriteCocoResults(all, path);
}

}  // namespace

absl::Status RunLabelErrorsCommand(const LabelErrorsOptions& options, std::ostream& log) {
  detection::ConfigureRuntime(0);
  const absl::StatusOr<v1::Recipe> recipe = ReadRecipeOf(options);
  if (!recipe.ok()) return recipe.status();
  const absl::StatusOr<torch::Device> device = ResolveDevice(options.device, 1);
  if (!device.ok()) return device.status();
  absl::StatusOr<CocoFile> coco =
      ReadCocoFile(options.coco, {.purpose = CocoPurpose::kTruth, .images_dir = options.images});
  if (!coco.ok()) return coco.status();
  if (absl::Status fits = FitToPictures(*coco); !fits.ok()) return fits;
  const absl::StatusOr<TrainingSet> set = TrainingSetFromCoco(*coco, coco->images_dir, options.range);
  if (!set.ok()) return set.status();
  const absl::StatusOr<std::optional<SafetensorsFile>> init = ReadInitialWeights(options);
  if (!init.ok()) return init.status();
  absl::StatusOr<WholeFile> out = WholeFile::Open(options.out);  // now, not after the trainings
  if (!out.ok()) return out.status();
  const uint32_t of_recipe = recipe->label_errors().folds();
  const uint32_t folds = options.folds.value_or(of_recipe > 0 ? of_recipe : kFolds);
  std::vector<evaluation::CheckedImage> checked(set->images.size());
  for (uint32_t fold = 1; fold <= folds; ++fold) {
    const SafetensorsFile* weights = init->has_value() ? &**init : nullptr;
    absl::Status done = CheckFold(*recipe, *set, fold, folds, weights, *device, log, checked);
    if (!done.ok()) return done;
  }
  if (options.detections.has_value()) {
    absl::Status written = WriteDetections(checked, *coco, *options.detections);
    if (!written.ok()) return written;
  }
  return WriteErrors(evaluation::FindLabelErrors(checked), *coco, *out);
}

}  // namespace loupe
