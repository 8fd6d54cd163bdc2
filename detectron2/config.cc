#include "detectron2/config.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <yaml-cpp/yaml.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "detectron2/yaml_files.h"
#include "recipe/detector_check.h"
#include "recipe/presets.h"

namespace loupe {
namespace {

using v1::Detector;
using Names = std::vector<std::string>;

constexpr double kMaxClasses = 100'000;
constexpr float kLargestByte = 255;
constexpr double kMaxLevel = 1'000'000;  // of pixels; and of weights of deltas
constexpr double kLeast = 1e-6;
const Names kStages = {"res2", "res3", "res4", "res5"};
const Names kPooledLevels = {"p2", "p3", "p4", "p5"};
const Names kLevels = {"p2", "p3", "p4", "p5", "p6"};

// The values of a configuration. What is wrong with them is gathered; a value that is wrong reads as its
// default.
class Values {
 public:
  explicit Values(const YamlFiles& files) : files_(files) {}

  std::string Text(const std::string& key, const std::string& otherwise) {
    return Get<std::string>(key, otherwise, "a text");
  }
  bool Flag(const std::string& key, bool otherwise) { return Get<bool>(key, otherwise, "true or false"); }
  double Number(const std::string& key, double otherwise, double low, double high) {
    const double value = Get<double>(key, otherwise, "a number");
    return IsWithin(key, value, low, high) ? value : otherwise;
  }
  uint32_t Whole(const std::string& key, uint32_t otherwise, double low, double high) {
    const double value = Number(key, otherwise, low, high);
    const auto whole = static_cast<uint32_t>(value);
    if (whole == value) return whole;
    Fault(absl::StrCat(key, " must be a whole number, not ", value));
    return otherwise;
  }
  template <typename T>
  std::vector<T> List(const std::string& key, const std::vector<T>& otherwise) {
    return Get<std::vector<T>>(key, otherwise, "a list such as [1, 2]");
  }
  // As many numbers as `otherwise` has.
  std::vector<double> Numbers(const std::string& key, const std::vector<double>& otherwise, double low,
                              double high) {
    std::vector<double> values = List(key, otherwise);
    if (values.size() != otherwise.size()) {
      Fault(absl::StrCat(key, " must have ", otherwise.size(), " numbers, not ", values.size()));
      return otherwise;
    }
    const bool all = std::all_of(values.begin(), values.end(),
                                 [&](double value) { return IsWithin(key, value, low, high); });
    return all ? values : otherwise;
  }
  // Of each of `count` levels, one list for each or one for all; or plain numbers, for all.
  std::vector<std::vector<double>> Levels(const std::string& key, size_t count,
                                          const std::vector<std::vector<double>>& otherwise) {
    const YAML::Node node = files_.Find(key);
    const bool plain = node.IsDefined() && node.IsSequence() && node.size() > 0 && node[0].IsScalar();
    auto levels = plain ? std::vector<std::vector<double>>(1, List<double>(key, {})) : List(key, otherwise);
    if (levels.size() == 1) levels.resize(count, levels.front());
    const bool alike = std::all_of(levels.begin(), levels.end(), [&](const auto& level) {
      return !level.empty() && level.size() == levels.front().size();
    });
    if (levels.size() == count && alike) return levels;
    Fault(absl::StrCat(key, " must have a list for each of the ", count, " levels, all as long"));
    return std::vector(count, otherwise.front());
  }

  // Only one value is supported. `else_it_is`: what another one means.
  template <typename T>
  void Only(const std::string& key, const T& otherwise, const T& supported, const char* else_it_is) {
    const T value = Get<T>(key, otherwise, "as Detectron2 has it");
    if (value != supported) Unsupported(key, Shown(value), else_it_is);
  }
  void Unsupported(const std::string& key, const std::string& value, const char* what) {
    Fault(absl::StrCat(key, " is ", value.empty() ? "empty" : value, ": ", what));
  }
  void Fault(std::string fault) { faults_.push_back(std::move(fault)); }

  const Names& faults() const { return faults_; }

 private:
  bool IsWithin(const std::string& key, double value, double low, double high) {
    if (value >= low && value <= high) return true;  // NaN fails every comparison
    Fault(absl::StrCat(key, " must be from ", low, " to ", high, ", not ", value));
    return false;
  }

