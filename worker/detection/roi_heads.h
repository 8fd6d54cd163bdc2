// The second stage: the class of each proposal and its exact box.

#ifndef LOUPE_WORKER_DETECTION_ROI_HEADS_H_
#define LOUPE_WORKER_DETECTION_ROI_HEADS_H_

#include <torch/nn/module.h>

#include <memory>
#include <vector>

#include "loupe/v1/detector.pb.h"
#include "worker/detection/box_coder.h"
#include "worker/detection/box_head.h"
#include "worker/detection/transform.h"
#include "worker/detection/types.h"

namespace loupe::detection {

class RoiHeads : public torch::nn::Module {
 public:
  // `strides`: those of the levels that RoIAlign reads.
  RoiHeads(const v1::Detector& config, const std::vector<int64_t>& strides, int64_t num_classes);

  // Detections of each image in pixels of the resized image.
  // Shapes: features: maps [N, F, H, W], at least one per stride; proposals: [P, 4] per image.
  std::vector<Detections> Detect(const std::vector<torch::Tensor>& features,
                                 const std::vector<torch::Tensor>& proposals, const Batch& batch,
                                 const DetectOptions& options);

  // The probabilities [G, C + 1] of each image's truth boxes. `targets` are in pixels of the resized images.
  std::vector<torch::Tensor> Classify(const std::vector<torch::Tensor>& features,
                                      const std::vector<Target>& targets);

  struct BoxLosses {
    torch::Tensor classifier;
    torch::Tensor box_reg;
    int64_t proposals = 0;           // sampled
    torch::Tensor positive_quality;  // [2, C]
  };
  // Cross entropy of sampled proposals (truth boxes are proposals too), and the loss of the positives' boxes
  // for their class; both divided by the number of sampled proposals. `targets` are in pixels of the
  // resized images.
  BoxLosses ComputeLosses(const std::vector<torch::Tensor>& features,
                          const std::vector<torch::Tensor>& proposals, const std::vector<Target>& targets);

 private:
  // Box-head features [P, R] of the proposals of all images, in their order.
  torch::Tensor HeadFeatures(const std::vector<torch::Tensor>& features,
                             const std::vector<torch::Tensor>& proposals);

  v1::Detector config_;
  std::vector<int64_t> strides_;
  BoxCoder box_coder_;
  torch::Tensor projection_;  // [R, D], projects Detections::embedding
  std::shared_ptr<BoxHead> box_head_;
  std::shared_ptr<BoxPredictor> box_predictor_;
};

}  // namespace loupe::detection

#endif  // LOUPE_WORKER_DETECTION_ROI_HEADS_H_
