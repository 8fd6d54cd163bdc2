// Faster R-CNN against torchvision, run live: the same weights and pictures must give the same answers.

#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>

#include "recipe/presets.h"
#include "tests/worker/detection/torchvision.h"
#include "worker/detection/boxes.h"
#include "worker/detection/faster_rcnn.h"
#include "worker/detection/postprocess.h"
#include "worker/detection/roi_align.h"
#include "worker/detection/weights.h"

namespace loupe::detection {
namespace {

constexpr int64_t kClasses = 5;
constexpr int64_t kAll = 1'000'000;
constexpr double kScoreTolerance = 3e-5;     // rounding: up to 1.2e-5 on a processor without AVX-512
constexpr double kTie = 1e-6;                // of scores
constexpr double kNmsThreshold = 0.5;        // of all presets
constexpr double kBoxTolerance = 0.01;       // pixels
constexpr double kLossTolerance = 1e-5;      // relative
constexpr double kGradientTolerance = 1e-3;  // relative; torchvision_kinks.py keeps off what has no gradient
constexpr double kStageTolerance = 5e-5;     // of the largest value; a stage has up to a hundred layers

struct ParityCase {
  const char* name;
  const char* preset;
  int64_t min_size, max_size;
  int training_steps;  // 0: weights as made up
  // Small pictures then: LibTorch's statistics of a channels-last batch lose digits with the square root of
  // its size.
  bool live_norm = false;
};

const std::vector<std::pair<int, int>> kImageSizes = {{120, 150}, {160, 160}, {200, 96}};
const std::vector<int> kTruthCounts = {3, 1, 0};

std::ostream& operator<<(std::ostream& out, const ParityCase& parity) { return out << parity.name; }

// Of the same class, and alike in score and box.
bool Same(const Detections& ours, int64_t i, const TensorMap& theirs, int64_t j) {
  return ours.labels[i].item<int64_t>() == theirs.at("labels")[j].item<int64_t>() &&
         (ours.scores[i] - theirs.at("scores")[j]).abs().item<double>() <= kScoreTolerance &&
         (ours.boxes[i] - theirs.at("boxes")[j]).abs().max().item<double>() <= kBoxTolerance;
}

// Of the same class, with scores that tie, and so near each other that only one of them is kept.
bool RivalsInNms(const Detections& ours, int64_t i, const TensorMap& theirs, int64_t j,
                 double nms_threshold) {
  const auto overlap = BoxIou(ours.boxes[i].unsqueeze(0), theirs.at("boxes")[j].unsqueeze(0));
  return ours.labels[i].item<int64_t>() == theirs.at("labels")[j].item<int64_t>() &&
         (ours.scores[i] - theirs.at("scores")[j]).abs().item<double>() <= kTie &&
         overlap.item<double>() > nms_threshold;
}

// A partner of its own on the other side for each detection. Ties in score may be in any order; where two
// boxes of which NMS keeps one tie, either side may keep either, but has to have had the other's: `detect`
// makes the detections again, with other options.
void ExpectSameDetections(const Detections& ours,
                          const std::function<Detections(const DetectOptions&)>& detect,
                          const DetectOptions& options, const TensorMap& theirs) {
  const int64_t count = theirs.at("boxes").size(0);
  ASSERT_EQ(ours.boxes.size(0), count);
  std::vector<bool> taken(count);
  const auto take = [&](const auto& matches) {
    for (int64_t j = 0; j < count; ++j) {
      if (taken[j] || !matches(j)) continue;
      taken[j] = true;
      return j;
    }
    return count;
  };
  std::vector<int64_t> left;
  for (int64_t i = 0; i < count; ++i) {
    if (take([&](int64_t j) { return Same(ours, i, theirs, j); }) == count) left.push_back(i);
  }
  if (left.empty()) return;
  DetectOptions without_nms = options;
  without_nms.nms_threshold = 1;
  without_nms.detections_per_image = kAll;
  const Detections candidates = detect(without_nms);
  for (const int64_t i : left) {
    const int64_t rival = take([&](int64_t j) { return RivalsInNms(ours, i, theirs, j, kNmsThreshold); });
    EXPECT_LT(rival, count) << "detection " << i << " of score " << ours.scores[i].item<float>()
                            << " has no partner";
    if (rival == count) continue;
    bool had = false;
    for (int64_t k = 0; k < candidates.boxes.size(0) && !had; ++k) had = Same(candidates, k, theirs, rival);
    EXPECT_TRUE(had) << "detection " << rival << " of torchvision's is nowhere before NMS either";
  }
}

// Boxes [P, 4]; near ties of objectness may be in any order.
void ExpectSameBoxes(const torch::Tensor& ours, const torch::Tensor& theirs) {
  ASSERT_EQ(ours.sizes(), theirs.sizes());
  const auto distance = (ours.unsqueeze(1) - theirs.unsqueeze(0)).abs().amax(2);
  EXPECT_LE(distance.amin(0).max().item<double>(), kBoxTolerance);
  EXPECT_LE(distance.amin(1).max().item<double>(), kBoxTolerance);
}

void ExpectNear(const torch::Tensor& ours, const torch::Tensor& theirs) {
  ASSERT_EQ(ours.sizes(), theirs.sizes());
  EXPECT_LE((ours - theirs).abs().max().item<double>(), kStageTolerance * theirs.abs().max().item<double>());
}

class ParityTest : public testing::TestWithParam<ParityCase> {
 protected:
  void SetUp() override {
    torch::set_num_threads(2);
    config_ = PresetDetector(GetParam().preset).value();
    // A network that has learned three boxes says little of anything else.
    detect_options_.score_threshold = GetParam().training_steps > 0 ? 0.01 : 0.05;
    config_.set_min_size(GetParam().min_size);
    config_.set_max_size(GetParam().max_size);
    config_.set_rpn_pre_nms_top_n_train(200);
    config_.set_rpn_pre_nms_top_n_test(200);
    config_.set_rpn_post_nms_top_n_train(100);
    config_.set_rpn_post_nms_top_n_test(100);
    // Everything is sampled: nothing is left to chance.
    config_.set_rpn_samples_per_image(kAll);
    config_.set_box_samples_per_image(kAll);
    AskTorchvision();
    model_ = std::make_shared<FasterRcnn>(config_, kClasses);
    LoadOptions options;
    options.freeze_loaded_norms = !GetParam().live_norm;
    const auto report = LoadWeights(WithPrefix(reference_, "weights."), options, *model_);
    ASSERT_TRUE(report.ok()) << report.status();
    ASSERT_TRUE(report->complete()) << report->Summary();
    for (size_t i = 0; i < kImageSizes.size(); ++i) {
      const std::string index = std::to_string(i);
      images_.push_back(reference_.at("image." + index));
      targets_.push_back(
          {reference_.at("target." + index + ".boxes"), reference_.at("target." + index + ".labels"), {}});
    }
  }

