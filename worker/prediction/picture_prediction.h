// Predicts many pictures, in batches that are read ahead of the network.
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "worker/detection/types.h"
#include "worker/prediction/predictor.h"

namespace loupe {

struct Picture {
  // Pixels as people see it, found without decoding. A wrong answer costs time: the batch is padded then. {0,
  // 0} when it can't be told.
  std::function<detection::ImageSize()> size;
  // [3, H, W] float32 RGB in [0, 1].
  std::function<absl::StatusOr<torch::Tensor>()> load;
};

struct PredictOptions {
  detection::DetectOptions detect;
  bool mirrored = false;
  size_t batch_size = 8;  // at most
};

// Gives `take` the prediction of each picture, or why it could not be read. Pictures that the detector pads
// to the same size share a batch, others don't: so nothing is computed for padding alone, and what is
// predicted for a picture depends on no other. For that their order changes, within the next 32 batches of
// them. `size` and `load` are called on a thread of their own, one at a time. Errors: what `take` answers,
// which ends it; INTERNAL when LibTorch fails.
absl::Status PredictPictures(
    Predictor& predictor, const std::vector<Picture>& pictures, const PredictOptions& options,
    absl::FunctionRef<absl::Status(size_t index, absl::StatusOr<Prediction> prediction)> take);

// Indices of equal sizes together, at most `batch_size` in a group, by the first index of each group; each
// once.
std::vector<std::vector<size_t>> GroupBySize(const std::vector<detection::ImageSize>& sizes,
                                             size_t batch_size);

}  // namespace loupe
