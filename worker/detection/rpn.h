// Region proposal network: boxes that may hold an object.

#ifndef LOUPE_WORKER_DETECTION_RPN_H_
#define LOUPE_WORKER_DETECTION_RPN_H_

#include <torch/nn/module.h>

#include <memory>
#include <vector>

#include "loupe/v1/detector.pb.h"
#include "worker/detection/anchors.h"
#include "worker/detection/box_coder.h"
#include "worker/detection/conv_norm.h"
#include "worker/detection/transform.h"
#include "worker/detection/types.h"

namespace loupe::detection {

// The head's output for every anchor of one pyramid level. The anchors of a cell are adjacent.
struct RpnLevel {        // float32
  torch::Tensor logits;  // [N, H * W * A]
  torch::Tensor deltas;  // [N, H * W * A, 4]
  ImageSize grid;
};

// A 3x3 convolution, then objectness and deltas, with the same weights on each level.
class RpnHead : public torch::nn::Module {
 public:
  RpnHead(int64_t channels, int64_t anchors_per_cell);

  RpnLevel Forward(const torch::Tensor& level) const;

 private:
  ConvNorm conv_;
  ConvNorm cls_logits_;
  ConvNorm bbox_pred_;
};

class RegionProposalNetwork : public torch::nn::Module {
 public:
  explicit RegionProposalNetwork(const v1::Detector& config);

  struct Output {
    std::vector<torch::Tensor> proposals;  // per image: [P, 4], by descending objectness, without gradient
    std::vector<RpnLevel> levels;
    std::vector<torch::Tensor> anchors;  // per level: [H * W * A, 4]
  };
  // Shapes: features are L maps [N, F, H, W].
  Output Forward(const std::vector<torch::Tensor>& features, const Batch& batch);

  struct RpnLosses {
    torch::Tensor objectness;
    torch::Tensor box_reg;
    int64_t anchors = 0;  // sampled
  };
  // Binary cross entropy of sampled anchors, and the loss of the positives' boxes; both divided by the number
  // of sampled anchors. `targets` are in pixels of the resized images.
  RpnLosses ComputeLosses(const Output& output, const std::vector<Target>& targets) const;

 private:
  std::vector<torch::Tensor> Propose(const std::vector<RpnLevel>& levels,
                                     const std::vector<torch::Tensor>& anchors, const Batch& batch) const;
  // Proposals from the candidates [M, 4] of all levels of one image.
  torch::Tensor FilterCandidates(const torch::Tensor& candidates, const torch::Tensor& scores,
                                 const torch::Tensor& levels, ImageSize image) const;

  v1::Detector config_;
  AnchorGenerator anchor_generator_;
  BoxCoder box_coder_;
  std::shared_ptr<RpnHead> head_;
};

}  // namespace loupe::detection

#endif  // LOUPE_WORKER_DETECTION_RPN_H_
