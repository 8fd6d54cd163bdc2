#include "worker/prediction/perceptual_hash.h"

#include <gtest/gtest.h>
#include <torch/nn/functional/upsampling.h>

#include <bit>
#include <cmath>
#include <numbers>

#include "worker/detection/transform.h"
#include "worker/pictures/image_decode.h"
#include "worker/sample/sample.h"

#include <opencv2/imgcodecs.hpp>

namespace loupe {
namespace {

int BitsApart(uint64_t a, uint64_t b) { return std::popcount(a ^ b); }

torch::Tensor Decoded(const SamplePicture& picture) {
  std::vector<uchar> bytes;
  cv::imencode(".png", picture.pixels, bytes);
  return detection::Levels(
      DecodeImage({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, picture.file_name).value());
}

TEST(PerceptualHashTest, SetsTheBitOfAFrequencyAboveTheMedian) {
  // One wave along x with the second frequency: it alone is far above the median, which is 0.
  const auto x = torch::arange(32).to(torch::kFloat);
  const auto wave = torch::cos(static_cast<float>(std::numbers::pi) * (x + 0.5F) * 2 / 32);
  const uint64_t hash = PerceptualHash((0.5F + 0.4F * wave).expand({3, 32, 32}).contiguous());
  EXPECT_TRUE(hash >> 2 & 1U);
  EXPECT_EQ(hash & 1U, 0U) << "the mean has no bit";
}

TEST(PerceptualHashTest, APictureOfOneColourGivesZero) {
  EXPECT_EQ(PerceptualHash(torch::full({3, 50, 70}, 0.3F)), 0U);
  EXPECT_EQ(PerceptualHash(torch::zeros({3, 1, 1})), 0U);
}

TEST(PerceptualHashTest, BytesGiveTheHashAndBrightnessOfTheirLevels) {
  torch::manual_seed(5);
  for (const auto& [height, width] :
       std::vector<std::pair<int64_t, int64_t>>{{301, 517}, {20, 25}, {1, 90}}) {
    const auto bytes = torch::randint(0, 256, {3, height, width}).to(torch::kUInt8);
    EXPECT_EQ(PerceptualHash(bytes), PerceptualHash(detection::Levels(bytes)));
    EXPECT_NEAR(Brightness(bytes), Brightness(detection::Levels(bytes)), 1e-6);
  }
}

TEST(BrightnessTest, IsTheMeanLevel) {
  auto image = torch::zeros({3, 2, 2});
  image[0] = 1;
  EXPECT_NEAR(Brightness(image), 1.0 / 3, 1e-6);
}

TEST(PerceptualHashTest, LightSizeAndNoiseChangeFewBitsAndAnotherPictureMany) {
  SampleGenerator generator(3);
  std::vector<torch::Tensor> parts;
  std::string last_part;
  while (parts.size() < 12) {
    const SamplePicture picture = generator.Next();
    const std::string part = picture.file_name.substr(0, 9);
    if (part != last_part) parts.push_back(Decoded(picture));
    last_part = part;
  }
  torch::manual_seed(1);
  int apart = 0;
  int pairs = 0;
  for (size_t i = 0; i < parts.size(); ++i) {
    const uint64_t hash = PerceptualHash(parts[i]);
    EXPECT_EQ(PerceptualHash(parts[i].clone()), hash);
    EXPECT_LE(BitsApart(hash, PerceptualHash(parts[i] * 0.8F + 0.05F)), 2) << "lit otherwise";
    const auto noisy = parts[i] + 0.02F * torch::randn_like(parts[i]);
    EXPECT_LE(BitsApart(hash, PerceptualHash(noisy)), 6) << "noise";
    const auto larger = torch::nn::functional::interpolate(parts[i].unsqueeze(0),
                                                           torch::nn::functional::InterpolateFuncOptions()
                                                               .size(std::vector<int64_t>{200, 200})
                                                               .mode(torch::kBilinear)
                                                               .align_corners(false))[0];
    EXPECT_LE(BitsApart(hash, PerceptualHash(larger)), 6) << "another size";
    for (size_t j = 0; j < i; ++j, ++pairs) apart += BitsApart(hash, PerceptualHash(parts[j]));
  }
  EXPECT_GT(apart, 16 * pairs) << "different parts look different";
}

}  // namespace
}  // namespace loupe
