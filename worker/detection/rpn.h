// Region proposal network: where in the image something may be.

#ifndef LOUPE_WORKER_DETECTION_RPN_H_
#define LOUPE_WORKER_DETECTION_RPN_H_

#include <torch/nn/module.h>

#include <memory>
#include <vector>

#include "worker/detection/anchors.h"
#include "worker/detection/box_coder.h"
#include "worker/detection/conv_norm.h"
#include "worker/detection/preset.h"
#include "worker/detection/transform.h"
#include "worker/detection/types.h"

namespace loupe::detection {

// What the head says of every anchor of one pyramid level; the anchors of a cell are neighbours.
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
  explicit RegionProposalNetwork(const FasterRcnnConfig& config);

  struct Output {
    std::vector<torch::Tensor> proposals;  // an image: [P, 4], by falling objectness, without gradient
    std::vector<RpnLevel> levels;
    std::vector<torch::Tensor> anchors;  // a level: [H * W * A, 4]
  };
  // Shapes: features are L maps [N, F, H, W].
  Output Forward(const std::vector<torch::Tensor>& features, const Batch& batch);

  struct RpnLosses {
    torch::Tensor objectness;
    torch::Tensor box_reg;
    int64_t anchors = 0;  // sampled
  };
  // Binary cross entropy of sampled anchors, and smooth L1 of the positives' deltas, over all sampled.
  // `targets` are in pixels of the resized images.
  RpnLosses ComputeLosses(const Output& output, const std::vector<Target>& targets) const;

 private:
  std::vector<torch::Tensor> Propose(const std::vector<RpnLevel>& levels,
                                     const std::vector<torch::Tensor>& anchors, const Batch& batch) const;
  // Candidates [M, 4] of one image, of all levels, to proposals.
  torch::Tensor FilterCandidates(const torch::Tensor& candidates, const torch::Tensor& scores,
                                 const torch::Tensor& levels, ImageSize image) const;

  FasterRcnnConfig config_;
  AnchorGenerator anchor_generator_;
  BoxCoder box_coder_;
  std::shared_ptr<RpnHead> head_;
};

}  // namespace loupe::detection

#endif  // LOUPE_WORKER_DETECTION_RPN_H_
