// Names and shapes of detectors' tensors, and which weight files fit them. That the worker's detectors have
// these tensors is tested in tests/worker/detection/detector_tensors_test.cc.
#include "recipe/detector_tensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "recipe/presets.h"
#include "recipe/tensor_names.h"

namespace loupe {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using Shape = std::vector<int64_t>;

v1::Detector DetectorOf(const std::string& preset) { return PresetDetector(preset).value(); }

std::map<std::string, Shape> ShapesByName(const std::string& preset, int64_t num_classes) {
  std::map<std::string, Shape> shapes;
  for (const auto& [name, shape] : TensorShapes(DetectorOf(preset), num_classes)) {
    EXPECT_TRUE(shapes.emplace(name, shape).second) << name << " is there twice";
  }
  return shapes;
}

void Rename(const std::string& from, const std::string& to, std::vector<NamedShape>& tensors) {
  for (NamedShape& tensor : tensors) {
    const size_t place = tensor.name.find(from);
    if (place != std::string::npos) tensor.name.replace(place, from.size(), to);
  }
}

// The backbone's tensors under their own names, as a file of torchvision's classifier has them.
std::vector<NamedShape> BackboneAlone(const std::string& preset) {
  const std::string prefix = "backbone.body.";
  std::vector<NamedShape> backbone;
  for (const NamedShape& tensor : TensorShapes(DetectorOf(preset), 1)) {
    if (tensor.name.starts_with(prefix))
      backbone.push_back({tensor.name.substr(prefix.size()), tensor.shape});
  }
  return backbone;
}

std::string ErrorOf(const std::string& preset, const std::vector<NamedShape>& tensors) {
  const absl::Status status = CheckTensors(DetectorOf(preset), tensors);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  return std::string(status.message());
}

// Five tensors per convolution of the backbone, two for each other layer: 4 * 2 levels, 3 in the RPN, 4 in
// the head.
TEST(TensorShapesTest, NumbersOfTensors) {
  EXPECT_EQ(ShapesByName("resnet18-fpn", 5).size(), 20u * 5 + 30);
  EXPECT_EQ(ShapesByName("resnet34-fpn", 5).size(), 36u * 5 + 30);
  EXPECT_EQ(ShapesByName("resnet50-fpn", 5).size(), 53u * 5 + 30);
  EXPECT_EQ(ShapesByName("resnet101-fpn", 5).size(), 104u * 5 + 30);
  EXPECT_EQ(ShapesByName("small", 5).size(), 15u * 5 + 26) << "one level less";
  EXPECT_EQ(ShapesByName("mobilenet-v3-large-320-fpn", 5).size(), 46u * 5 + 8 * 4 + 22)
      << "eight blocks have squeeze-and-excitation; two levels";
}

TEST(TensorShapesTest, ShapesOfTorchvisionsResnet50) {
  const auto shapes = ShapesByName("resnet50-fpn", 90);
  EXPECT_EQ(shapes.at("backbone.body.conv1.weight"), (Shape{64, 3, 7, 7}));
  EXPECT_EQ(shapes.at("backbone.body.bn1.running_var"), Shape{64});
  EXPECT_EQ(shapes.at("backbone.body.layer1.0.downsample.0.weight"), (Shape{256, 64, 1, 1}));
  EXPECT_EQ(shapes.at("backbone.body.layer2.3.conv2.weight"), (Shape{128, 128, 3, 3}));
  EXPECT_EQ(shapes.at("backbone.body.layer4.0.conv1.weight"), (Shape{512, 1024, 1, 1}));
  EXPECT_EQ(shapes.at("backbone.body.layer4.2.bn3.running_mean"), Shape{2048});
  EXPECT_EQ(shapes.at("backbone.fpn.inner_blocks.3.0.weight"), (Shape{256, 2048, 1, 1}));
  EXPECT_EQ(shapes.at("backbone.fpn.layer_blocks.0.0.bias"), Shape{256});
  EXPECT_EQ(shapes.at("rpn.head.conv.0.0.weight"), (Shape{256, 256, 3, 3}));
  EXPECT_EQ(shapes.at("rpn.head.cls_logits.weight"), (Shape{3, 256, 1, 1}));
  EXPECT_EQ(shapes.at("rpn.head.bbox_pred.bias"), Shape{12});
  EXPECT_EQ(shapes.at("roi_heads.box_head.fc6.weight"), (Shape{1024, 12544}));
  EXPECT_EQ(shapes.at("roi_heads.box_predictor.cls_score.weight"), (Shape{91, 1024}));
  EXPECT_EQ(shapes.at("roi_heads.box_predictor.bbox_pred.weight"), (Shape{364, 1024}));
}

TEST(TensorShapesTest, ShapesOfTorchvisionsMobilenet) {
  const auto shapes = ShapesByName("mobilenet-v3-large-320-fpn", 90);
  EXPECT_EQ(shapes.at("backbone.body.0.0.weight"), (Shape{16, 3, 3, 3}));
  EXPECT_EQ(shapes.at("backbone.body.1.block.0.0.weight"), (Shape{16, 1, 3, 3})) << "it doesn't widen";
  EXPECT_EQ(shapes.at("backbone.body.4.block.2.fc1.weight"), (Shape{24, 72, 1, 1}));
  EXPECT_EQ(shapes.at("backbone.body.4.block.3.0.weight"), (Shape{40, 72, 1, 1}));
  EXPECT_EQ(shapes.at("backbone.body.16.1.bias"), Shape{960});
  EXPECT_EQ(shapes.at("backbone.fpn.inner_blocks.0.0.weight"), (Shape{256, 160, 1, 1}));
  EXPECT_EQ(shapes.at("backbone.fpn.inner_blocks.1.0.weight"), (Shape{256, 960, 1, 1}));
  EXPECT_EQ(shapes.at("rpn.head.cls_logits.bias"), Shape{15});
}

TEST(CheckTensorsTest, WholeModelsFitWithAnyNumberOfClasses) {
  for (const std::string& preset : PresetNames()) {
    for (const int64_t num_classes : {1, 7, 90}) {
      const absl::Status status =
          CheckTensors(DetectorOf(preset), TensorShapes(DetectorOf(preset), num_classes));
      EXPECT_TRUE(status.ok()) << status;
    }
  }
}

TEST(CheckTensorsTest, NamesBeforeTorchvision013Fit) {
  auto tensors = TensorShapes(DetectorOf("small"), 3);
  Rename("head.conv.0.0.", "head.conv.", tensors);
  for (const std::string level : {"0", "1", "2"})
    Rename("blocks." + level + ".0.", "blocks." + level + ".", tensors);
  EXPECT_TRUE(CheckTensors(DetectorOf("small"), tensors).ok());
  const auto conv = std::find_if(tensors.begin(), tensors.end(), [](const NamedShape& tensor) {
    return tensor.name == "rpn.head.conv.bias";
  });
  ASSERT_NE(conv, tensors.end());
  conv->shape = {65};
  EXPECT_THAT(ErrorOf("small", tensors), HasSubstr("rpn.head.conv.bias: file [65], preset small [64]"));
}

TEST(CheckTensorsTest, BackbonesAloneFit) {
  auto backbone = BackboneAlone("resnet18-fpn");
  backbone.push_back({"fc.weight", {1000, 512}});
  backbone.push_back({"fc.bias", {1000}});
  backbone.push_back({"bn1.num_batches_tracked", {}});
  EXPECT_TRUE(CheckTensors(DetectorOf("resnet18-fpn"), backbone).ok());
  EXPECT_TRUE(CheckTensors(DetectorOf("small"), backbone).ok()) << "layer4 is passed over";
  EXPECT_THAT(ErrorOf("resnet50-fpn", backbone),
              HasSubstr("layer1.0.conv1.weight: file [64, 64, 3, 3], preset "
                        "resnet50-fpn [64, 64, 1, 1]"));
}

TEST(CheckTensorsTest, FoldedBatchNormFits) {
  std::vector<NamedShape> folded;
  for (const auto& [name, shape] : BackboneAlone("small")) {
    const bool norm = name.find("bn") != std::string::npos || name.find("downsample.1") != std::string::npos;
    if (norm) continue;
    folded.push_back({name, shape});
    folded.push_back({name.substr(0, name.rfind('.')) + ".bias", {shape.front()}});
  }
  EXPECT_EQ(folded.size(), 30u);
  EXPECT_TRUE(CheckTensors(DetectorOf("small"), folded).ok());
  folded = {{"layer2.0.downsample.0.bias", {128}}};
  EXPECT_TRUE(CheckTensors(DetectorOf("small"), folded).ok()) << "a bias stands for a batch norm";
  folded.front().shape = {64};
  EXPECT_THAT(ErrorOf("small", folded),
              HasSubstr("layer2.0.downsample.0.bias: file [64], preset small [128]"));
}

TEST(CheckTensorsTest, TensorsOfAnotherShapeAreNamed) {
  const std::string error = ErrorOf("resnet18-fpn", TensorShapes(DetectorOf("small"), 3));
  EXPECT_THAT(error,
              AllOf(HasSubstr("backbone.fpn.inner_blocks.0.0.bias: file [64], preset resnet18-fpn [256]"),
                    HasSubstr("; …"), Not(HasSubstr("rpn.head"))))
      << "the first three";
}

TEST(CheckTensorsTest, TheLastLayersAgreeOnTheClasses) {
  auto tensors = TensorShapes(DetectorOf("small"), 3);
  for (NamedShape& tensor : tensors) {
    if (tensor.name == "roi_heads.box_predictor.bbox_pred.weight") tensor.shape.front() = 40;
  }
  EXPECT_THAT(ErrorOf("small", tensors),
              HasSubstr("roi_heads.box_predictor.bbox_pred.weight: file [40, 256], preset small [16, 256]"));
  tensors = {{"roi_heads.box_predictor.cls_score.bias", {1}}};
  EXPECT_THAT(ErrorOf("small", tensors), HasSubstr("file [1], preset small [2]")) << "background alone";
  tensors = {{"roi_heads.box_predictor.cls_score.bias", {INT64_MAX}}};
  EXPECT_THAT(ErrorOf("small", tensors), HasSubstr("preset small [2]"));
}

TEST(CheckTensorsTest, SomethingMustFit) {
  EXPECT_THAT(ErrorOf("small", {{"encoder.weight", {3}}}),
              AllOf(HasSubstr("none of the 1 tensors fits preset 'small'"), HasSubstr("encoder.weight")));
  EXPECT_THAT(ErrorOf("small", {{"fc.weight", {1000, 512}}}), HasSubstr("none of the 1 tensors"));
  EXPECT_THAT(ErrorOf("small", {}), HasSubstr("none of the 0 tensors"));
  EXPECT_TRUE(
      CheckTensors(DetectorOf("small"), {{"conv1.weight", {64, 3, 7, 7}}, {"encoder.weight", {3}}}).ok());
}

TEST(FoldedNormTest, StandsBehindItsConvolution) {
  const auto has = [](const std::string& name) {
    return name == "a.conv2.weight" || name == "a.bn2.running_var" || name == "a.downsample.0.weight" ||
           name == "a.downsample.1.running_var" || name == "fpn.0.weight";
  };
  EXPECT_EQ(FoldedNorm("a.conv2.bias", has), "a.bn2");
  EXPECT_EQ(FoldedNorm("a.downsample.0.bias", has), "a.downsample.1");
  EXPECT_EQ(FoldedNorm("a.conv2.weight", has), std::nullopt);
  EXPECT_EQ(FoldedNorm("a.conv3.bias", has), std::nullopt) << "no such convolution";
  EXPECT_EQ(FoldedNorm("fpn.0.bias", has), std::nullopt) << "no batch norm";
}

TEST(CheckWholeDetector, EveryTensorMustBeThere) {
  const v1::Detector small = DetectorOf("small");
  std::vector<NamedShape> tensors = TensorShapes(small, 3);
  tensors.push_back({"backbone.body.bn1.num_batches_tracked", {}});
  EXPECT_TRUE(CheckWholeDetector(small, 3, tensors).ok());
  EXPECT_THAT(
      std::string(CheckWholeDetector(small, 4, tensors).message()),
      AllOf(HasSubstr("4 classes"), HasSubstr("cls_score.weight has shape [4, "), HasSubstr(", not [5, ")));
  const std::string missing = tensors.front().name;
  tensors.erase(tensors.begin());
  const absl::Status status = CheckWholeDetector(small, 3, tensors);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr(missing + " is missing"));
}

}  // namespace
}  // namespace loupe