  void AskTorchvision() {
    auto json = ConfigJson(config_, kClasses);
    json["seed"] = 11;
    json["live_norm"] = GetParam().live_norm;
    json["image_sizes"] = kImageSizes;
    json["truth_counts"] = kTruthCounts;
    json["score_threshold"] = detect_options_.score_threshold.value();
    json["training_steps"] = GetParam().training_steps;
    const std::string stem = ScratchPath(GetParam().name);
    std::ofstream(stem + ".json") << json;
    RunGoldenScript("torchvision_faster_rcnn.py", {stem + ".json", stem + ".safetensors"});
    reference_ = ReadTensors(stem + ".safetensors");
    std::filesystem::remove(stem + ".safetensors");  // hundreds of megabytes
  }

  template <typename Part>
  Part& PartOf(const std::string& name) {
    return dynamic_cast<Part&>(*model_->named_modules()[name]);
  }

  std::vector<torch::Tensor> StageList(const std::string& name) {
    std::vector<torch::Tensor> list;
    while (reference_.contains(name + "." + std::to_string(list.size()))) {
      list.push_back(reference_.at(name + "." + std::to_string(list.size())));
    }
    return list;
  }

  static void ExpectNear(const std::vector<torch::Tensor>& ours, const std::vector<torch::Tensor>& theirs) {
    ASSERT_EQ(ours.size(), theirs.size());
    for (size_t i = 0; i < ours.size(); ++i) detection::ExpectNear(ours[i], theirs[i]);
  }

