#include "worker/detection/weights.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include <cmath>
#include <cstdlib>

#include "recipe/presets.h"
#include "tests/worker/detection/torchvision.h"
#include "worker/detection/conv_norm.h"
#include "worker/detection/faster_rcnn.h"

namespace loupe::detection {
namespace {

constexpr int64_t kClassCount = 3;

std::shared_ptr<FasterRcnn> SmallModel(int seed) {
  torch::manual_seed(seed);
  return std::make_shared<FasterRcnn>(PresetDetector("small").value(), kClassCount);
}

std::string DataPath(const std::string& name) {
  const char* data = std::getenv("LOUPE_DATA");
  const char* source = std::getenv("LOUPE_SOURCE");
  const std::string folder = data ? data : std::string(source ? source : ".") + "/../shared";
  return folder + "/" + name;
}

TEST(WeightsTest, AStateDictComesBackWhole) {
  const auto from = SmallModel(1), to = SmallModel(2);
  const auto state = StateDict(*from);
  const auto report = LoadWeights(state, {}, *to);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_TRUE(report->complete()) << report->Summary();
  for (const auto& [name, tensor] : StateDict(*to)) EXPECT_TRUE(torch::equal(tensor, state.at(name))) << name;
}

TEST(WeightsTest, LoadedNormsAreFrozenAndOthersLive) {
  const auto model = SmallModel(1);
  EXPECT_TRUE(FrozenNorms(*model).empty());
  auto state = StateDict(*model);
  std::erase_if(state, [](const auto& item) { return item.first.find("layer3") != std::string::npos; });
  ASSERT_TRUE(LoadWeights(state, {}, *model).ok());
  const auto frozen = FrozenNorms(*model);
  EXPECT_EQ(frozen.size(), 10u);  // bn1, and of layer1 four and of layer2 five
  for (const auto& name : frozen) EXPECT_EQ(name.find("layer3"), std::string::npos) << name;
  const auto resumed = SmallModel(2);
  ASSERT_TRUE(FreezeNorms(frozen, *resumed).ok());
  EXPECT_EQ(FrozenNorms(*resumed), frozen);
  EXPECT_EQ(FreezeNorms({"backbone.body.bn9"}, *resumed).code(), absl::StatusCode::kInvalidArgument);
}

TEST(WeightsTest, AnotherHeadIsReportedAndLeftAlone) {
  const auto model = SmallModel(1);
  auto state = StateDict(*std::make_shared<FasterRcnn>(PresetDetector("small").value(), 9));
  state["roi_heads.mask_head.weight"] = torch::zeros({1});
  state["backbone.body.bn1.num_batches_tracked"] = torch::zeros({}, torch::kInt64);
  const auto before = StateDict(*model).at("roi_heads.box_predictor.cls_score.weight");
  const auto report = LoadWeights(state, {}, *model);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->mismatched.size(), 4u) << report->Summary();  // weight and bias of both predictors
  EXPECT_EQ(report->mismatched[1],
            "roi_heads.box_predictor.bbox_pred.weight: file [40, 256], model [16, 256]");
  EXPECT_EQ(report->unexpected, std::vector<std::string>{"roi_heads.mask_head.weight"});
  EXPECT_TRUE(report->missing.empty());
  EXPECT_TRUE(torch::equal(StateDict(*model).at("roi_heads.box_predictor.cls_score.weight"), before));
}

TEST(WeightsTest, NamesBeforeTorchvision013AreKnown) {
  const auto model = SmallModel(1);
  TensorMap old;
  for (const auto& [name, tensor] : StateDict(*model)) {
    std::string old_name = name;
    for (const auto& [now, then] : {std::pair{"head.conv.0.0.", "head.conv."},
                                    {"blocks.0.0.", "blocks.0."},
                                    {"blocks.1.0.", "blocks.1."},
                                    {"blocks.2.0.", "blocks.2."}}) {
      const size_t place = old_name.find(now);
      if (place != std::string::npos) old_name.replace(place, std::string(now).size(), then);
    }
    old[old_name] = tensor;
  }
  const auto report = LoadWeights(old, {}, *model);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_TRUE(report->complete()) << report->Summary();
}

TEST(WeightsTest, ABackboneAloneIsTakenUnderItsOwnNames) {
  const auto from = SmallModel(1), to = SmallModel(2);
  TensorMap backbone = {{"fc.weight", torch::zeros({2, 2})}};
  for (const auto& [name, tensor] : WithPrefix(StateDict(*from), "backbone.body.")) backbone[name] = tensor;
  const auto report = LoadWeights(backbone, {}, *to);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->taken.size(), backbone.size() - 1);
  EXPECT_TRUE(report->unexpected.empty()) << report->Summary();
  EXPECT_TRUE(torch::equal(StateDict(*to).at("backbone.body.conv1.weight"), backbone.at("conv1.weight")));
}