  template <typename T>
  T Get(const std::string& key, const T& otherwise, const char* kind) {
    const YAML::Node node = files_.Find(key);
    if (!node.IsDefined()) return otherwise;
    try {
      return node.as<T>();
    } catch (const YAML::Exception&) {
      Fault(absl::StrCat(key, " must be ", kind));
      return otherwise;
    }
  }

  static std::string Shown(const std::string& value) { return value; }
  static std::string Shown(bool value) { return value ? "true" : "false"; }
  static std::string Shown(int value) { return absl::StrCat(value); }
  template <typename T>
  static std::string Shown(const std::vector<T>& values) {
    return absl::StrCat("[", absl::StrJoin(values, ", "), "]");
  }

  const YamlFiles& files_;
  Names faults_;
};

// The keys of the sections that make the detector. Another one is a slip, or of an older version.
const std::map<std::string, Names> kKnownKeys = {
    {"MODEL.ANCHOR_GENERATOR", {"ANGLES", "ASPECT_RATIOS", "NAME", "OFFSET", "SIZES"}},
    {"MODEL.FPN", {"FUSE_TYPE", "IN_FEATURES", "NORM", "OUT_CHANNELS"}},
    {"MODEL.PROPOSAL_GENERATOR", {"MIN_SIZE", "NAME"}},
    {"MODEL.RESNETS",
     {"DEFORM_MODULATED", "DEFORM_NUM_GROUPS", "DEFORM_ON_PER_STAGE", "DEPTH", "NORM", "NUM_GROUPS",
      "OUT_FEATURES", "RES2_OUT_CHANNELS", "RES5_DILATION", "STEM_OUT_CHANNELS", "STRIDE_IN_1X1",
      "WIDTH_PER_GROUP"}},
    {"MODEL.ROI_BOX_HEAD",
     {"BBOX_REG_LOSS_TYPE", "BBOX_REG_LOSS_WEIGHT", "BBOX_REG_WEIGHTS", "CLS_AGNOSTIC_BBOX_REG", "CONV_DIM",
      "FC_DIM", "FED_LOSS_FREQ_WEIGHT_POWER", "FED_LOSS_NUM_CLASSES", "NAME", "NORM", "NUM_CONV", "NUM_FC",
      "POOLER_RESOLUTION", "POOLER_SAMPLING_RATIO", "POOLER_TYPE", "SMOOTH_L1_BETA", "TRAIN_ON_PRED_BOXES",
      "USE_FED_LOSS", "USE_SIGMOID_CE"}},
    {"MODEL.ROI_HEADS",
     {"BATCH_SIZE_PER_IMAGE", "IN_FEATURES", "IOU_LABELS", "IOU_THRESHOLDS", "NAME", "NMS_THRESH_TEST",
      "NUM_CLASSES", "POSITIVE_FRACTION", "PROPOSAL_APPEND_GT", "SCORE_THRESH_TEST"}},
    {"MODEL.RPN",
     {"BATCH_SIZE_PER_IMAGE", "BBOX_REG_LOSS_TYPE", "BBOX_REG_LOSS_WEIGHT", "BBOX_REG_WEIGHTS",
      "BOUNDARY_THRESH", "CONV_DIMS", "HEAD_NAME", "IN_FEATURES", "IOU_LABELS", "IOU_THRESHOLDS",
      "LOSS_WEIGHT", "NMS_THRESH", "POSITIVE_FRACTION", "POST_NMS_TOPK_TEST", "POST_NMS_TOPK_TRAIN",
      "PRE_NMS_TOPK_TEST", "PRE_NMS_TOPK_TRAIN", "SMOOTH_L1_BETA"}},
};

void CheckKeys(const YamlFiles& files, Values& values) {
  for (const auto& [section, known] : kKnownKeys) {
    for (const std::string& key : files.KeysOf(section)) {
      if (std::find(known.begin(), known.end(), key) != known.end()) continue;
      values.Fault(absl::StrCat(section, ".", key,
                                " isn't known: see whether it is misspelt, or of an older version"));
    }
  }
}

// What isn't a Faster R-CNN with a feature pyramid.
void CheckKind(Values& values) {
  values.Only("VERSION", 2, 2, "configurations of version 2 are read; Detectron2 writes one with cfg.dump()");
  values.Only<std::string>("MODEL.META_ARCHITECTURE", "GeneralizedRCNN", "GeneralizedRCNN",
                           "only Faster R-CNN (GeneralizedRCNN) is supported");
  values.Only("MODEL.MASK_ON", false, false, "masks aren't supported");
  values.Only("MODEL.KEYPOINT_ON", false, false, "keypoints aren't supported");
  values.Only("MODEL.LOAD_PROPOSALS", false, false, "proposals from files aren't supported");
  values.Only<std::string>(
      "MODEL.BACKBONE.NAME", "build_resnet_backbone", "build_resnet_fpn_backbone",
      "only a ResNet with FPN (build_resnet_fpn_backbone) is supported, neither C4 nor DC5");
  values.Only<std::string>("MODEL.PROPOSAL_GENERATOR.NAME", "RPN", "RPN",
                           "only RPN is supported; others are for rotated boxes");
  values.Only<std::string>("MODEL.ANCHOR_GENERATOR.NAME", "DefaultAnchorGenerator", "DefaultAnchorGenerator",
                           "only DefaultAnchorGenerator is supported; others are for rotated boxes");
  values.Only<std::string>(
      "MODEL.ROI_HEADS.NAME", "Res5ROIHeads", "StandardROIHeads",
      "only StandardROIHeads are supported: no Cascade R-CNN, no C4 (Res5ROIHeads), no rotated boxes");
}

void ReadBackbone(Values& values, v1::Backbone& backbone) {
  backbone.set_kind(v1::Backbone::RESNET);
  const std::string depth_key = "MODEL.RESNETS.DEPTH";
  const uint32_t depth = values.Whole(depth_key, 50, 1, 1000);
  struct Depth {
    uint32_t layers;
    std::vector<uint32_t> blocks;
  };
  const std::vector<Depth> depths = {
      {18, {2, 2, 2, 2}}, {34, {3, 4, 6, 3}}, {50, {3, 4, 6, 3}}, {101, {3, 4, 23, 3}}, {152, {3, 8, 36, 3}}};
  const auto known =
      std::find_if(depths.begin(), depths.end(), [&](const Depth& one) { return one.layers == depth; });
  if (known == depths.end()) {
    values.Unsupported(depth_key, absl::StrCat(depth), "it must be 18, 34, 50, 101 or 152");
  } else {
    backbone.mutable_stage_depths()->Assign(known->blocks.begin(), known->blocks.end());
  }
  const bool basic = depth < 50;
  backbone.set_block(basic ? v1::Backbone::BASIC : v1::Backbone::BOTTLENECK);
  backbone.set_stem_channels(values.Whole("MODEL.RESNETS.STEM_OUT_CHANNELS", 64, 1, kMaxDetectorChannels));
  backbone.set_out_channels(values.Whole("MODEL.RESNETS.RES2_OUT_CHANNELS", 256, 1, kMaxDetectorChannels));
  const uint32_t width = values.Whole("MODEL.RESNETS.WIDTH_PER_GROUP", 64, 1, kMaxDetectorChannels);
  backbone.set_width(basic ? backbone.out_channels() : width);
  backbone.set_stride_in_1x1(!basic && values.Flag("MODEL.RESNETS.STRIDE_IN_1X1", true));

  values.Only("MODEL.RESNETS.NUM_GROUPS", 1, 1, "grouped convolutions (ResNeXt) aren't supported");
  values.Only("MODEL.RESNETS.RES5_DILATION", 1, 1, "dilated convolutions (DC5) aren't supported");
  values.Only<Names>("MODEL.RESNETS.OUT_FEATURES", {"res4"}, kStages, "it must be res2 to res5");
  for (const bool deformable : values.List<bool>("MODEL.RESNETS.DEFORM_ON_PER_STAGE", {})) {
    if (!deformable) continue;
    values.Unsupported("MODEL.RESNETS.DEFORM_ON_PER_STAGE", "true",
                       "deformable convolutions aren't supported");
    break;
  }
  const std::string norm_key = "MODEL.RESNETS.NORM";
  const std::string norm = values.Text(norm_key, "FrozenBN");
  const Names norms = {"FrozenBN", "BN", "SyncBN", "nnSyncBN", "naiveSyncBN"};
  if (std::find(norms.begin(), norms.end(), norm) == norms.end()) {
    values.Unsupported(norm_key, norm, "only batch norm (FrozenBN, BN, SyncBN) is supported");
  }
  backbone.set_live_norm(norm != "FrozenBN");
}

void ReadPyramid(Values& values, Detector& detector) {
  detector.set_fpn_channels(values.Whole("MODEL.FPN.OUT_CHANNELS", 256, 1, kMaxDetectorChannels));
  const std::string fuse = values.Text("MODEL.FPN.FUSE_TYPE", "sum");
  if (fuse != "sum" && fuse != "avg")
    values.Unsupported("MODEL.FPN.FUSE_TYPE", fuse, "it must be sum or avg");
  detector.set_fpn_average(fuse == "avg");
  values.Only<Names>("MODEL.FPN.IN_FEATURES", {}, kStages, "it must be res2 to res5");
  values.Only<std::string>("MODEL.FPN.NORM", "", "", "a feature pyramid with a norm isn't supported");
}

void ReadPictures(Values& values, Detector& detector) {
  detector.set_resizing(Detector::ANTIALIASED);
  const uint32_t min_size = values.Whole("INPUT.MIN_SIZE_TEST", 800, 0, kMaxDetectorSide);
  detector.set_max_size(values.Whole("INPUT.MAX_SIZE_TEST", 1333, 1, kMaxDetectorSide));
  detector.set_min_size(std::min(min_size, detector.max_size()));  // the same pictures
  detector.set_size_divisible(32);
  const std::string format = values.Text("INPUT.FORMAT", "BGR");
  if (format != "BGR" && format != "RGB") {
    values.Unsupported("INPUT.FORMAT", format, "only BGR and RGB are supported");
  }
  detector.set_file_bgr(format == "BGR");
  std::vector<double> mean =
      values.Numbers("MODEL.PIXEL_MEAN", {103.53, 116.28, 123.675}, -kMaxLevel, kMaxLevel);
  std::vector<double> deviation = values.Numbers("MODEL.PIXEL_STD", {1, 1, 1}, kLeast, kMaxLevel);
  if (detector.file_bgr()) {
    std::reverse(mean.begin(), mean.end());
    std::reverse(deviation.begin(), deviation.end());
  }
  for (const double one : mean) detector.add_image_mean(static_cast<float>(one / kLargestByte));
  for (const double one : deviation) detector.add_image_std(static_cast<float>(one / kLargestByte));
}

void ReadAnchors(Values& values, Detector& detector) {
  const size_t count = kLevels.size();
  const std::string ratio_key = "MODEL.ANCHOR_GENERATOR.ASPECT_RATIOS";
  for (const auto& sizes : values.Levels("MODEL.ANCHOR_GENERATOR.SIZES", count, {{32, 64, 128, 256, 512}})) {
    v1::AnchorLevel& level = *detector.add_anchor_levels();
    for (const double size : sizes) {
      if (!(size > 0 && size <= kMaxDetectorSide))
        values.Fault("MODEL.ANCHOR_GENERATOR.SIZES must be above 0");
      level.add_sizes(static_cast<float>(size));
    }
  }
  const auto ratios = values.Levels(ratio_key, count, {{0.5, 1, 2}});
  for (const double ratio : ratios.front()) {
    if (!(ratio > 0 && ratio <= kMaxDetectorSide)) values.Fault(absl::StrCat(ratio_key, " must be above 0"));
    detector.add_anchor_ratios(static_cast<float>(ratio));
  }
  if (std::any_of(ratios.begin(), ratios.end(), [&](const auto& level) { return level != ratios.front(); })) {
    values.Fault(absl::StrCat(ratio_key, " must be the same on every level"));
  }
  detector.set_anchors_rounded(false);
  for (const uint32_t stride : {4, 8, 16, 32, 64}) detector.add_anchor_strides(stride);
  detector.set_anchor_offset(
      static_cast<float>(values.Number("MODEL.ANCHOR_GENERATOR.OFFSET", 0, 0, std::nextafter(1.0, 0.0))));
}

void ReadProposals(Values& values, Detector& detector) {
  const auto count = [&](const std::string& key, uint32_t otherwise) {
    return values.Whole(absl::StrCat("MODEL.RPN.", key), otherwise, 1, kMaxDetectorCount);
  };
  values.Only<Names>("MODEL.RPN.IN_FEATURES", {"res4"}, kLevels, "it must be p2 to p6");
  values.Only<std::string>("MODEL.RPN.HEAD_NAME", "StandardRPNHead", "StandardRPNHead",
                           "only StandardRPNHead is supported");
  values.Only<std::vector<int>>("MODEL.RPN.CONV_DIMS", {-1}, {-1},
                                "only one convolution ([-1]) is supported");
  values.Only<std::vector<int>>("MODEL.RPN.IOU_LABELS", {0, -1, 1}, {0, -1, 1}, "it must be [0, -1, 1]");
  values.Only("MODEL.RPN.BOUNDARY_THRESH", -1, -1, "leaving out anchors near borders isn't supported");
  detector.set_rpn_pre_nms_top_n_train(count("PRE_NMS_TOPK_TRAIN", 12000));
  detector.set_rpn_pre_nms_top_n_test(count("PRE_NMS_TOPK_TEST", 6000));
  detector.set_rpn_post_nms_top_n_train(count("POST_NMS_TOPK_TRAIN", 2000));
  detector.set_rpn_post_nms_top_n_test(count("POST_NMS_TOPK_TEST", 1000));
  detector.set_rpn_nms_threshold(values.Number("MODEL.RPN.NMS_THRESH", 0.7, 0, 1));
  detector.set_rpn_score_threshold(0);
  detector.set_rpn_ranked_by_logit(true);
  detector.set_rpn_min_side(values.Number("MODEL.PROPOSAL_GENERATOR.MIN_SIZE", 0, 0, kMaxDetectorSide));
  for (const double weight : values.Numbers("MODEL.RPN.BBOX_REG_WEIGHTS", {1, 1, 1, 1}, kLeast, kMaxLevel)) {
    detector.add_rpn_delta_weights(static_cast<float>(weight));
  }
  const std::vector<double> thresholds = values.Numbers("MODEL.RPN.IOU_THRESHOLDS", {0.3, 0.7}, 0, 1);
  if (thresholds[0] > thresholds[1]) values.Fault("MODEL.RPN.IOU_THRESHOLDS must not fall");
  detector.set_rpn_background_iou(thresholds[0]);
  detector.set_rpn_foreground_iou(thresholds[1]);
  detector.set_rpn_samples_per_image(count("BATCH_SIZE_PER_IMAGE", 256));
  detector.set_rpn_positive_fraction(values.Number("MODEL.RPN.POSITIVE_FRACTION", 0.5, 0, 1));
}

// `part`: "RPN" or "ROI_BOX_HEAD".
Detector::BoxLoss ReadBoxLoss(const std::string& part, Values& values) {
  const std::string key = absl::StrCat("MODEL.", part, ".BBOX_REG_LOSS_TYPE");
  const std::string type = values.Text(key, "smooth_l1");
  for (const auto& [name, loss] :
       {std::pair{"smooth_l1", Detector::SMOOTH_L1}, std::pair{"giou", Detector::GIOU},
        std::pair{"diou", Detector::DIOU}, std::pair{"ciou", Detector::CIOU}}) {
    if (type == name) return loss;
  }
  values.Unsupported(key, type, "it must be smooth_l1, giou, diou or ciou");
  return Detector::SMOOTH_L1;
}

void ReadLosses(Values& values, Detector& detector) {
  const auto number = [&](const std::string& key, double otherwise) {
    return values.Number(absl::StrCat("MODEL.", key), otherwise, 0, kMaxDetectorSide);
  };
  detector.set_rpn_box_loss(ReadBoxLoss("RPN", values));
  detector.set_box_loss(ReadBoxLoss("ROI_BOX_HEAD", values));
  detector.set_rpn_smooth_l1_beta(number("RPN.SMOOTH_L1_BETA", 0));
  detector.set_box_smooth_l1_beta(number("ROI_BOX_HEAD.SMOOTH_L1_BETA", 0));
  const double weight = number("RPN.LOSS_WEIGHT", 1);
  detector.set_rpn_objectness_loss_weight(weight);
  detector.set_rpn_box_loss_weight(weight * number("RPN.BBOX_REG_LOSS_WEIGHT", 1));
  detector.set_box_loss_weight(number("ROI_BOX_HEAD.BBOX_REG_LOSS_WEIGHT", 1));
  detector.set_rpn_loss_by_limit(true);
}

void ReadBoxHead(Values& values, Detector& detector) {
  const std::string head = "MODEL.ROI_BOX_HEAD.";
  values.Only<Names>("MODEL.ROI_HEADS.IN_FEATURES", {"res4"}, kPooledLevels, "it must be p2 to p5");
  values.Only<std::string>(head + "NAME", "", "FastRCNNConvFCHead", "only FastRCNNConvFCHead is supported");
  values.Only(head + "NUM_CONV", 0, 0, "convolutions in the box head aren't supported");
  values.Only(head + "NUM_FC", 0, 2, "the box head must have two fully connected layers");
  values.Only<std::string>(head + "NORM", "", "", "a box head with a norm isn't supported");
  values.Only(head + "USE_SIGMOID_CE", false, false, "scores by sigmoid aren't supported");
  const std::string pooler = values.Text(head + "POOLER_TYPE", "ROIAlignV2");
  if (pooler != "ROIAlignV2" && pooler != "ROIAlign") {
    values.Unsupported(head + "POOLER_TYPE", pooler, "only ROIAlignV2 and ROIAlign are supported");
  }
  detector.set_roi_aligned(pooler == "ROIAlignV2");
  detector.set_roi_output_size(values.Whole(head + "POOLER_RESOLUTION", 14, 1, 64));
  detector.set_roi_sampling_ratio(values.Whole(head + "POOLER_SAMPLING_RATIO", 0, 0, 64));
  detector.set_roi_canonical_size(224);
  detector.set_roi_level_size_epsilon(1e-8);
  detector.set_box_head_width(values.Whole(head + "FC_DIM", 1024, 1, kMaxDetectorChannels));
  detector.set_class_agnostic_boxes(values.Flag(head + "CLS_AGNOSTIC_BBOX_REG", false));
  for (const double weight : values.Numbers(head + "BBOX_REG_WEIGHTS", {10, 10, 5, 5}, kLeast, kMaxLevel)) {
    detector.add_box_delta_weights(static_cast<float>(weight));
  }
  const std::string heads = "MODEL.ROI_HEADS.";
  const double threshold = values.Numbers(heads + "IOU_THRESHOLDS", {0.5}, 0, 1)[0];
  detector.set_box_foreground_iou(threshold);
  detector.set_box_background_iou(threshold);
  detector.set_box_samples_per_image(values.Whole(heads + "BATCH_SIZE_PER_IMAGE", 512, 1, kMaxDetectorCount));
  detector.set_box_positive_fraction(values.Number(heads + "POSITIVE_FRACTION", 0.25, 0, 1));
  detector.set_box_score_threshold(values.Number(heads + "SCORE_THRESH_TEST", 0.05, 0, 1));
  detector.set_box_nms_threshold(values.Number(heads + "NMS_THRESH_TEST", 0.5, 0, 1));
  detector.set_detections_per_image(values.Whole("TEST.DETECTIONS_PER_IMAGE", 100, 1, kMaxDetectorCount));
}

}  // namespace

absl::StatusOr<Detectron2Config> ReadDetectron2Config(const std::filesystem::path& path) {
  const absl::StatusOr<YamlFiles> files = YamlFiles::Read(path);
  if (!files.ok()) return files.status();
  if (const YAML::Node model = files->Find("MODEL"); !model.IsDefined() || !model.IsMap()) {
    return absl::InvalidArgumentError(absl::StrCat(
        path.string(),
        ": it has no MODEL, so it is no configuration of Detectron2; a LazyConfig isn't supported"));
  }
  Values values(*files);
  Detectron2Config config;
  Detector& detector = config.detector;
  detector.set_preset(kDetectron2Preset);
  const auto faults = [&] {
    return absl::InvalidArgumentError(
        absl::StrCat(path.string(), ": ", absl::StrJoin(values.faults(), "; ")));
  };
  CheckKeys(*files, values);
  CheckKind(values);
  if (!values.faults().empty()) return faults();  // the keys of other kinds would be faults, too
  ReadBackbone(values, *detector.mutable_backbone());
  ReadPyramid(values, detector);
  ReadPictures(values, detector);
  ReadAnchors(values, detector);
  ReadProposals(values, detector);
  ReadBoxHead(values, detector);
  ReadLosses(values, detector);
  config.num_classes = values.Whole("MODEL.ROI_HEADS.NUM_CLASSES", 80, 1, kMaxClasses);
  detector.set_ignore_overlap(0.5);
  detector.set_embedding_width(std::min<uint32_t>(128, detector.box_head_width()));
  detector.set_file_names(Detector::DETECTRON2);
  detector.set_file_background_last(true);
  if (!values.faults().empty()) return faults();
  if (const absl::Status sound = CheckDetector(detector); !sound.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(path.string(), ": ", sound.message()));
  }
  return config;
}

}  // namespace loupe
