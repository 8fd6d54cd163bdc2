// Where a training stands, so that it can go on in another process to the very same weights.
//
// There is no state of a random generator in it: whatever is random in a batch is drawn from generators
// seeded with the recipe's seed and the batch's number (trainer.h).
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
  std::string fingerprint;   // of recipe, classes and images: what must not differ when it goes on
  double late_loss_sum = 0;  // over the steps of the last tenth that are done
  ClassQuality::State class_quality;
  std::map<std::string, torch::Tensor> model;      // StateDict
  std::map<std::string, torch::Tensor> average;    // StateDict of the averaged weights; empty without them
  std::map<std::string, torch::Tensor> optimizer;  // "<quantity>/<parameter>"
  std::vector<std::string> frozen_norms;
  std::vector<std::string> pretrained;  // parameters that came from the initial weights
};

// A safetensors file, written to a temporary name and renamed. Errors: INTERNAL when the disk refuses.
absl::Status WriteCheckpoint(const std::filesystem::path& path, const Checkpoint& checkpoint);

// Errors: NOT_FOUND; INVALID_ARGUMENT when the file is no checkpoint or is damaged.
absl::StatusOr<Checkpoint> ReadCheckpoint(const std::filesystem::path& path);

}  // namespace loupe