  // Each stage is given what torchvision's own stage was given.
  void CompareStages() {
    torch::NoGradGuard no_grad;
    const auto stage = WithPrefix(reference_, "stage.");
    const auto maps = StageList("stage.maps"), levels = StageList("stage.levels");
    const auto proposals = StageList("stage.proposals");
    {
      SCOPED_TRACE("transform");
      detection::ExpectNear(Transform(config_).MakeBatch(images_).images, stage.at("batch"));
    }
    const Batch batch = Transform(config_).MakeBatch(images_);
    {
      SCOPED_TRACE("backbone");
      const auto input = stage.at("batch").contiguous(torch::MemoryFormat::ChannelsLast);
      ExpectNear(PartOf<Backbone>("backbone.body").Forward(input), maps);
    }
    {
      SCOPED_TRACE("feature pyramid");
      ExpectNear(PartOf<FeaturePyramid>("backbone.fpn").Forward(maps), levels);
    }
    {
      SCOPED_TRACE("proposals");
      const auto output = PartOf<RegionProposalNetwork>("rpn").Forward(levels, batch);
      for (size_t i = 0; i < proposals.size(); ++i) ExpectSameBoxes(output.proposals[i], proposals[i]);
    }
    CompareBoxHead(stage, levels, proposals);
    CompareSelection(stage, proposals, batch);
  }

  void CompareBoxHead(const TensorMap& stage, const std::vector<torch::Tensor>& levels,
                      const std::vector<torch::Tensor>& proposals) {
    const auto& strides = PartOf<Backbone>("backbone.body").strides();
    Rois rois{torch::cat(proposals), {}, {}};
    std::vector<torch::Tensor> images;
    for (const auto& boxes : proposals) {
      images.push_back(torch::full({boxes.size(0)}, static_cast<int64_t>(images.size()), torch::kInt64));
    }
    rois.images = torch::cat(images);
    rois.levels = PyramidLevels(rois.boxes, strides, config_);
    const std::vector<torch::Tensor> pooled_levels(levels.begin(), levels.end() - 1);
    const auto pooled = MultiScaleRoiAlign(pooled_levels, strides, rois,
                                           {config_.roi_output_size(), config_.roi_sampling_ratio()});
    {
      SCOPED_TRACE("RoIAlign");
      detection::ExpectNear(pooled, stage.at("pooled"));
    }
    {
      SCOPED_TRACE("box head");
      detection::ExpectNear(PartOf<BoxHead>("roi_heads.box_head").Forward(stage.at("pooled")),
                            stage.at("features"));
      const auto output = PartOf<BoxPredictor>("roi_heads.box_predictor").Forward(stage.at("features"));
      detection::ExpectNear(output.logits, stage.at("head.0"));
      detection::ExpectNear(output.deltas, stage.at("head.1"));
    }
  }

  void CompareSelection(const TensorMap& stage, const std::vector<torch::Tensor>& proposals,
                        const Batch& batch) {
    SCOPED_TRACE("postprocess");
    const auto boxes = BoxCoder({10, 10, 5, 5}).Decode(stage.at("head.1"), torch::cat(proposals));
    const auto probabilities = torch::softmax(stage.at("head.0"), 1);
    const auto projection = EmbeddingProjection(config_.box_head_width(), config_.embedding_width());
    int64_t begin = 0;
    for (size_t i = 0; i < proposals.size(); ++i) {
      SCOPED_TRACE(testing::Message() << "image " << i);
      const int64_t end = begin + proposals[i].size(0);
      const ProposalScores scores{boxes.slice(0, begin, end), probabilities.slice(0, begin, end),
                                  stage.at("features").slice(0, begin, end)};
      const auto select = [&](const DetectOptions& options) {
        return SelectDetections(scores, batch.sizes[i], config_, options, projection);
      };
      ExpectSameDetections(select(detect_options_), select, detect_options_,
                           WithPrefix(stage, "selected." + std::to_string(i) + "."));
      begin = end;
    }
  }

