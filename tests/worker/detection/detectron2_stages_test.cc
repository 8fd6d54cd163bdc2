// What each stage makes of a picture, against Detectron2's own numbers (shared/golden/detectron2/NOTES.md).
#include <gtest/gtest.h>
#include <torch/types.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "detectron2/config.h"
#include "tests/worker/detection/torchvision.h"
#include "worker/detection/antialias.h"
#include "worker/detection/faster_rcnn.h"
#include "worker/detection/fpn.h"
#include "worker/detection/roi_align.h"
#include "worker/detection/rpn.h"
#include "worker/detection/weights.h"
#include "worker/weights/torch_file.h"

namespace loupe::detection {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kMinSize = 400;

fs::path GoldenFile(const std::string& name) {
  const char* data = std::getenv("LOUPE_DATA");
  const char* source = std::getenv("LOUPE_SOURCE");
  const fs::path shared =
      data != nullptr ? fs::path(data) : fs::path(source != nullptr ? source : ".") / "../shared";
  return shared / "golden/detectron2/r18_fpn" / name;
}

// Relative to the largest value.
void ExpectNear(const torch::Tensor& ours, const torch::Tensor& theirs, double tolerance = 1e-5) {
  ASSERT_EQ(ours.sizes(), theirs.sizes());
  EXPECT_LE((ours - theirs).abs().max().item<double>(), tolerance * theirs.abs().max().item<double>());
}

class Detectron2StagesTest : public testing::Test {
 protected:
  Detectron2StagesTest() {
    absl::StatusOr<Detectron2Config> config = ReadDetectron2Config(GoldenFile("config.yaml"));
    EXPECT_TRUE(config.ok()) << config.status();
    config->detector.set_min_size(kMinSize);
    const auto weights = ReadTorchFile(GoldenFile("model_final.pth").string());
    EXPECT_TRUE(weights.ok()) << weights.status();
    model_ = std::make_shared<FasterRcnn>(config->detector, config->num_classes);
    const auto report = LoadWeights(*weights, {}, *model_);
    EXPECT_TRUE(report.ok() && report->complete());
    model_->eval();
    const torch::Tensor blue_first = golden_.at("picture_bgr").permute({2, 0, 1});
    picture_ = blue_first.flip(0).contiguous();
  }

  template <typename Part>
  Part& PartOf(const std::string& name) {
    return dynamic_cast<Part&>(*model_->named_modules()[name]);
  }

  // A map of the stages' file: its size, sum, channels' means and a patch in its middle.
  void ExpectMap(const torch::Tensor& map, const std::string& name) {
    SCOPED_TRACE(name);
    const TensorMap theirs = WithPrefix(golden_, name + ".");
    ASSERT_EQ(torch::tensor(map.sizes().vec()).equal(theirs.at("shape")), true) << map.sizes();
    ExpectNear(map.abs().sum().view({1}), theirs.at("sum_abs"));
    ExpectNear(map[0].mean({1, 2}), theirs.at("channel_means"));
    const auto middle = [](int64_t side) {
      return std::pair{side / 2 - std::min<int64_t>(2, side / 2), side / 2 + 2};
    };
    const auto [top, bottom] = middle(map.size(2));
    const auto [left, right] = middle(map.size(3));
    ExpectNear(map[0].slice(0, 0, 8).slice(1, top, bottom).slice(2, left, right), theirs.at("patch"));
    if (theirs.contains("all")) ExpectNear(map[0], theirs.at("all"));
  }

