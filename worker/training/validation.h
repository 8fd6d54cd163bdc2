// Measures a detector on validation images during its training.
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

// The detector's boxes as `evaluation` takes them. corners: x1, y1, x2, y2.
evaluation::Box BoxOfCorners(const float* corners);
void AddDetections(int32_t image, const detection::Detections& detections,
                   std::vector<evaluation::DetectedBox>& detected);

// COCO's metrics of the model's detections on the images; -1 when no image has a box. A region to ignore
// counts for every class. Draws no random numbers and doesn't change the model. batch_size: images per
// forward pass. Requires: the model is in eval mode. Errors: those of TrainingImage::load. Throws c10::Error
// when LibTorch fails.
absl::StatusOr<evaluation::CocoSummary> MeasureDetector(const std::vector<TrainingImage>& images,
                                                        int64_t batch_size, detection::FasterRcnn& model);

}  // namespace loupe
