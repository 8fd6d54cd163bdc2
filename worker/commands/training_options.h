// What the commands that train on files have in common.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "content/intensity_range.h"

namespace loupe::v1 {
class Recipe;
}

namespace loupe {

struct SafetensorsFile;
struct TrainingSet;

struct TrainingOptions {
  std::filesystem::path coco;
  std::filesystem::path images;
  std::optional<std::filesystem::path> recipe;  // protobuf text; the options below override it
  std::optional<std::string> preset;
  std::optional<std::filesystem::path> init;    // .safetensors, .pth or .pkl
  std::optional<std::filesystem::path> config;  // of Detectron2, of `init`
  std::vector<std::string> class_names;         // of `init`, in order of label; default: as in the file
  std::string device = "auto";
  std::optional<uint32_t> iterations;
  std::optional<uint64_t> seed;
  IntensityRange range;  // of pictures with 16 bits
};

// With defaults filled in. Errors: those of the file, ReadRecipe and Validate; INVALID_ARGUMENT when no
// preset is named.
absl::StatusOr<v1::Recipe> ReadRecipeOf(const TrainingOptions& options);

// Errors: those of ReadCocoFile, FitToPictures and TrainingSetFromCoco.
absl::StatusOr<TrainingSet> ReadTrainingSet(const std::filesystem::path& coco_file,
                                            const std::filesystem::path& images_dir, IntensityRange range);

// The weights of `init`, described as the options say. Errors: those of ReadWeightFile and ReadConfigOption.
absl::StatusOr<std::optional<SafetensorsFile>> ReadInitialWeights(const TrainingOptions& options);

}  // namespace loupe
