#include "worker/command_line.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "content/text.h"
#include "recipe/precisions.h"
#include "recipe/presets.h"
#include "version/version.h"
#include "worker/prediction/device_name.h"

namespace loupe {
namespace {

constexpr int kWrongUsage = 2;
constexpr size_t kMaxNameBytes = 1000;

void AddDevice(CLI::App& command, std::string& device) {
  const auto check = [](const std::string& name) {
    return IsDeviceName(name) ? std::string() : "must be auto, cpu or cuda:N";
  };
  command
      .add_option("--device", device,
                  "Compute on auto, cpu or cuda:N; auto is the first GPU if there is one, else the CPU")
      ->check(check);
}

// For commands that read picture files.
void AddRange(CLI::App& command, IntensityRange& range) {
  const auto set = [&range](const std::vector<std::string>& levels) {
    constexpr int kLargest = std::numeric_limits<uint16_t>::max();
    std::array<int, 2> parsed = {};
    for (size_t i = 0; i < parsed.size(); ++i) {
      if (!CLI::detail::lexical_cast(levels[i], parsed[i]) || parsed[i] < 0 || parsed[i] > kLargest)
        return false;
    }
    range = {static_cast<uint16_t>(parsed[0]), static_cast<uint16_t>(parsed[1])};
    return range.low < range.high;
  };
  command
      .add_option("--intensity-range", set,
                  "Levels of 16-bit pictures that are black and white, e.g. 0 4095; default: 0 65535")
      ->type_name("LEVEL")
      ->expected(2);
}

// Names as people write them, with spaces after commas. Throws CLI::ValidationError.
std::vector<std::string> ClassNamesIn(const std::string& text) {
  std::vector<std::string> names;
  for (const absl::string_view part : absl::StrSplit(text, ',')) {
    const std::string name(absl::StripAsciiWhitespace(part));
    if (name.empty() || name.size() > kMaxNameBytes || !IsUtf8(name) || HasControlCharacter(name)) {
      throw CLI::ValidationError("--class-names", "each name must be a text of 1 to 1000 bytes in UTF-8");
    }
    if (std::find(names.begin(), names.end(), name) != names.end()) {
      throw CLI::ValidationError("--class-names", absl::StrCat("it names '", name, "' twice"));
    }
    names.push_back(name);
  }
  return names;
}

void AddClassNames(CLI::App& command, std::vector<std::string>& names, const std::string& help) {
  command
      .add_option_function<std::string>(
          "--class-names", [&names](const std::string& text) { names = ClassNamesIn(text); }, help)
      ->type_name("NAME,...");
}

// For commands that read a weight file.
void AddDescription(CLI::App& command, DetectorDescription& description,
                    std::optional<std::filesystem::path>& config) {
  CLI::Option* preset = command
                            .add_option("--preset", description.preset,
                                        "Preset of the detector; default: the one that the weight file names")
                            ->check(CLI::IsMember(PresetNames()));
  command
      .add_option("--config", config,
                  "Configuration (config.yaml) of a checkpoint of Detectron2; needs --class-names")
      ->excludes(preset);
  AddClassNames(
      command, description.class_names,
      "Names of the classes, as a,b,…; default: as in the weight file. Only .safetensors files have "
      "them");
}

void AddRun(CLI::App& app, Command& chosen) {
  auto options = std::make_shared<WorkerOptions>();
  CLI::App* command =
      app.add_subcommand("run", "Take jobs from a coordinator until stopped by SIGTERM or SIGINT");
  command->add_option("--server", options->server, "Address of the coordinator, as host:port")->required();
  command->add_option("--token-file", options->token_file, "File that holds a token with the role worker")
      ->required();
  command->add_option("--ca-cert", options->ca_cert,
                      "Certificate of the authority (CA) that signed the coordinator's certificate");
  AddDevice(*command, options->device);
  command->add_option("--cache-dir", options->cache_dir,
                      "Folder that keeps up to 4 GiB of pictures and weights between jobs");
  command
      ->add_option(
          "--processes", options->processes,
          "Number of workers on the CPU, with one thread each; 1 means one worker that uses all cores")
      ->check(CLI::Range(1, 1024));
  command->callback([options, &chosen] { chosen = *options; });
}

// For commands that train on files.
void AddTraining(CLI::App& command, TrainingOptions& options) {
  command.add_option("--coco", options.coco, "COCO annotation file to train on")->required();
  command.add_option("--images", options.images, "Folder of its images")->required();
  command
      .add_option(
          "--preset", options.preset,
          "Preset of the detector, or detectron2: that of --init; required unless --config is given or "
          "the recipe names one")
      ->check(CLI::IsMember(RecipePresetNames()));
  command.add_option("--recipe", options.recipe,
                     "Recipe file (protobuf text); the other options override it");
  CLI::Option* init = command.add_option(
      "--init,--weights", options.init,
      "Weights to start from, of a detector or only its backbone (.safetensors, .pth or .pkl)");
  command
      .add_option("--config", options.config,
                  "Configuration (config.yaml) of --init, a checkpoint of Detectron2; needs --class-names")
      ->needs(init)
      ->excludes("--preset");
  AddClassNames(command, options.class_names,
                "Names of the classes of --init, as a,b,…; default: as in the file");
  AddDevice(command, options.device);
  AddRange(command, options.range);
  command.add_option("--iterations", options.iterations, "Number of optimizer steps")
      ->check(CLI::Range(1, 1000000));
  command.add_option(
      "--seed", options.seed,
      "Seed of all random draws; the same seed gives the same weights on the same kind of CPU");
}

// Throws CLI::RequiredError unless the options say which detector is trained.
void CheckDetectorNamed(const TrainingOptions& options) {
  const bool is_described = options.config.has_value() || options.init.has_value();
  if (!options.preset.has_value() && !is_described && !options.recipe.has_value()) {
    throw CLI::RequiredError("--preset");
  }
  if (options.preset == kDetectron2Preset && !options.init.has_value()) {
    throw CLI::RequiredError("--init, which describes the detector,");
  }
}

void AddTrain(CLI::App& app, Command& chosen) {
  auto options = std::make_shared<TrainOptions>();
  CLI::App* command = app.add_subcommand("train", "Train a detector on the images of a COCO file");
  AddTraining(*command, *options);
  CLI::Option* val_coco =
      command->add_option("--val-coco", options->val_coco,
                          "COCO annotation file of validation images, which measure AP during training");
  CLI::Option* val_images =
      command->add_option("--val-images", options->val_images, "Folder of the validation images");
  val_coco->needs(val_images);
  val_images->needs(val_coco);
  command->add_option("--out", options->out, "Folder for model.safetensors and the checkpoint")->required();
  command
      ->add_option("--processes", options->processes,
                   "Number of processes that share every batch and the cores of the CPU")
      ->check(CLI::Range(1, 256));
  command->callback([options, &chosen] {
    CheckDetectorNamed(*options);
    chosen = *options;
  });
}

void AddLabelErrors(CLI::App& app, Command& chosen) {
  auto options = std::make_shared<LabelErrorsOptions>();
  CLI::App* command = app.add_subcommand(
      "label-errors", "List the labels of a COCO file that are likely wrong, by models that never saw them");
  AddTraining(*command, *options);
  command
      ->add_option(
          "--folds", options->folds,
          "Number of parts; a model is trained for each on the others, and searches it; default: the "
          "recipe's, or 3")
      ->check(CLI::Range(2, 10));
  command->add_option("--out", options->out, "JSON file for the errors, the likeliest first")->required();
  command->add_option("--detections", options->detections,
                      "COCO results file for what each model detects in the part that it never saw");
  command->callback([options, &chosen] {
    CheckDetectorNamed(*options);
    chosen = *options;
  });
}

void AddDetect(CLI::App& app, Command& chosen) {
  auto options = std::make_shared<DetectFilesOptions>();
  CLI::App* command =
      app.add_subcommand("detect", "Detect objects in picture files or in the images of a COCO file");
  command->add_option("--weights", options->weights, "Weights of the detector (.safetensors, .pth or .pkl)")
      ->required();
  AddDescription(*command, options->description, options->config);
  command
      ->add_option("--classes", options->description.num_classes,
                   "Number of classes, without background; default: as in the weight file")
      ->check(CLI::Range(1, 100000));
  command
      ->add_option("--min-size", options->description.min_size,
                   "Length of the shorter side after resizing, in pixels")
      ->check(CLI::Range(1, 8192));
  command
      ->add_option("--max-size", options->description.max_size,
                   "Largest length of the longer side after resizing, in pixels")
      ->check(CLI::Range(1, 8192));
  command
      ->add_option(
          "--score-threshold", options->score_threshold,
          "Lowest score of a box that is reported; default: the detector's (presets: 0.05), with --coco 0.01")
      ->check(CLI::Range(0.0, 1.0));
  command->add_option("--batch", options->batch_size, "Number of images per batch")
      ->check(CLI::Range(1, 256));
  AddDevice(*command, options->device);
  AddRange(*command, options->range);
  command
      ->add_option("--precision", options->precision,
                   "float32 (default) or bfloat16, which is faster only on CPUs with avx512_bf16")
      ->check(CLI::IsMember(std::vector<std::string>(kPrecisionNames.begin(), kPrecisionNames.end())));
  command->add_option("--threads", options->threads, "Number of threads; default: one per core")
      ->check(CLI::Range(1, 1024));
  command->add_flag_function(
      "--json", [](int64_t) {}, "Print one JSON object per image; this is always done");
  CLI::Option* coco =
      command->add_option("--coco", options->coco, "COCO annotation file that lists the images");
  CLI::Option* folder =
      command->add_option("--images", options->images_dir, "Folder of the images of --coco");
  CLI::Option* out = command->add_option("--out", options->out, "COCO results file to write");
  CLI::Option* files =
      command->add_option("IMAGE", options->images, "Picture files, and folders of pictures");
  coco->needs(folder)->needs(out)->excludes(files);
  folder->needs(coco);
  out->needs(coco);
  command->callback([options, &chosen] {
    if (!options->coco.has_value() && options->images.empty()) throw CLI::RequiredError("IMAGE or --coco");
    chosen = *options;
  });
}

void AddConvert(CLI::App& app, Command& chosen) {
  auto options = std::make_shared<ConvertOptions>();
  CLI::App* command = app.add_subcommand("convert", "Convert the weights of a detector to another format");
  command->add_option("--from,--weights", options->from, "Weight file to read (.safetensors, .pth or .pkl)")
      ->required();
  command->add_option("--to", options->to, "Weight file to write; its name ends in .safetensors or .pth")
      ->required();
  AddDescription(*command, options->description, options->config);
  command->callback([options, &chosen] { chosen = *options; });
}

void AddEvaluate(CLI::App& app, Command& chosen) {
  auto options = std::make_shared<EvaluateOptions>();
  CLI::App* command = app.add_subcommand("eval", "Compute COCO's metrics of detections");
  command->add_option("--ground-truth", options->ground_truth, "COCO annotation file with the true boxes")
      ->required();
  command->add_option("--detections", options->detections, "COCO results file with the detections")
      ->required();
  command->add_flag("--json", options->json, "Print one JSON object with full precision instead of tables");
  command->callback([options, &chosen] { chosen = *options; });
}

void AddSample(CLI::App& app, Command& chosen) {
  auto options = std::make_shared<SampleOptions>();
  CLI::App* command = app.add_subcommand(
      "sample", "Write made-up pictures of machined parts with defects, and their annotations");
  command->add_option("--out", options->out, "Folder for images/ and annotations.json")->required();
  command->add_option("--images", options->images, "Number of pictures")
      ->required()
      ->check(CLI::Range(1, 1000000));
  command->add_option("--seed", options->seed,
                      "Seed of all random draws; the same seed gives the same pictures");
  command->callback([options, &chosen] { chosen = *options; });
}

}  // namespace

Command ParseCommandLine(int argc, char** argv) {
  CLI::App app("Trains and runs Loupe's detectors, for a coordinator or on files.", "loupe-worker");
  app.set_version_flag("--version", VersionLine("loupe-worker"));
  app.require_subcommand(1);
  Command chosen;
  AddRun(app, chosen);
  AddTrain(app, chosen);
  AddDetect(app, chosen);
  AddConvert(app, chosen);
  AddEvaluate(app, chosen);
  AddLabelErrors(app, chosen);
  AddSample(app, chosen);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::exit(app.exit(error) == 0 ? 0 : kWrongUsage);
  }
  return chosen;
}

}  // namespace loupe
