// `loupe-worker train`: trains a model on a COCO file.
#pragma once

#include <filesystem>
#include <optional>
#include <ostream>

#include "absl/status/status.h"
#include "worker/commands/training_options.h"

namespace loupe {

struct TrainOptions : TrainingOptions {
  // Validation images, which measure AP during training. Both or neither are set. The categories are those of
  // `coco`.
  std::optional<std::filesystem::path> val_coco;
  std::optional<std::filesystem::path> val_images;
  std::filesystem::path out;
  int processes = 1;  // share every batch and the cores of the CPU
};

// Writes out/model.safetensors. During training it keeps out/checkpoint.safetensors, from which a repeated
// command continues; the checkpoint is removed at the end. Errors: those of the files, the recipe, Trainer
// and RunProcesses. Requires: the program has no other threads yet.
absl::Status RunTrainCommand(const TrainOptions& options, std::ostream& log);

}  // namespace loupe
