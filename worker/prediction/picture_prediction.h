// Predicts many pictures in batches. A background thread loads the batches ahead of time.
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
  // The size as displayed, found without decoding the picture; {0, 0} when unknown. A wrong size only costs
  // time, for padding.
  std::function<detection::ImageSize()> size;
  // [3, H, W] RGB, of a type that Levels takes.
  std::function<absl::StatusOr<torch::Tensor>()> load;
};

struct PredictOptions {
  detection::DetectOptions detect;
  bool mirrored = false;
  size_t batch_size = 8;  // the largest
};

// Calls `take` once per picture, with its prediction or with the error that occurred while loading it.
// A batch has only pictures that the detector pads to the same size. So no time is spent on padding, and the
// prediction of a picture doesn't depend on the other pictures. This changes the order of the pictures,
// within windows of 32 batches. `size` and `load` are called on a background thread, one call at a time.
// Errors: an error of `take` ends the function and is returned; INTERNAL when LibTorch fails.
absl::Status PredictPictures(
    Predictor& predictor, const std::vector<Picture>& pictures, const PredictOptions& options,
    absl::FunctionRef<absl::Status(size_t index, absl::StatusOr<Prediction> prediction)> take);

// Groups the indices of equal sizes, at most `batch_size` per group. Groups are ordered by their first index;
// every index is in one group.
std::vector<std::vector<size_t>> GroupBySize(const std::vector<detection::ImageSize>& sizes,
                                             size_t batch_size);

}  // namespace loupe
