// From the box head's output for one image to its detections.

#ifndef LOUPE_WORKER_DETECTION_POSTPROCESS_H_
#define LOUPE_WORKER_DETECTION_POSTPROCESS_H_

#include <torch/types.h>

#include "loupe/v1/detector.pb.h"
#include "worker/detection/types.h"

namespace loupe::detection {

// The box head's output for the proposals of one image.
struct ProposalScores {
  // In pixels of the resized image: [P, C + 1, 4], for each class, or [P, 1, 4], for all.
  torch::Tensor boxes;
  torch::Tensor probabilities;  // [P, C + 1]
  torch::Tensor features;       // [P, R]
};

// Keeps boxes above the score threshold, suppresses overlapping ones per class, and takes those with the best
// scores. `config` has the limits that `options` leaves open. `projection` [R, D] makes
// Detections::embedding.
Detections SelectDetections(const ProposalScores& scores, ImageSize image, const v1::Detector& config,
                            const DetectOptions& options, const torch::Tensor& projection);

// The matrix [width, embedding_width] of ±1 that projects embeddings. It must never change: stored embeddings
// are compared.
torch::Tensor EmbeddingProjection(int64_t width, int64_t embedding_width);

}  // namespace loupe::detection

#endif  // LOUPE_WORKER_DETECTION_POSTPROCESS_H_
