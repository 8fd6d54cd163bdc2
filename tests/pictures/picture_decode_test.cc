// Picture files as pixels: their order, and JPEGs that are decoded smaller. What formats, orientations and
// damages do is tested where programs read pictures: tests/worker/pictures, tests/renderer.
#include "pictures/picture_decode.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <opencv2/imgcodecs.hpp>
#include <string>
#include <vector>

namespace loupe {
namespace {

std::string Encoded(const cv::Mat& picture, const char* extension) {
  std::vector<uint8_t> bytes;
  cv::imencode(extension, picture, bytes, {cv::IMWRITE_JPEG_QUALITY, 100});
  return {bytes.begin(), bytes.end()};
}

// Red in the left half, blue in the right one.
cv::Mat TwoHalves(int width, int height) {
  cv::Mat picture(height, width, CV_8UC3, cv::Scalar(255, 0, 0));
  picture(cv::Rect(0, 0, width / 2, height)).setTo(cv::Scalar(0, 0, 255));
  return picture;
}

cv::Size SizeWith(const std::string& bytes, int least_side) {
  const auto picture = DecodePicture(bytes, "halves", {.range = {}, .least_side = least_side});
  EXPECT_TRUE(picture.ok()) << picture.status();
  if (!picture.ok()) return {};
  EXPECT_EQ(picture->header.width(), 801) << "of the file";
  EXPECT_EQ(picture->header.height(), 600);
  return picture->pixels.size();
}

TEST(PictureDecodeTest, AJpegShrinksWhileItsLongerSideKeepsTheLeast) {
  const std::string jpeg = Encoded(TwoHalves(801, 600), ".jpg");
  EXPECT_EQ(SizeWith(jpeg, 0), cv::Size(801, 600));
  EXPECT_EQ(SizeWith(jpeg, 1), cv::Size(101, 75));
  EXPECT_EQ(SizeWith(jpeg, 100), cv::Size(101, 75));
  EXPECT_EQ(SizeWith(jpeg, 101), cv::Size(201, 150));
  EXPECT_EQ(SizeWith(jpeg, 201), cv::Size(401, 300));
  EXPECT_EQ(SizeWith(jpeg, 401), cv::Size(801, 600));
  EXPECT_EQ(SizeWith(jpeg, 2000), cv::Size(801, 600));
}

TEST(PictureDecodeTest, OtherFormatsKeepTheirSize) {
  for (const char* extension : {".png", ".bmp", ".tiff", ".webp"}) {
    EXPECT_EQ(SizeWith(Encoded(TwoHalves(801, 600), extension), 50), cv::Size(801, 600)) << extension;
  }
}

TEST(PictureDecodeTest, PixelsHaveTheOrderThatIsAskedFor) {
  for (const char* extension : {".jpg", ".png", ".bmp", ".tiff", ".webp"}) {
    const std::string bytes = Encoded(TwoHalves(320, 64), extension);
    for (const ChannelOrder order : {ChannelOrder::kRedFirst, ChannelOrder::kBlueFirst}) {
      for (const int least_side : {0, 40}) {
        const auto picture =
            DecodePicture(bytes, "halves", {.range = {}, .order = order, .least_side = least_side});
        ASSERT_TRUE(picture.ok()) << picture.status();
        ASSERT_EQ(picture->pixels.type(), CV_8UC3);
        const int red = order == ChannelOrder::kRedFirst ? 0 : 2;
        const auto left = picture->pixels.at<cv::Vec3b>(1, 1);
        const auto right = picture->pixels.at<cv::Vec3b>(1, picture->pixels.cols - 2);
        EXPECT_GT(left[red], 240) << extension;
        EXPECT_LT(left[2 - red], 15) << extension;
        EXPECT_LT(right[red], 15) << extension;
        EXPECT_GT(right[2 - red], 240) << extension;
      }
    }
  }
}

TEST(PictureDecodeTest, SixteenBitsHaveTheOrderAndFillTheRange) {
  const std::string bytes = Encoded(cv::Mat(2, 3, CV_16UC3, cv::Scalar(100, 200, 400)), ".png");
  const auto picture = DecodePicture(bytes, "deep", {.range = {.low = 100, .high = 400}});
  ASSERT_TRUE(picture.ok()) << picture.status();
  ASSERT_EQ(picture->pixels.type(), CV_16UC3);
  EXPECT_EQ(picture->pixels.at<cv::Vec3w>(1, 2), cv::Vec3w(65535, 21845, 0));
}

TEST(PictureDecodeTest, GreyHasOneChannel) {
  for (const char* extension : {".jpg", ".png", ".tiff"}) {
    const auto picture =
        DecodePicture(Encoded(cv::Mat(64, 64, CV_8U, 51), extension), "grey", {.range = {}, .least_side = 8});
    ASSERT_TRUE(picture.ok()) << picture.status();
    ASSERT_EQ(picture->pixels.type(), CV_8UC1) << extension;
    EXPECT_EQ(picture->pixels.at<uint8_t>(3, 3), 51) << extension;
  }
}

TEST(PictureDecodeTest, ASmallerJpegWithoutAllItsPixelsIsRefused) {
  cv::Mat noise(160, 160, CV_8UC3);
  cv::randu(noise, 0, 255);
  const std::string whole = Encoded(noise, ".jpg");
  const std::string half = whole.substr(0, whole.size() / 2) + "x\xff\xd9";
  ASSERT_TRUE(DecodePicture(whole, "whole.jpg", {.range = {}, .least_side = 20}).ok());
  const absl::Status status = DecodePicture(half, "half.jpg", {.range = {}, .least_side = 20}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("half.jpg: the picture can't be decoded"));
}

}  // namespace
}  // namespace loupe
