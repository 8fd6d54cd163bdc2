#include "worker/commands/training_options.h"

#include <fstream>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "coco/coco_file.h"
#include "content/read_file.h"
#include "content/safetensors_header.h"
#include "recipe/detector_metadata.h"
#include "recipe/presets.h"
#include "recipe/recipe.h"
#include "worker/commands/config_option.h"
#include "worker/pictures/coco_pictures.h"
#include "worker/prediction/weight_file.h"

namespace loupe {
namespace {

// What a weight file of Loupe is for; empty: it doesn't say.
std::string PresetOfFile(const std::filesystem::path& weights) {
  std::error_code error;
  const uint64_t bytes = std::filesystem::file_size(weights, error);
  std::ifstream stream(weights, std::ios::binary);
  if (error || !stream) return "";
  const absl::StatusOr<SafetensorsHeader> header = ReadSafetensorsHeader(stream, bytes);
  if (!header.ok()) return "";
  const auto preset = header->metadata.find(kPresetKey);
  return preset == header->metadata.end() ? "" : preset->second;
}

// Adds to the metadata of the initial weights what the options say.
absl::Status Describe(const TrainingOptions& options, SafetensorsFile& init) {
  DetectorDescription description;
  description.class_names = options.class_names;
  if (absl::Status read = ReadConfigOption(options.config, description); !read.ok()) return read;
  if (description.detector.has_value()) init.metadata[kDetectorKey] = DetectorText(*description.detector);
  if (!options.class_names.empty())
    init.metadata[kClassesKey] = detection::ClassNamesText(options.class_names);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<v1::Recipe> ReadRecipeOf(const TrainingOptions& options) {
  std::string text;
  if (options.recipe.has_value()) {
    absl::StatusOr<std::string> content = ReadFile(*options.recipe);
    if (!content.ok()) return content.status();
    text = *std::move(content);
  }
  absl::StatusOr<v1::Recipe> read = ReadRecipe(text);
  if (!read.ok()) return read.status();
  v1::Recipe given = *std::move(read);
  if (options.preset.has_value()) given.mutable_detector()->set_preset(*options.preset);
  if (options.config.has_value()) given.mutable_detector()->set_preset(kDetectron2Preset);
  // What a recipe of a round names is a model of a project; here it is a file.
  if (options.init.has_value()) given.mutable_detector()->set_init_model(options.init->filename().string());
  if (given.detector().preset().empty() && options.init.has_value())
    given.mutable_detector()->set_preset(PresetOfFile(*options.init));
  if (given.detector().preset().empty()) {
    return absl::InvalidArgumentError(
        "which preset? Give --preset, or a recipe with detector { preset: \"...\" }");
  }
  if (options.seed.has_value()) given.set_seed(*options.seed);
  if (options.iterations.has_value()) given.mutable_training()->set_iterations(*options.iterations);
  const v1::Recipe recipe = WithDefaults(std::move(given));
  if (absl::Status valid = Validate(recipe); !valid.ok()) return valid;
  return recipe;
}

absl::StatusOr<TrainingSet> ReadTrainingSet(const std::filesystem::path& coco_file,
                                            const std::filesystem::path& images_dir, IntensityRange range) {
  absl::StatusOr<CocoFile> coco =
      ReadCocoFile(coco_file, {.purpose = CocoPurpose::kTruth, .images_dir = images_dir});
  if (!coco.ok()) return coco.status();
  if (absl::Status fits = FitToPictures(*coco); !fits.ok()) return fits;
  return TrainingSetFromCoco(*coco, coco->images_dir, range);
}

absl::StatusOr<std::optional<SafetensorsFile>> ReadInitialWeights(const TrainingOptions& options) {
  if (!options.init.has_value()) return std::nullopt;
  absl::StatusOr<SafetensorsFile> init = ReadWeightFile(*options.init);
  if (!init.ok()) return init.status();
  if (absl::Status described = Describe(options, *init); !described.ok()) return described;
  return std::optional(*std::move(init));
}

}  // namespace loupe