TEST(WeightsTest, FoldedBatchNormIsTheSameNetwork) {
  const auto file = ReadSafetensors(DataPath("weights/resnet18_c4_imagenet_bnfolded.safetensors"));
  ASSERT_TRUE(file.ok()) << file.status();
  const auto model = SmallModel(1);
  const auto report = LoadWeights(file->tensors, {}, *model);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_TRUE(report->unexpected.empty()) << report->Summary();
  EXPECT_TRUE(report->mismatched.empty()) << report->Summary();
  EXPECT_EQ(FrozenNorms(*model).size(), 15u);  // every one of the body
  for (const auto& name : report->missing) EXPECT_FALSE(name.starts_with("backbone.body.")) << name;
  const auto norm =
      std::dynamic_pointer_cast<BatchNorm>(model->named_modules()["backbone.body.layer2.0.downsample.1"]);
  ASSERT_NE(norm, nullptr);
  const auto [scale, shift] = norm->ScaleAndShift();
  EXPECT_LE((scale - 1).abs().max().item<float>(), 1e-6);
  EXPECT_TRUE(torch::equal(shift, file->tensors.at("layer2.0.downsample.0.bias")));
}

TEST(WeightsTest, WeightsThatDontFitAtAllChangeNothing) {
  const auto model = SmallModel(1);
  const auto before = StateDict(*model);
  EXPECT_EQ(LoadWeights({{"encoder.weight", torch::zeros({3})}}, {}, *model).status().code(),
            absl::StatusCode::kInvalidArgument);
  auto broken = before;
  broken["backbone.body.conv1.weight"] = broken["backbone.body.conv1.weight"] + 1;
  broken["rpn.head.cls_logits.bias"] = torch::full({3}, NAN);
  const auto status = LoadWeights(broken, {}, *model).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("rpn.head.cls_logits.bias"), std::string::npos) << status;
  for (const auto& [name, tensor] : StateDict(*model))
    EXPECT_TRUE(torch::equal(tensor, before.at(name))) << name;
}

TEST(WeightsTest, MetadataDescribesTheModel) {
  const auto model = SmallModel(1);
  const auto description = DescribeWeights(WeightMetadata(*model, {"crack", "pit \"deep\"", "scratch"}));
  ASSERT_TRUE(description.ok()) << description.status();
  EXPECT_EQ(description->preset, "small");
  EXPECT_EQ(description->class_names, (std::vector<std::string>{"crack", "pit \"deep\"", "scratch"}));
  EXPECT_EQ(description->min_size, 256);
  EXPECT_TRUE(DescribeWeights({})->preset.empty());
  EXPECT_FALSE(DescribeWeights({{"loupe.classes", "[1]"}}).ok());
  EXPECT_FALSE(DescribeWeights({{"loupe.min_size", "-4"}}).ok());
  EXPECT_FALSE(DescribeWeights({{"loupe.max_size", "1000000000"}}).ok())
      << "its first batch would take all memory";
}

}  // namespace
}  // namespace loupe::detection
