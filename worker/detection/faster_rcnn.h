// Faster R-CNN as torchvision 0.14 defines it, with torchvision's parameter names.
//
// Legend of shapes, used throughout this folder:
//   N  images in a batch            C  classes without background (labels 1..C; 0 is background)
//   G  truth boxes of an image      K  detections of an image
//   I  regions to ignore            P  proposals of an image
//   A  anchors per cell             L  pyramid levels, the pooled one included
//   D  numbers in an embedding      R  width of the box head
// Boxes are [x1, y1, x2, y2] in pixels, float32, x2 > x1 and y2 > y1.
//
// Source: Ren et al. 2015 (Faster R-CNN), Lin et al. 2017 (FPN), torchvision 0.14.1.

#ifndef LOUPE_WORKER_DETECTION_FASTER_RCNN_H_
#define LOUPE_WORKER_DETECTION_FASTER_RCNN_H_

#include <torch/nn/module.h>

#include <memory>
#include <vector>

#include "loupe/v1/detector.pb.h"
#include "worker/detection/fpn.h"
#include "worker/detection/roi_heads.h"
#include "worker/detection/rpn.h"
#include "worker/detection/transform.h"
#include "worker/detection/types.h"

namespace loupe::detection {

// Not thread-safe, except Resize, Stack and MakeBatch. It uses several threads itself.
class FasterRcnn : public torch::nn::Module {
 public:
  // Initialised as torchvision initialises it, from torch's default generator (torch::manual_seed).
  // `num_classes` is C. Starts in training mode with live batch norm.
  FasterRcnn(const v1::Detector& config, int64_t num_classes);

  // Resizes, normalises and pads pictures for Detect and ComputeLosses, as Transform does.
  // pictures: N tensors [3, H, W] RGB, of a type that Levels takes; sizes may differ. H, W >= 1.
  Batch MakeBatch(const std::vector<torch::Tensor>& pictures) const { return transform_.MakeBatch(pictures); }
  ResizedPicture Resize(const torch::Tensor& picture) const { return transform_.Resize(picture); }
  Batch Stack(const std::vector<ResizedPicture>& pictures) const { return transform_.Stack(pictures); }
  // The size of a batch that holds only one picture of this size.
  ImageSize PaddedSize(ImageSize original) const { return transform_.PaddedSize(original); }

  // Boxes of each image, in pixels of that image, by descending score.
  // Requires: eval mode (call `eval()` first). Runs without gradients.
  std::vector<Detections> Detect(const Batch& batch, const DetectOptions& options);

  // The class distribution [G, C + 1] that the second stage gives each image's truth boxes, as if they were
  // proposals; column 0 is background. Requires: eval mode; one target per image. Runs without gradients.
  std::vector<torch::Tensor> ClassifyBoxes(const Batch& batch, const std::vector<Target>& targets);

  // The four losses of a batch, to be summed and differentiated.
  // Requires: training mode; one target per image, on any device.
  Losses ComputeLosses(const Batch& batch, const std::vector<Target>& targets);

  // Stops training of backbone layers below the last `trainable_layers` (Backbone::FreezeBelow says how they
  // are counted): call it after pretrained weights were loaded.
  void FreezeBackbone(int trainable_layers);

  // Whether the lowest layers are frozen, batch norm included, so that their output for an image never
  // changes.
  bool HasFrozenLayers() const;
  // The output of the frozen layers for each image of a batch [N, 3, H, W]: maps [1, …] on the CPU. Images
  // are computed one by one, so that a result doesn't depend on the other images. Stacked, the maps are
  // Batch::frozen.
  std::vector<std::vector<torch::Tensor>> FrozenFeatures(const torch::Tensor& images);

  // Batch norm takes its statistics over the batches of all processes of `group`; null: over its own batch
  // only.
  void SynchroniseNorms(const c10::intrusive_ptr<AllReduce>& group);

  const v1::Detector& config() const { return config_; }
  int64_t num_classes() const { return num_classes_; }

  // The type that convolutions and fully connected layers compute in: float32 (default) or bfloat16. Weights,
  // RoIAlign, scores, boxes and losses are always float32.
  void set_precision(torch::ScalarType type) { precision_ = type; }
  torch::ScalarType precision() const { return precision_; }
  // The device of the weights; `to(device)` moves them.
  torch::Device device() const { return parameters().front().device(); }

  // Sizes for the next MakeBatch, in pixels (v1::Detector, min_size and max_size).
  void set_image_size(int64_t min_size, int64_t max_size);

 private:
  // The tensor on the weights' device and in the type of set_precision.
  torch::Tensor Computable(const torch::Tensor& x) const;
  Batch Computable(Batch batch) const;

  v1::Detector config_;
  int64_t num_classes_;
  torch::ScalarType precision_ = torch::kFloat32;
  Transform transform_;
  std::shared_ptr<BackboneWithFpn> backbone_;
  std::shared_ptr<RegionProposalNetwork> rpn_;
  std::shared_ptr<RoiHeads> roi_heads_;
};

}  // namespace loupe::detection

#endif  // LOUPE_WORKER_DETECTION_FASTER_RCNN_H_
