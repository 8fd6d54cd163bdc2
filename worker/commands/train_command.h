// `loupe-worker train`: trains a model on a COCO file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "content/intensity_range.h"

namespace loupe {

struct TrainOptions {
  std::filesystem::path coco;
  std::filesystem::path images;
  std::optional<std::filesystem::path> recipe;  // protobuf text; the options below override it
  std::optional<std::string> preset;
  std::optional<std::filesystem::path> init;    // .safetensors, .pth or .pkl
  std::optional<std::filesystem::path> config;  // of Detectron2, of `init`
  std::vector<std::string> class_names;         // of `init`, in order of label; default: as in the file
  // Validation images, which measure AP during training. Both or neither are set. The categories are those of
  // `coco`.
  std::optional<std::filesystem::path> val_coco;
  std::optional<std::filesystem::path> val_images;
  std::string device = "auto";
  std::filesystem::path out;
  std::optional<uint32_t> iterations;
  std::optional<uint64_t> seed;
  IntensityRange range;  // of pictures with 16 bits
  int processes = 1;     // share every batch and the cores of the CPU
};

// Writes out/model.safetensors. During training it keeps out/checkpoint.safetensors, from which a repeated
// command continues; the checkpoint is removed at the end. Errors: those of the files, the recipe, Trainer
// and RunProcesses. Requires: the program has no other threads yet.
absl::Status RunTrainCommand(const TrainOptions& options, std::ostream& log);

}  // namespace loupe
