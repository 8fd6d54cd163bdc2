// `loupe-worker label-errors`: looks for errors in the labels of a COCO file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <ostream>

#include "absl/status/status.h"
#include "worker/commands/training_options.h"

namespace loupe {

struct LabelErrorsOptions : TrainingOptions {
  std::optional<uint32_t> folds;  // default: the recipe's; 3 if it has none
  std::filesystem::path out;
  std::optional<std::filesystem::path> detections;  // COCO results: of each model on the fold it never saw
};

// Splits the images into folds, trains a model for each on the others, and writes what it doubts in the fold
// to `out`: a JSON array, the likeliest error first, of {"image_id", "annotation_id", "kind", "bbox",
// "category_id", "log_odds"}. What doesn't apply to a kind is left out. Errors: those of the files, the
// recipe and Trainer.
absl::Status RunLabelErrorsCommand(const LabelErrorsOptions& options, std::ostream& log);

}  // namespace loupe
