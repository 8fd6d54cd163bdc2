// The list of tensors in recipe/ against the detectors that the worker builds.
#include "recipe/detector_tensors.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "recipe/presets.h"
#include "worker/detection/faster_rcnn.h"
#include "worker/detection/weights.h"

namespace loupe::detection {
namespace {

using Shapes = std::map<std::string, std::vector<int64_t>>;

class DetectorTensorsTest : public testing::TestWithParam<std::string> {};

TEST_P(DetectorTensorsTest, AreTheBuiltModels) {
  const v1::Detector detector = PresetDetector(GetParam()).value();
  for (const int64_t num_classes : {1, 5}) {
    Shapes built, listed;
    for (const auto& [name, tensor] : StateDict(*std::make_shared<FasterRcnn>(detector, num_classes))) {
      built[name] = tensor.sizes().vec();
    }
    for (const auto& [name, shape] : TensorShapes(detector, num_classes)) listed[name] = shape;
    EXPECT_EQ(listed, built) << num_classes << " classes";
  }
}

INSTANTIATE_TEST_SUITE_P(Presets, DetectorTensorsTest, testing::ValuesIn(PresetNames()),
                         [](const auto& info) {
                           std::string name = info.param;
                           for (char& letter : name) letter = letter == '-' ? '_' : letter;
                           return name;
                         });

}  // namespace
}  // namespace loupe::detection
