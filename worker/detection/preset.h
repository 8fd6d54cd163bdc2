// Presets: the configurations of Faster R-CNN that Loupe knows by name.

#ifndef LOUPE_WORKER_DETECTION_PRESET_H_
#define LOUPE_WORKER_DETECTION_PRESET_H_

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace loupe::detection {

// Residual block of a ResNet: two 3x3 convolutions (ResNet-18, 34) or 1x1, 3x3, 1x1 (ResNet-50, 101).
enum class ResnetBlock { kBasic, kBottleneck };

enum class BackboneKind { kResnet, kMobilenetV3Large };

// The network under the feature pyramid.
struct BackboneConfig {
  BackboneKind kind = BackboneKind::kResnet;
  // Of a ResNet only, as the depths.
  ResnetBlock block = ResnetBlock::kBasic;
  // Blocks of layer1, layer2, …; as many entries as stages are built. ResNet-18 up to layer3: {2, 2, 2}.
  std::vector<int> stage_depths = {2, 2, 2, 2};
};

// Everything that shapes a Faster R-CNN. Defaults are torchvision 0.14's `FasterRCNN` defaults.
struct FasterRcnnConfig {
  // Name of the preset that this started from; travels in the metadata of weight files.
  std::string preset;

  BackboneConfig backbone;
  // Channels of every pyramid level.
  int64_t fpn_channels = 256;

  // Transform. Shorter side after resizing and largest allowed longer side, in pixels.
  int64_t min_size = 800;
  int64_t max_size = 1333;
  // Batches are padded to multiples of this, in pixels; the coarsest stride that the pyramid must divide.
  int64_t size_divisible = 32;
  // Normalisation of RGB in [0, 1]; ImageNet's.
  std::array<float, 3> image_mean = {0.485f, 0.456f, 0.406f};
  std::array<float, 3> image_std = {0.229f, 0.224f, 0.225f};

  // Anchors: side lengths in pixels of the resized image, one list a pyramid level (the pooled level
  // included), and height / width ratios, the same on each level.
  std::vector<std::vector<float>> anchor_sizes = {{32}, {64}, {128}, {256}, {512}};
  std::vector<float> anchor_ratios = {0.5f, 1.0f, 2.0f};

  // Region proposal network. Candidates kept per level before NMS and per image after it.
  int64_t rpn_pre_nms_top_n_train = 2000;
  int64_t rpn_pre_nms_top_n_test = 1000;
  int64_t rpn_post_nms_top_n_train = 2000;
  int64_t rpn_post_nms_top_n_test = 1000;
  double rpn_nms_threshold = 0.7;
  // Proposals with an objectness below this are dropped.
  double rpn_score_threshold = 0.0;
  // An anchor is positive from this IoU on, negative below the second one, unused in between.
  double rpn_foreground_iou = 0.7;
  double rpn_background_iou = 0.3;
  // Anchors an image that the RPN losses see, and the largest share of positives among them.
  int64_t rpn_samples_per_image = 256;
  double rpn_positive_fraction = 0.5;

  // RoIAlign: output side in bins and sampling points a bin and axis.
  int64_t roi_output_size = 7;
  int64_t roi_sampling_ratio = 2;
  // A box with sides of `roi_canonical_size` pixels is pooled from the level of stride 2^4.
  int64_t roi_canonical_size = 224;

  // Box head: width of fc6 and fc7.
  int64_t box_head_width = 1024;
  // Proposals with at least this IoU with a truth box are positives, others negatives.
  double box_foreground_iou = 0.5;
  double box_background_iou = 0.5;
  // Proposals an image that the box losses see, and the largest share of positives among them.
  int64_t box_samples_per_image = 512;
  double box_positive_fraction = 0.25;

  // Anchors and proposals of which at least this share lies in a region to ignore are no negatives.
  double ignore_overlap = 0.5;

  // Numbers in an image's embedding; at most `box_head_width`.
  int64_t embedding_width = 128;
};

// Names of all presets, for messages.
std::vector<std::string> PresetNames();

// The configuration of a preset: `small`, `resnet18-fpn`, `resnet34-fpn`, `resnet50-fpn`, `resnet101-fpn`,
// `mobilenet-v3-large-320-fpn`; all but the first as torchvision's builders configure them.
// `small` is made for pictures of 200 to 400 px on a CPU: ResNet-18 up to layer3, a 64-channel pyramid
// over layer1..layer3 and a pooled level, anchors of 16, 32, 64 and 128 px, a box head 256 wide.
// Errors: INVALID_ARGUMENT for an unknown name, listing the known ones.
absl::StatusOr<FasterRcnnConfig> PresetConfig(std::string_view name);

}  // namespace loupe::detection

#endif  // LOUPE_WORKER_DETECTION_PRESET_H_
