#include "worker/detection/faster_rcnn.h"

#include <torch/types.h>

#include "worker/detection/boxes.h"

namespace loupe::detection {
namespace {

// Moves detections from the resized picture to the original one, whose sides a box never leaves.
void ToOriginal(ImageSize resized, ImageSize original, Detections& detections) {
  detections.boxes = ClipBoxes(ScaleBoxes(detections.boxes, resized, original), original);
  const auto has_area = LargeEnough(detections.boxes, kSomeSide);
  if (has_area.all().item<bool>()) return;
  const auto kept = has_area.nonzero().squeeze(1);
  for (torch::Tensor* rows :
       {&detections.boxes, &detections.labels, &detections.scores, &detections.probabilities}) {
    *rows = rows->index_select(0, kept);
  }
}

}  // namespace

FasterRcnn::FasterRcnn(const v1::Detector& config, int64_t num_classes)
    : config_(config),
      num_classes_(num_classes),
      transform_(config),
      backbone_(std::make_shared<BackboneWithFpn>(config)),
      rpn_(std::make_shared<RegionProposalNetwork>(config)),
      roi_heads_(std::make_shared<RoiHeads>(config, backbone_->strides(), num_classes)) {
  register_module("backbone", backbone_);
  register_module("rpn", rpn_);
  register_module("roi_heads", roi_heads_);
}

std::vector<Detections> FasterRcnn::Detect(const Batch& pictures, const DetectOptions& options) {
  TORCH_CHECK(!is_training(), "call eval() before Detect()");
  torch::NoGradGuard no_grad;
  const Batch batch = Computable(pictures);
  const auto features = backbone_->Forward(batch);
  const auto rpn = rpn_->Forward(features, batch);
  auto detections = roi_heads_->Detect(features, rpn.proposals, batch, options);
  for (size_t i = 0; i < detections.size(); ++i) {
    ToOriginal(batch.sizes[i], batch.originals[i], detections[i]);
  }
  return detections;
}

std::vector<torch::Tensor> FasterRcnn::ClassifyBoxes(const Batch& pictures,
                                                     const std::vector<Target>& targets) {
  TORCH_CHECK(!is_training(), "call eval() before ClassifyBoxes()");
  torch::NoGradGuard no_grad;
  const Batch batch = Computable(pictures);
  return roi_heads_->Classify(backbone_->Forward(batch), ScaleTargets(targets, batch));
}

Losses FasterRcnn::ComputeLosses(const Batch& pictures, const std::vector<Target>& targets) {
  TORCH_CHECK(is_training(), "call train() before ComputeLosses()");
  const Batch batch = Computable(pictures);
  const auto batch_targets = ScaleTargets(targets, batch);
  const auto features = backbone_->Forward(batch);
  const auto rpn = rpn_->Forward(features, batch);
  const auto rpn_losses = rpn_->ComputeLosses(rpn, batch_targets);
  const auto box_losses = roi_heads_->ComputeLosses(features, rpn.proposals, batch_targets);
  return {box_losses.classifier, box_losses.box_reg, rpn_losses.objectness,      rpn_losses.box_reg,
          box_losses.proposals,  rpn_losses.anchors, box_losses.positive_quality};
}

void FasterRcnn::FreezeBackbone(int trainable_layers) { backbone_->body().FreezeBelow(trainable_layers); }

bool FasterRcnn::HasFrozenLayers() const { return backbone_->body().HasFrozenLayers(); }

std::vector<std::vector<torch::Tensor>> FasterRcnn::FrozenFeatures(const torch::Tensor& images) {
  torch::NoGradGuard no_grad;
  std::vector<std::vector<torch::Tensor>> features;
  for (const auto& image : images.split(1)) {
    features.emplace_back();
    for (const auto& map : backbone_->body().ForwardFrozen(Computable(image))) {
      features.back().push_back(map.cpu());
    }
  }
  return features;
}

torch::Tensor FasterRcnn::Computable(const torch::Tensor& x) const { return x.to(device(), precision_); }

Batch FasterRcnn::Computable(Batch batch) const {
  for (torch::Tensor& map : batch.frozen) map = Computable(map);
  // When the features are given, only the shape and device of the images are read.
  batch.images = batch.frozen.empty() ? Computable(batch.images)
                                      : batch.frozen.front().new_empty({1}).expand(batch.images.sizes());
  return batch;
}

void FasterRcnn::SynchroniseNorms(const c10::intrusive_ptr<AllReduce>& group) {
  for (const auto& module : modules()) {
    if (auto* norm = dynamic_cast<BatchNorm*>(module.get())) norm->Synchronise(group);
  }
}

void FasterRcnn::set_image_size(int64_t min_size, int64_t max_size) {
  config_.set_min_size(static_cast<uint32_t>(min_size));
  config_.set_max_size(static_cast<uint32_t>(max_size));
  transform_.set_image_size(min_size, max_size);
}

}  // namespace loupe::detection
