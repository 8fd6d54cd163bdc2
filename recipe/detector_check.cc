#include "recipe/detector_check.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "absl/strings/str_cat.h"
#include "recipe/detector_tensors.h"

namespace loupe {
namespace {

using v1::Backbone;
using v1::Detector;

constexpr double kMaxBlocks = 64;    // of a stage
constexpr double kMaxWeights = 1e9;  // of all layers
constexpr double kMost = std::numeric_limits<float>::max();
constexpr double kAboveZero = std::numeric_limits<float>::min();

// The first fault of the fields that it was asked about.
class Checks {
 public:
  void Within(const char* field, double value, double low, double high) {
    if (value >= low && value <= high) return;  // NaN fails every comparison
    Fault(absl::StrCat(field, " is ", Text(value), ": it must be from ", Text(low), " to ", Text(high)));
  }
  void Share(const char* field, double value) { Within(field, value, 0, 1); }
  void Channels(const char* field, double value) { Within(field, value, 1, kMaxDetectorChannels); }
  void Count(const char* field, double value) { Within(field, value, 1, kMaxDetectorCount); }
  template <typename Numbers>
  void Values(const char* field, const Numbers& values, int count, double low) {
    if (values.size() != count)
      Fault(absl::StrCat(field, " must have ", count, " values, not ", values.size()));
    for (const double value : values) Within(field, value, low, kMost);
  }
  void Require(bool holds, const char* fault) {
    if (!holds) Fault(fault);
  }

  const absl::Status& status() const { return status_; }

 private:
  // A whole number in full.
  static std::string Text(double value) {
    constexpr double kMostInFull = 1e15;
    const bool whole = std::abs(value) < kMostInFull && value == std::floor(value);
    return whole ? absl::StrCat(static_cast<int64_t>(value)) : absl::StrCat(value);
  }

  void Fault(const std::string& fault) {
    if (status_.ok()) status_ = absl::InvalidArgumentError(absl::StrCat("the detector's ", fault));
  }

