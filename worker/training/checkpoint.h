// The state of a training as a file, from which another process continues to exactly the same weights.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "worker/training/class_quality.h"

namespace loupe {

struct Checkpoint {
  int64_t iteration = 0;     // steps done
  std::string fingerprint;   // of recipe, classes and images; must match the training that continues
  double late_loss_sum = 0;  // of the steps done so far among the last tenth of the steps
  ClassQuality::State class_quality;
  std::map<std::string, torch::Tensor> model;  // StateDict
  std::map<std::string, torch::Tensor>
      average;  // StateDict of the averaged weights; empty without an average
  std::map<std::string, torch::Tensor> optimizer;  // "<quantity>/<parameter>"
  std::vector<std::string> frozen_norms;
  std::vector<std::string> pretrained;  // parameters taken from the initial weights
};

// Writes a safetensors file, to a temporary name that is then renamed. Errors: INTERNAL when writing fails.
absl::Status WriteCheckpoint(const std::filesystem::path& path, const Checkpoint& checkpoint);

// Errors: NOT_FOUND; INVALID_ARGUMENT when the file is not a checkpoint or is damaged.
absl::StatusOr<Checkpoint> ReadCheckpoint(const std::filesystem::path& path);

}  // namespace loupe
