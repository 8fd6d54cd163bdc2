// Regression deltas: how the network expresses a box relative to an anchor or a proposal.

#ifndef LOUPE_WORKER_DETECTION_BOX_CODER_H_
#define LOUPE_WORKER_DETECTION_BOX_CODER_H_

#include <torch/types.h>

#include <array>

#include <google/protobuf/repeated_field.h>

namespace loupe::detection {

// Source: Girshick et al. 2014, appendix C; the clamp log(1000/16) of sizes is torchvision's.
class BoxCoder {
 public:
  // `weights` multiply the deltas of centre x, centre y, width and height.
  explicit BoxCoder(std::array<double, 4> weights) : weights_(weights) {}
  explicit BoxCoder(const google::protobuf::RepeatedField<float>& weights)
      : BoxCoder({weights.at(0), weights.at(1), weights.at(2), weights.at(3)}) {}

  // Deltas [N, 4] that lead from `anchors` [N, 4] to `boxes` [N, 4].
  // Requires: all sides > 0.
  torch::Tensor Encode(const torch::Tensor& boxes, const torch::Tensor& anchors) const;

  // Boxes from deltas.
  // Shapes: deltas [N, 4 * C], anchors [N, 4]. Returns [N, C, 4], not clipped to the image.
  // Requires: anchor sides > 0.
  torch::Tensor Decode(const torch::Tensor& deltas, const torch::Tensor& anchors) const;

 private:
  std::array<double, 4> weights_;
};

}  // namespace loupe::detection

#endif  // LOUPE_WORKER_DETECTION_BOX_CODER_H_