  void CompareDetections() {
    EXPECT_GE(reference_.at("detection.0.scores").size(0), 5) << "the case shows too little";
    const auto together = model_->Detect(model_->MakeBatch(images_), detect_options_);
    for (size_t i = 0; i < images_.size(); ++i) {
      SCOPED_TRACE(testing::Message() << "image " << i);
      ExpectSameDetections(
          together[i],
          [&](const DetectOptions& options) {
            return model_->Detect(model_->MakeBatch(images_), options)[i];
          },
          detect_options_, WithPrefix(reference_, "detection." + std::to_string(i) + "."));
      SCOPED_TRACE("alone");
      const auto detect = [&](const DetectOptions& options) {
        return model_->Detect(model_->MakeBatch({images_[i]}), options)[0];
      };
      ExpectSameDetections(detect(detect_options_), detect, detect_options_,
                           WithPrefix(reference_, "alone." + std::to_string(i) + "."));
    }
  }

  void CompareLossesAndGradients() {
    const Losses losses = model_->ComputeLosses(model_->MakeBatch(images_), targets_);
    for (const auto& [name, loss] : {std::pair{"loss_classifier", losses.loss_classifier},
                                     std::pair{"loss_box_reg", losses.loss_box_reg},
                                     std::pair{"loss_objectness", losses.loss_objectness},
                                     std::pair{"loss_rpn_box_reg", losses.loss_rpn_box_reg}}) {
      const double expected = reference_.at(std::string("loss.") + name).item<double>();
      EXPECT_NEAR(loss.item<double>(), expected, kLossTolerance * expected) << name;
    }
    losses.Sum().backward();
    const auto expected = WithPrefix(reference_, "gradient.");
    size_t compared = 0;
    for (const auto& parameter : model_->named_parameters()) {
      if (!parameter.value().requires_grad()) continue;
      ASSERT_TRUE(expected.contains(parameter.key())) << parameter.key();
      const auto& reference = expected.at(parameter.key());
      const double difference = (parameter.value().grad() - reference).norm().item<double>();
      EXPECT_LE(difference, kGradientTolerance * reference.norm().item<double>()) << parameter.key();
      ++compared;
    }
    EXPECT_EQ(compared, expected.size());
  }

  v1::Detector config_;
  DetectOptions detect_options_;
  TensorMap reference_;
  std::shared_ptr<FasterRcnn> model_;
  std::vector<torch::Tensor> images_;
  std::vector<Target> targets_;
};

TEST_P(ParityTest, IsTorchvision) {
  model_->eval();
  CompareStages();
  CompareDetections();
  model_->train();
  CompareLossesAndGradients();
}

INSTANTIATE_TEST_SUITE_P(Presets, ParityTest,
                         testing::Values(ParityCase{"small", "small", 160, 256, 0},
                                         ParityCase{"small_trained", "small", 128, 192, 20},
                                         ParityCase{"small_live", "small", 64, 64, 0, true},
                                         ParityCase{"resnet18", "resnet18-fpn", 128, 192, 0},
                                         ParityCase{"resnet18_trained", "resnet18-fpn", 128, 192, 10},
                                         ParityCase{"resnet34", "resnet34-fpn", 96, 160, 0},
                                         ParityCase{"resnet50", "resnet50-fpn", 96, 160, 0},
                                         ParityCase{"resnet50_trained", "resnet50-fpn", 96, 160, 10},
                                         ParityCase{"resnet101", "resnet101-fpn", 96, 160, 0},
                                         ParityCase{"mobilenet", "mobilenet-v3-large-320-fpn", 160, 240, 0},
                                         ParityCase{"mobilenet_trained", "mobilenet-v3-large-320-fpn", 160,
                                                    240, 10}),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace loupe::detection
