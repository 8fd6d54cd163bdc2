#include "worker/detection/antialias.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include "recipe/presets.h"
#include "tests/worker/detection/torchvision.h"
#include "worker/detection/transform.h"

namespace loupe::detection {
namespace {

// Pictures [3, H, W] and what Pillow makes of them.
struct Resized {
  torch::Tensor picture, resized;
};

std::vector<Resized> PillowsPictures() {
  std::vector<Resized> all;
  for (int i = 0; TorchvisionOps().contains("resize." + std::to_string(i) + ".picture"); ++i) {
    const TensorMap one = WithPrefix(TorchvisionOps(), "resize." + std::to_string(i) + ".");
    all.push_back({one.at("picture").permute({2, 0, 1}), one.at("resized").permute({2, 0, 1})});
  }
  return all;
}

ImageSize SidesOf(const torch::Tensor& picture) { return {picture.size(1), picture.size(2)}; }

TEST(ResizeAntialiasedTest, BytesArePillows) {
  ASSERT_GE(PillowsPictures().size(), 8U);
  for (const auto& [picture, resized] : PillowsPictures()) {
    SCOPED_TRACE(testing::Message() << picture.sizes() << " to " << resized.sizes());
    // However the picture lies in memory.
    for (const torch::Tensor& view :
         {picture, picture.contiguous(), picture.transpose(1, 2).contiguous().transpose(1, 2)}) {
      EXPECT_TRUE(torch::equal(ResizeAntialiased(view, SidesOf(resized)), resized));
    }
    const auto grey = picture.slice(0, 0, 1).expand({3, picture.size(1), picture.size(2)});
    EXPECT_TRUE(torch::equal(ResizeAntialiased(grey, SidesOf(resized))[2], resized[0]));
  }
}

TEST(ResizeAntialiasedTest, OtherLevelsAreNotRounded) {
  for (const auto& [picture, resized] : PillowsPictures()) {
    const auto floats = ResizeAntialiased(picture.to(torch::kFloat32), SidesOf(resized));
    // Bytes are rounded twice.
    EXPECT_LE((floats - resized.to(torch::kFloat32)).abs().max().item<double>(), 1.01);
    const auto words = ResizeAntialiased(picture.to(torch::kInt16) * 257, SidesOf(resized));
    EXPECT_LE((words / 257 - floats).abs().max().item<double>(), 1e-3);
  }
}

// The sizes that Detectron2's ResizeShortestEdge gives.
TEST(TransformTest, AntialiasedSidesAreRoundedToTheNearest) {
  v1::Detector config = PresetDetector("resnet50-fpn").value();
  config.set_resizing(v1::Detector::ANTIALIASED);
  const auto size = [&](int64_t height, int64_t width) {
    return Transform(config).ResizedSize({height, width});
  };
  EXPECT_EQ(size(333, 500).width, 1201);  // 1201.2
  EXPECT_EQ(size(333, 500).height, 800);
  EXPECT_EQ(size(120, 1100).width, 1333);
  EXPECT_EQ(size(120, 1100).height, 145);  // 145.4
  EXPECT_EQ(size(480, 640).width, 1067);   // 1066.7
  config.set_min_size(0);
  EXPECT_EQ(size(120, 1100).width, 1100);
}

TEST(TransformTest, AntialiasedPicturesAreNormalised) {
  v1::Detector config = PresetDetector("small").value();
  config.set_resizing(v1::Detector::ANTIALIASED);
  const auto picture = torch::randint(0, 256, {3, 300, 400}, torch::kUInt8);
  const auto pixels = Transform(config).Resize(picture).pixels;
  const auto levels = ResizeAntialiased(picture, {pixels.size(1), pixels.size(2)}).to(torch::kFloat32) / 255;
  for (int channel = 0; channel < 3; ++channel) {
    const auto expected = (levels[channel] - config.image_mean(channel)) / config.image_std(channel);
    EXPECT_LE((pixels[channel] - expected).abs().max().item<double>(), 1e-6);
  }
}

}  // namespace
}  // namespace loupe::detection
