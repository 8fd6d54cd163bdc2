// `loupe-worker train`: a model from a COCO file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <ostream>
#include <string>

#include "absl/status/status.h"

namespace loupe {

struct TrainOptions {
  std::filesystem::path coco;
  std::filesystem::path images;
  std::optional<std::filesystem::path> recipe;  // protobuf text; the options below go over it
  std::optional<std::string> preset;
  std::optional<std::filesystem::path> init;  // safetensors
  // Judge the model while it trains; both or neither. `coco` and this one have the same categories.
  std::optional<std::filesystem::path> val_coco;
  std::optional<std::filesystem::path> val_images;
  std::string device = "auto";
  std::filesystem::path out;
  std::optional<uint32_t> iterations;
  std::optional<uint64_t> seed;
  int processes = 1;  // that share every batch, and the cores
};

// Writes out/model.safetensors. Until that is done out/checkpoint.safetensors is where a repeated command
// goes on from; then it is removed. Errors: those of the files, of the recipe, of Trainer and of
// RunProcesses. Requires: no threads yet.
absl::Status RunTrainCommand(const TrainOptions& options, std::ostream& log);

}  // namespace loupe
