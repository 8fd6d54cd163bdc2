// `loupe-worker`: trains and runs detectors, for a coordinator or on files.
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <iostream>
#include <memory>
#include <string>
#include <utility>

#include <CLI/CLI.hpp>

#include "absl/status/status.h"
#include "content/picture_header.h"
#include "recipe/presets.h"
#include "version/version.h"
#include "worker/commands/detect_command.h"
#include "worker/commands/evaluate_command.h"
#include "worker/commands/train_command.h"
#include "worker/detection/runtime.h"
#include "worker/jobs/job_loop.h"
#include "worker/prediction/device.h"
#include "worker/prediction/weight_file.h"
#include "worker/sample/sample.h"

namespace {

constexpr int kWrongUsage = 2;

// What the chosen subcommand does, once all arguments are known to be fine.
using Action = std::function<absl::Status()>;

// Settings that libraries read while they are loaded, so that they have to be there before the program
// starts. What the environment says already holds.
//   OpenCV: pictures of more pixels are not decoded.
//   OpenMP: threads that wait for work spin for some 30 µs, not for milliseconds, before they sleep; where
//   the coordinator or another worker runs on the same cores, spinning made training ten times slower.
//   OpenBLAS: so do its threads (2^4 cycles), which OpenMP's don't wait for: they took a seventh of a
//   training's time.
//   LibTorch: cuDNN takes convolutions in bfloat16.
void SetUpLibraries(char** argv) {
  const std::pair<const char*, std::string> settings[] = {
      {"OPENCV_IO_MAX_IMAGE_PIXELS", std::to_string(loupe::kMaxPicturePixels)},
      {"GOMP_SPINCOUNT", "1000"},
      {"OPENBLAS_THREAD_TIMEOUT", "4"},
      {"TORCH_CUDNN_V8_API_ENABLED", "1"}};
  bool complete = true;
  for (const auto& [name, value] : settings) {
    complete = complete && std::getenv(name) != nullptr;
    setenv(name, value.c_str(), /*replace=*/0);
  }
  if (complete) return;
  std::error_code error;
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", error);
  if (!error) execv(program.c_str(), argv);
}

void AddDevice(CLI::App& command, std::string& device) {
  const auto check = [](const std::string& name) {
    return loupe::IsDeviceName(name) ? std::string() : "must be auto, cpu or cuda:N";
  };
  command.add_option("--device", device, "auto, cpu or cuda:N; auto: the first GPU, else the CPU")
      ->check(check);
}

void AddRun(CLI::App& app, Action& action) {
  auto options = std::make_shared<loupe::WorkerOptions>();
  CLI::App* command = app.add_subcommand("run", "Do a coordinator's jobs until told to stop");
  command->add_option("--server", options->server, "coordinator, host:port")->required();
  command->add_option("--token-file", options->token_file, "file with a token of role worker")->required();
  command->add_option("--ca-cert", options->ca_cert,
                      "certificate of the authority that signed the coordinator's");
  AddDevice(*command, options->device);
  command->add_option("--cache-dir", options->cache_dir, "pictures and weights are kept here, up to 4 GiB");
  command
      ->add_option("--processes", options->processes,
                   "so many workers on the CPU, one thread each; 1: all cores")
      ->check(CLI::Range(1, 1024));
  command->callback([options, &action] { action = [options] { return loupe::RunWorker(*options); }; });
}

void AddTrain(CLI::App& app, Action& action) {
  auto options = std::make_shared<loupe::TrainOptions>();
  CLI::App* command = app.add_subcommand("train", "Train a detector on the images of a COCO file");
  command->add_option("--coco", options->coco, "COCO annotation file")->required();
  command->add_option("--images", options->images, "folder of the images")->required();
  command->add_option("--preset", options->preset, "detector; needed unless the recipe names one")
      ->check(CLI::IsMember(loupe::PresetNames()));
  command->add_option("--recipe", options->recipe, "recipe (protobuf text); the other options go over it");
  command->add_option("--init", options->init,
                      "weights to start from (.safetensors or .pth), whole or a backbone alone");
  CLI::Option* val_coco = command->add_option("--val-coco", options->val_coco,
                                              "COCO file of images that judge it while it trains");
  CLI::Option* val_images =
      command->add_option("--val-images", options->val_images, "folder of these images");
  val_coco->needs(val_images);
  val_images->needs(val_coco);
  AddDevice(*command, options->device);
  command->add_option("--out", options->out, "folder for model.safetensors and checkpoints")->required();
  command->add_option("--iterations", options->iterations, "optimizer steps")->check(CLI::Range(1, 1000000));
  command->add_option("--seed", options->seed,
                      "the same seed gives the same weights on the same kind of CPU");
  command->add_option("--processes", options->processes, "processes that share every batch, and the cores")
      ->check(CLI::Range(1, 256));
  command->callback([options, &action] {
    if (!options->preset.has_value() && !options->recipe.has_value()) throw CLI::RequiredError("--preset");
    action = [options] { return loupe::RunTrainCommand(*options, std::cerr); };
  });
}

void AddDetect(CLI::App& app, Action& action) {
  auto options = std::make_shared<loupe::DetectFilesOptions>();
  auto threads = std::make_shared<int>(0);
  CLI::App* command =
      app.add_subcommand("detect", "Boxes for picture files, or for the images of a COCO file");
  command->add_option("--weights", options->weights, ".safetensors or .pth file")->required();
  command->add_option("--preset", options->description.preset, "detector; default: what the file says")
      ->check(CLI::IsMember(loupe::PresetNames()));
  command
      ->add_option("--classes", options->description.num_classes,
                   "without background; default: what the file says")
      ->check(CLI::Range(1, 100000));
  command->add_option("--min-size", options->description.min_size, "shorter side in pixels after resizing")
      ->check(CLI::Range(1, 8192));
  command
      ->add_option("--max-size", options->description.max_size, "upper bound of the longer side, in pixels")
      ->check(CLI::Range(1, 8192));
  command->add_option("--score-threshold", options->score_threshold, "default 0.05; 0.01 with --coco")
      ->check(CLI::Range(0.0, 1.0));
  command->add_option("--batch", options->batch_size, "images at once")->check(CLI::Range(1, 256));
  AddDevice(*command, options->device);
  command
      ->add_option("--precision", options->precision,
                   "float32 (default), or bfloat16: faster on CPUs with avx512_bf16 only")
      ->check(CLI::IsMember({"float32", "bfloat16"}));
  command->add_option("--threads", *threads, "default: one a core")->check(CLI::Range(1, 1024));
  command->add_flag_function(
      "--json", [](int64_t) {}, "one JSON object a line, which is the only form there is");
  CLI::Option* coco = command->add_option("--coco", options->coco, "COCO file whose images to take");
  CLI::Option* folder = command->add_option("--images", options->images_dir, "folder of these images");
  CLI::Option* out = command->add_option("--out", options->out, "COCO results file to write");
  CLI::Option* files = command->add_option("IMAGE", options->images, "picture files");
  coco->needs(folder)->needs(out)->excludes(files);
  folder->needs(coco);
  out->needs(coco);
  command->callback([options, threads, &action] {
    if (!options->coco.has_value() && options->images.empty()) throw CLI::RequiredError("IMAGE or --coco");
    action = [options, threads] {
      loupe::detection::ConfigureRuntime(*threads);
      return loupe::RunDetectCommand(*options, std::cout);
    };
  });
}

void AddConvert(CLI::App& app, Action& action) {
  auto options = std::make_shared<loupe::ConvertOptions>();
  CLI::App* command = app.add_subcommand("convert", "Write a detector's weights in another format");
  command->add_option("--from", options->from, ".safetensors or .pth file")->required();
  command->add_option("--to", options->to, "file to write; ends in .safetensors or .pth")->required();
  command->add_option("--preset", options->description.preset, "detector; default: what the file says")
      ->check(CLI::IsMember(loupe::PresetNames()));
  command->add_option("--class-names", options->class_names, "a,b,… kept in the metadata of .safetensors")
      ->delimiter(',');
  command->callback([options, &action] { action = [options] { return loupe::ConvertWeights(*options); }; });
}

void AddEvaluate(CLI::App& app, Action& action) {
  auto options = std::make_shared<loupe::EvaluateOptions>();
  CLI::App* command = app.add_subcommand("eval", "COCO's numbers for detections against the truth");
  command->add_option("--ground-truth", options->ground_truth, "COCO annotation file")->required();
  command->add_option("--detections", options->detections, "COCO results file")->required();
  command->add_flag("--json", options->json, "one JSON object with every digit");
  command->callback([options, &action] {
    action = [options] { return loupe::RunEvaluateCommand(*options, std::cout, std::cerr); };
  });
}

void AddSample(CLI::App& app, Action& action) {
  auto options = std::make_shared<loupe::SampleOptions>();
  CLI::App* command =
      app.add_subcommand("sample", "Made-up pictures of machined parts with defects, and their truth");
  command->add_option("--out", options->out, "folder for images/ and annotations.json")->required();
  command->add_option("--images", options->images, "how many pictures")
      ->required()
      ->check(CLI::Range(1, 1000000));
  command->add_option("--seed", options->seed, "the same seed gives the same pictures");
  command->callback([options, &action] { action = [options] { return loupe::WriteSample(*options); }; });
}

}  // namespace

int main(int argc, char** argv) {
  SetUpLibraries(argv);
  CLI::App app("Trains and runs Loupe's detectors, for a coordinator or on files.", "loupe-worker");
  app.set_version_flag("--version", loupe::VersionLine("loupe-worker"));
  app.require_subcommand(1);
  Action action;
  AddRun(app, action);
  AddTrain(app, action);
  AddDetect(app, action);
  AddConvert(app, action);
  AddEvaluate(app, action);
  AddSample(app, action);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kWrongUsage;
  }
  const absl::Status status = action();
  if (status.ok()) return 0;
  std::cerr << "loupe-worker: " << status.message() << "\n";
  return 1;
}
