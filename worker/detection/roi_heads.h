// The second stage: what each proposal holds, and where exactly.

#ifndef LOUPE_WORKER_DETECTION_ROI_HEADS_H_
#define LOUPE_WORKER_DETECTION_ROI_HEADS_H_

#include <torch/nn/module.h>

#include <memory>
#include <vector>

#include "worker/detection/box_coder.h"
#include "worker/detection/box_head.h"
#include "worker/detection/preset.h"
#include "worker/detection/transform.h"
#include "worker/detection/types.h"

namespace loupe::detection {

class RoiHeads : public torch::nn::Module {
 public:
  // `strides` of the levels that are pooled from.
  RoiHeads(const FasterRcnnConfig& config, const std::vector<int64_t>& strides, int64_t num_classes);

  // Detections of each image in pixels of the resized image.
  // Shapes: features are maps [N, F, H, W], at least one a stride; proposals an image [P, 4].
  std::vector<Detections> Detect(const std::vector<torch::Tensor>& features,
                                 const std::vector<torch::Tensor>& proposals, const Batch& batch,
                                 const DetectOptions& options);

  struct BoxLosses {
    torch::Tensor classifier;
    torch::Tensor box_reg;
    int64_t proposals = 0;           // sampled
    torch::Tensor positive_quality;  // [2, C]
  };
  // Cross entropy of sampled proposals (truth boxes are proposals too), and smooth L1 of the positives'
  // deltas for their class, over all sampled. `targets` are in pixels of the resized images.
  BoxLosses ComputeLosses(const std::vector<torch::Tensor>& features,
                          const std::vector<torch::Tensor>& proposals, const std::vector<Target>& targets);

 private:
  // Box-head features [P, R] of all proposals, image by image.
  torch::Tensor HeadFeatures(const std::vector<torch::Tensor>& features,
                             const std::vector<torch::Tensor>& proposals);

  FasterRcnnConfig config_;
  std::vector<int64_t> strides_;
  BoxCoder box_coder_;
  torch::Tensor projection_;  // [R, D], see Detections::embedding
  std::shared_ptr<BoxHead> box_head_;
  std::shared_ptr<BoxPredictor> box_predictor_;
};

}  // namespace loupe::detection

#endif  // LOUPE_WORKER_DETECTION_ROI_HEADS_H_
