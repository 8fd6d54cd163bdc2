// How good a detector is while it is trained.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "evaluation/coco_metrics.h"
#include "worker/training/training_set.h"

namespace loupe::detection {
class FasterRcnn;
}

namespace loupe {

// COCO's figures for what `model` detects on the images; -1 where no image has a box. A region to ignore is
// one for every class. Draws no random numbers and leaves the model as it is. batch_size: images predicted at
// once. Requires: eval mode. Errors: of the images that can't be read. c10::Error where LibTorch fails.
absl::StatusOr<evaluation::CocoSummary> MeasureDetector(const std::vector<TrainingImage>& images,
                                                        int64_t batch_size, detection::FasterRcnn& model);

}  // namespace loupe