  // Reads all that Detectron2 wrote of a run, once.
  TensorMap golden_ = ReadTensors(GoldenFile("stages.safetensors").string());
  std::shared_ptr<FasterRcnn> model_;
  torch::Tensor picture_;
};

TEST_F(Detectron2StagesTest, EachStageGivesWhatDetectron2sGave) {
  torch::NoGradGuard no_grad;
  const torch::Tensor resized = golden_.at("resized").permute({2, 0, 1}).flip(0);
  EXPECT_TRUE(torch::equal(ResizeAntialiased(picture_, {resized.size(1), resized.size(2)}), resized));

  const Batch batch = model_->MakeBatch({picture_});
  ASSERT_EQ(batch.sizes[0].height, 601);
  ASSERT_EQ(batch.sizes[0].width, 400);
  EXPECT_EQ(batch.padded().height, golden_.at("input_size")[0].item<int64_t>());
  EXPECT_EQ(batch.padded().width, golden_.at("input_size")[1].item<int64_t>());
  const auto input = batch.images[0].flip(0);
  ExpectNear(input.slice(1, 0, 4).slice(2, 0, 4), golden_.at("input_corner"), 1e-6);

  const auto maps = PartOf<Backbone>("backbone.body").Forward(batch.images);
  for (size_t i = 0; i < maps.size(); ++i) ExpectMap(maps[i], "res" + std::to_string(i + 2));
  const auto levels = PartOf<FeaturePyramid>("backbone.fpn").Forward(maps);
  for (size_t i = 0; i < levels.size(); ++i) ExpectMap(levels[i], "p" + std::to_string(i + 2));

  const auto rpn = PartOf<RegionProposalNetwork>("rpn").Forward(levels, batch);
  EXPECT_TRUE(torch::allclose(rpn.anchors[3], golden_.at("anchors.p5"), 0, 1e-4));
  EXPECT_TRUE(torch::allclose(rpn.anchors[4], golden_.at("anchors.p6"), 0, 1e-4));
  for (size_t i = 1; i < levels.size(); ++i) {
    const std::string level = "p" + std::to_string(i + 2);
    SCOPED_TRACE(level);
    // Anchors of a cell are adjacent here, planes there.
    const auto logits = golden_.at("rpn_logits." + level).permute({1, 2, 0}).reshape({1, -1});
    ExpectNear(rpn.levels[i].logits, logits);
    const auto deltas = golden_.at("rpn_deltas." + level);
    const auto by_anchor = deltas.view({-1, 4, deltas.size(1), deltas.size(2)}).permute({2, 3, 0, 1});
    ExpectNear(rpn.levels[i].deltas, by_anchor.reshape({1, -1, 4}), 1e-4);
  }
  // Near-ties of logits may be in another order, and one may suppress the other.
  const torch::Tensor ours = rpn.proposals[0], theirs = golden_.at("proposals");
  ASSERT_EQ(ours.sizes(), theirs.sizes());
  const auto distance = (ours.unsqueeze(1) - theirs.unsqueeze(0)).abs().amax(2).amin(0);
  EXPECT_LE(distance.gt(1e-2).sum().item<int64_t>(), 3);
}

TEST_F(Detectron2StagesTest, ProposalsArePooledAndJudgedAsThere) {
  torch::NoGradGuard no_grad;
  const Batch batch = model_->MakeBatch({picture_});
  const auto levels =
      PartOf<FeaturePyramid>("backbone.fpn").Forward(PartOf<Backbone>("backbone.body").Forward(batch.images));
  const auto& strides = PartOf<Backbone>("backbone.body").strides();
  const v1::Detector& config = model_->config();
  Rois rois{golden_.at("proposals"), torch::zeros({1000}, torch::kInt64), {}};
  rois.levels = PyramidLevels(rois.boxes, strides, config);
  EXPECT_TRUE(torch::equal(rois.levels + 2, golden_.at("proposal_levels")));
  const std::vector<torch::Tensor> pooled_levels(levels.begin(), levels.end() - 1);
  const RoiAlignOptions options = {config.roi_output_size(), config.roi_sampling_ratio(),
                                   config.roi_aligned()};
  for (const auto& pool : {MultiScaleRoiAlign, RoiAlignReference}) {
    const auto pooled = pool(pooled_levels, strides, rois, options);
    ExpectNear(pooled.slice(0, 0, 4), golden_.at("pooled.first4"));
    ExpectNear(pooled.abs().sum({1, 2, 3}), golden_.at("pooled.sum_abs_per_roi"), 2e-5);
    const auto features = PartOf<BoxHead>("roi_heads.box_head").Forward(pooled);
    ExpectNear(features.slice(0, 0, 16), golden_.at("box_features.first16"), 2e-5);
    const auto output = PartOf<BoxPredictor>("roi_heads.box_predictor").Forward(features);
    // The background is first here, last there, and has deltas here.
    ExpectNear(output.logits.roll(-1, 1), golden_.at("class_logits"), 2e-5);
    ExpectNear(output.deltas.slice(1, 4), golden_.at("box_deltas"), 2e-5);
    EXPECT_EQ(output.deltas.slice(1, 0, 4).abs().max().item<double>(), 0);
  }
}

}  // namespace
}  // namespace loupe::detection