  absl::Status status_;
};

// Returns the number of the maps that the pyramid gets.
int CheckResnet(const Backbone& backbone, Checks& checks) {
  constexpr int kMaxStages = 4;
  checks.Require(backbone.block() == Backbone::BASIC || backbone.block() == Backbone::BOTTLENECK,
                 "block must be BASIC or BOTTLENECK");
  checks.Channels("width", backbone.width());
  checks.Channels("out_channels", backbone.out_channels());
  checks.Require(backbone.block() != Backbone::BASIC || backbone.width() == backbone.out_channels(),
                 "width and out_channels must be the same with BASIC blocks");
  checks.Within("number of stage_depths", backbone.stage_depths_size(), 1, kMaxStages);
  for (const uint32_t depth : backbone.stage_depths()) checks.Within("stage_depths", depth, 1, kMaxBlocks);
  return backbone.stage_depths_size();
}

int CheckMobilenet(const Backbone& backbone, Checks& checks) {
  checks.Within("number of inverted_residuals", backbone.inverted_residuals_size(), 1, kMaxBlocks);
  uint32_t channels = backbone.stem_channels();
  for (const v1::InvertedResidual& block : backbone.inverted_residuals()) {
    checks.Require(block.in_channels() == channels,
                   "in_channels must be the out_channels of the block before");
    channels = block.out_channels();
    checks.Channels("expanded_channels", block.expanded_channels());
    checks.Channels("out_channels", block.out_channels());
    checks.Within("squeezed_channels", block.squeezed_channels(), 0, kMaxDetectorChannels);
    checks.Require(block.kernel_size() == 3 || block.kernel_size() == 5, "kernel_size must be 3 or 5");
    checks.Within("stride", block.stride(), 1, 2);
    checks.Require(block.activation() == v1::InvertedResidual::RELU ||
                       block.activation() == v1::InvertedResidual::HARD_SWISH,
                   "activation must be RELU or HARD_SWISH");
  }
  checks.Within("pyramid_block", backbone.pyramid_block(), 1, backbone.inverted_residuals_size());
  checks.Channels("last_channels", backbone.last_channels());
  return 2;
}

void CheckLosses(const Detector& detector, Checks& checks) {
  for (const Detector::BoxLoss loss : {detector.rpn_box_loss(), detector.box_loss()}) {
    checks.Require(Detector::BoxLoss_IsValid(loss) && loss != Detector::BOX_LOSS_UNSPECIFIED,
                   "losses must be SMOOTH_L1, GIOU, DIOU or CIOU");
  }
  checks.Require(Detector::TensorNames_IsValid(detector.file_names()),
                 "file_names must be TORCHVISION or DETECTRON2");
  checks.Within("rpn_smooth_l1_beta", detector.rpn_smooth_l1_beta(), 0, kMaxDetectorSide);
  checks.Within("box_smooth_l1_beta", detector.box_smooth_l1_beta(), 0, kMaxDetectorSide);
  checks.Within("rpn_objectness_loss_weight", detector.rpn_objectness_loss_weight(), 0, kMaxDetectorSide);
  checks.Within("rpn_box_loss_weight", detector.rpn_box_loss_weight(), 0, kMaxDetectorSide);
  checks.Within("box_loss_weight", detector.box_loss_weight(), 0, kMaxDetectorSide);
}

int CheckBackbone(const Backbone& backbone, Checks& checks) {
  checks.Channels("stem_channels", backbone.stem_channels());
  if (backbone.kind() == Backbone::RESNET) return CheckResnet(backbone, checks);
  checks.Require(backbone.kind() == Backbone::MOBILENET_V3, "kind must be RESNET or MOBILENET_V3");
  return CheckMobilenet(backbone, checks);
}

void CheckPictures(const Detector& detector, Checks& checks) {
  const bool antialiased = detector.resizing() == Detector::ANTIALIASED;
  checks.Require(antialiased || detector.resizing() == Detector::BILINEAR,
                 "resizing must be BILINEAR or ANTIALIASED");
  checks.Within("min_size", detector.min_size(), antialiased ? 0 : 1, kMaxDetectorSide);
  checks.Within("max_size", detector.max_size(), std::max(1U, detector.min_size()), kMaxDetectorSide);
  constexpr double kMaxDivisor = 1024;
  checks.Within("size_divisible", detector.size_divisible(), 1, kMaxDivisor);
  checks.Values("image_mean", detector.image_mean(), 3, -kMost);
  checks.Values("image_std", detector.image_std(), 3, kAboveZero);
}

void CheckAnchors(const Detector& detector, int levels, Checks& checks) {
  checks.Require(detector.anchor_levels_size() == levels, "anchor_levels must be one for each pyramid level");
  for (const v1::AnchorLevel& level : detector.anchor_levels()) {
    checks.Within("number of sizes of an anchor level", level.sizes_size(), 1, kMaxBlocks);
    checks.Values("sizes", level.sizes(), detector.anchor_levels(0).sizes_size(), kAboveZero);
  }
  checks.Within("number of anchor_ratios", detector.anchor_ratios_size(), 1, kMaxBlocks);
  checks.Values("anchor_ratios", detector.anchor_ratios(), detector.anchor_ratios_size(), kAboveZero);
  const bool strides = detector.anchor_strides_size() > 0;
  if (strides) checks.Values("anchor_strides", detector.anchor_strides(), levels, 1);
  checks.Require(detector.anchor_offset() >= 0 && detector.anchor_offset() < 1,
                 "anchor_offset must be from 0 to below 1");
  checks.Require(strides || detector.anchor_offset() == 0, "anchor_offset needs anchor_strides");
}

void CheckProposals(const Detector& detector, Checks& checks) {
  checks.Count("rpn_pre_nms_top_n_train", detector.rpn_pre_nms_top_n_train());
  checks.Count("rpn_pre_nms_top_n_test", detector.rpn_pre_nms_top_n_test());
  checks.Count("rpn_post_nms_top_n_train", detector.rpn_post_nms_top_n_train());
  checks.Count("rpn_post_nms_top_n_test", detector.rpn_post_nms_top_n_test());
  checks.Share("rpn_nms_threshold", detector.rpn_nms_threshold());
  checks.Share("rpn_score_threshold", detector.rpn_score_threshold());
  checks.Within("rpn_min_side", detector.rpn_min_side(), 0, kMaxDetectorSide);
  checks.Values("rpn_delta_weights", detector.rpn_delta_weights(), 4, kAboveZero);
  checks.Share("rpn_foreground_iou", detector.rpn_foreground_iou());
  checks.Within("rpn_background_iou", detector.rpn_background_iou(), 0, detector.rpn_foreground_iou());
  checks.Count("rpn_samples_per_image", detector.rpn_samples_per_image());
  checks.Share("rpn_positive_fraction", detector.rpn_positive_fraction());
}

void CheckBoxes(const Detector& detector, Checks& checks) {
  constexpr double kMostBins = 64;
  checks.Within("roi_output_size", detector.roi_output_size(), 1, kMostBins);
  checks.Within("roi_sampling_ratio", detector.roi_sampling_ratio(), 0, kMostBins);
  checks.Count("roi_canonical_size", detector.roi_canonical_size());
  checks.Share("roi_level_size_epsilon", detector.roi_level_size_epsilon());
  checks.Share("roi_level_epsilon", detector.roi_level_epsilon());
  checks.Channels("box_head_width", detector.box_head_width());
  checks.Values("box_delta_weights", detector.box_delta_weights(), 4, kAboveZero);
  checks.Share("box_score_threshold", detector.box_score_threshold());
  checks.Share("box_nms_threshold", detector.box_nms_threshold());
  checks.Within("box_min_side", detector.box_min_side(), 0, kMaxDetectorSide);
  checks.Count("detections_per_image", detector.detections_per_image());
  checks.Share("box_foreground_iou", detector.box_foreground_iou());
  checks.Within("box_background_iou", detector.box_background_iou(), 0, detector.box_foreground_iou());
  checks.Count("box_samples_per_image", detector.box_samples_per_image());
  checks.Share("box_positive_fraction", detector.box_positive_fraction());
  checks.Share("ignore_overlap", detector.ignore_overlap());
  checks.Within("embedding_width", detector.embedding_width(), 1, detector.box_head_width());
}

// Requires: all else is sound.
void CheckWeightCount(const Detector& detector, Checks& checks) {
  double count = 0;
  for (const NamedShape& tensor : TensorShapes(detector, /*num_classes=*/1)) {
    double product = 1;
    for (const int64_t side : tensor.shape) product *= static_cast<double>(side);
    count += product;
  }
  checks.Within("number of weights", count, 1, kMaxWeights);
}

}  // namespace

absl::Status CheckDetector(const Detector& detector) {
  Checks checks;
  const int maps = CheckBackbone(detector.backbone(), checks);
  checks.Channels("fpn_channels", detector.fpn_channels());
  CheckPictures(detector, checks);
  CheckAnchors(detector, maps + 1, checks);
  CheckProposals(detector, checks);
  CheckBoxes(detector, checks);
  CheckLosses(detector, checks);
  if (checks.status().ok()) CheckWeightCount(detector, checks);
  return checks.status();
}

}  // namespace loupe
