// The box head: two fully connected layers on pooled features, then classes and box deltas.

#ifndef LOUPE_WORKER_DETECTION_BOX_HEAD_H_
#define LOUPE_WORKER_DETECTION_BOX_HEAD_H_

#include <torch/nn/module.h>
#include <torch/nn/modules/linear.h>

#include <memory>

#include "loupe/v1/detector.pb.h"
#include "worker/detection/onednn.h"
#include "worker/detection/weight_version.h"

namespace loupe::detection {

// A fully connected layer, prepared for prediction on a CPU. It is prepared again when its weights change.
class PreparedLinear {
 public:
  // Shapes: x [P, in], or [P, C, S, S] channels-last when the layer's columns are in the order C, S, S.
  // Returns [P, out], of x's type.
  torch::Tensor Forward(const torch::Tensor& x, const torch::nn::Linear& layer, Activation activation);

 private:
  std::unique_ptr<OneDnnLinear> prepared_;
  torch::ScalarType type_ = torch::kFloat32;  // the type of input that it was prepared for
  WeightVersion version_;                     // the weights that it was prepared from
};

// torchvision's TwoMLPHead.
class BoxHead : public torch::nn::Module {
 public:
  // `pooled_size` is the side S of the pooled grid, `width` R.
  BoxHead(int64_t in_channels, int64_t pooled_size, int64_t width);

  // Shapes: pooled [P, in_channels, S, S]. Computes in the type of `pooled`. Returns [P, R] float32.
  torch::Tensor Forward(const torch::Tensor& pooled);

 private:
  torch::nn::Linear fc6_;
  torch::nn::Linear fc7_;
  PreparedLinear prepared_fc6_, prepared_fc7_;
};

// torchvision's FastRCNNPredictor.
class BoxPredictor : public torch::nn::Module {
 public:
  // Reads box_head_width and class_agnostic_boxes.
  BoxPredictor(const v1::Detector& config, int64_t num_classes);

  struct Output {
    torch::Tensor logits;  // [P, C + 1]
    torch::Tensor deltas;  // [P, 4 * (C + 1)], or [P, 4] for all classes
  };
  // Shapes: features [P, R].
  Output Forward(const torch::Tensor& features);

 private:
  torch::nn::Linear cls_score_;
  torch::nn::Linear bbox_pred_;
  PreparedLinear prepared_cls_score_, prepared_bbox_pred_;
};

}  // namespace loupe::detection

#endif  // LOUPE_WORKER_DETECTION_BOX_HEAD_H_
