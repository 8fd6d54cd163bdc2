// What a detector says of images whose labels it has not learned.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "evaluation/label_errors.h"
#include "worker/training/training_set.h"

namespace loupe::detection {
class FasterRcnn;
}

namespace loupe {

// What FindLabelErrors judges: one entry per image, whose labels are in the order of BoxesOf. Draws no random
// numbers. batch_size: images per forward pass. go_on: called before each batch; an error ends the work. Sets
// the model to eval mode. Errors: of `go_on` and of TrainingImage::load; INTERNAL when LibTorch fails.
absl::StatusOr<std::vector<evaluation::CheckedImage>> CheckImages(const std::vector<TrainingImage>& images,
                                                                  int64_t batch_size,
                                                                  detection::FasterRcnn& model,
                                                                  absl::FunctionRef<absl::Status()> go_on);

// The image's fold, from 1 to `folds`: a hash of its name decides.
uint32_t FoldOf(const TrainingImage& image, uint32_t folds);

}  // namespace loupe
