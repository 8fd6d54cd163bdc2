// From the box head's output for one image to its detections.

#ifndef LOUPE_WORKER_DETECTION_POSTPROCESS_H_
#define LOUPE_WORKER_DETECTION_POSTPROCESS_H_

#include <torch/types.h>

#include "worker/detection/types.h"

namespace loupe::detection {

// The box head's output for the proposals of one image.
struct ProposalScores {
  torch::Tensor boxes;          // [P, C + 1, 4], for each class, in pixels of the resized image
  torch::Tensor probabilities;  // [P, C + 1]
  torch::Tensor features;       // [P, R]
};

// Keeps boxes above the score threshold, suppresses overlapping ones per class, and takes those with the best
// scores. `projection` [R, D] makes Detections::embedding.
Detections SelectDetections(const ProposalScores& scores, ImageSize image, const DetectOptions& options,
                            const torch::Tensor& projection);

// The matrix [width, embedding_width] of ±1 that projects embeddings. It must never change: stored embeddings
// are compared.
torch::Tensor EmbeddingProjection(int64_t width, int64_t embedding_width);

}  // namespace loupe::detection

#endif  // LOUPE_WORKER_DETECTION_POSTPROCESS_H_
