// Picture files as tensors: as people see them, or refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <filesystem>
#include <fstream>
#include <opencv2/imgcodecs.hpp>

#include "worker/detection/transform.h"
#include "worker/pictures/image_decode.h"

namespace loupe {
namespace {

using testing::HasSubstr;

std::string Encoded(const cv::Mat& picture, const char* extension) {
  std::vector<uint8_t> bytes;
  cv::imencode(extension, picture, bytes, {cv::IMWRITE_JPEG_QUALITY, 100});
  return {bytes.begin(), bytes.end()};
}

// 40 wide, 24 high: dark but for a bright red upper left corner of 16 x 8.
cv::Mat CornerPicture() {
  cv::Mat picture(24, 40, CV_8UC3, cv::Scalar(0, 0, 0));
  picture(cv::Rect(0, 0, 16, 8)).setTo(cv::Scalar(0, 0, 255));
  return picture;
}

// A JPEG with an EXIF segment that holds nothing but an orientation.
std::string WithOrientation(const std::string& jpeg, char orientation, bool big_endian) {
  std::string tiff = big_endian ? std::string("MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0", 19)
                                : std::string("II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0", 18);
  tiff += orientation;
  tiff.append(big_endian ? 6 : 7, '\0');
  const std::string body = std::string("Exif\0\0", 6) + tiff;
  const size_t length = body.size() + 2;
  std::string segment = "\xff\xe1";
  segment += static_cast<char>(length >> 8U);
  segment += static_cast<char>(length & 0xffU);
  return jpeg.substr(0, 2) + segment + body + jpeg.substr(2);
}

float Red(const torch::Tensor& image, int64_t x, int64_t y) { return image[0][y][x].item<float>(); }

TEST(ImageDecodeTest, RefusesEveryCutOfAFile) {
  for (const char* extension : {".jpg", ".png", ".bmp", ".tiff", ".webp"}) {
    const std::string whole = Encoded(CornerPicture(), extension);
    for (size_t length = 0; length < whole.size(); ++length) {
      const absl::Status status = DecodeImage(whole.substr(0, length), "cut").status();
      EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument)
          << extension << " cut to " << length << " bytes";
    }
  }
}

cv::Mat Noise(int type) {
  cv::Mat noise(96, 128, type);
  cv::randu(noise, 0, 255);
  return noise;
}

// OpenCV fills what is missing with grey.
TEST(ImageDecodeTest, RefusesAJpegWithoutAllItsPixels) {
  const std::string whole = Encoded(Noise(CV_8UC3), ".jpg");
  const size_t scan = whole.find("\xff\xda") + 14;
  const std::string end = "\xff\xd9";
  for (const double share : {0.01, 0.5, 0.98}) {
    const auto kept = static_cast<size_t>(share * static_cast<double>(whole.size() - scan));
    const absl::Status status = DecodeImage(whole.substr(0, scan + kept) + 'x' + end, "half.jpg").status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << share;
    EXPECT_THAT(std::string(status.message()), HasSubstr("half.jpg: the picture can't be decoded")) << share;
  }
  std::string claims = whole;
  const size_t frame = claims.find("\xff\xc0");
  claims.replace(frame + 5, 4, "\x03\xe8\x03\xe8");  // 1000 x 1000
  EXPECT_FALSE(DecodeImage(claims, "claims.jpg").ok());
  EXPECT_TRUE(DecodeImage(whole + "more", "more.jpg").ok());
}

// libtiff tells of it on the side only.
TEST(ImageDecodeTest, RefusesATiffWithDamagedPixels) {
  for (const int type : {CV_8UC1, CV_8UC3, CV_16UC1, CV_16UC3}) {
    const std::string whole = Encoded(Noise(type), ".tiff");  // LZW
    ASSERT_TRUE(DecodeImage(whole, "whole.tiff").ok());
    std::string damaged = whole;
    damaged.replace(2000, 2000, std::string(2000, '\xff'));
    EXPECT_FALSE(DecodeImage(damaged, "damaged.tiff").ok()) << type;
    EXPECT_TRUE(DecodeImage(whole, "whole.tiff").ok()) << "an error is not carried over";
  }
}

TEST(ImageDecodeTest, JpegsHaveTheLevelsThatOpenCvGives) {
  for (const int type : {CV_8UC1, CV_8UC3}) {
    const std::string bytes = Encoded(Noise(type), ".jpg");
    const cv::Mat expected = cv::imdecode(std::vector<char>(bytes.begin(), bytes.end()), cv::IMREAD_COLOR);
    const absl::StatusOr<torch::Tensor> image = DecodeImage(bytes, "noise.jpg");
    ASSERT_TRUE(image.ok()) << image.status();
    for (int y = 0; y < expected.rows; ++y) {
      for (int x = 0; x < expected.cols; ++x) {
        for (int channel = 0; channel < 3; ++channel)
          ASSERT_EQ((*image)[channel][y][x].item<int>(), expected.at<cv::Vec3b>(y, x)[2 - channel]);
      }
    }
  }
}

TEST(ImageDecodeTest, RefusesGiantClaims) {
  std::string png = Encoded(CornerPicture(), ".png");
  png.replace(16, 8, std::string("\0\0\xea\x60\0\0\xea\x60", 8));  // 60,000 x 60,000
  EXPECT_THAT(DecodeImage(png, "giant.png").status().message(),
              HasSubstr("giant.png: the picture claims 60000 x 60000"));
}

// The levels of a decoded picture, in [0, 1].
absl::StatusOr<torch::Tensor> DecodeLevels(const std::string& bytes, const std::string& name) {
  const absl::StatusOr<torch::Tensor> image = DecodeImage(bytes, name);
  if (!image.ok()) return image.status();
  return detection::Levels(*image);
}

TEST(ImageDecodeTest, GivesRgbBetween0And1) {
  const absl::StatusOr<torch::Tensor> image = DecodeLevels(Encoded(CornerPicture(), ".png"), "corner.png");
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_THAT(image->sizes(), testing::ElementsAre(3, 24, 40));
  EXPECT_EQ(Red(*image, 3, 3), 1);
  EXPECT_EQ((*image)[1].max().item<float>(), 0);
  EXPECT_EQ((*image)[2].max().item<float>(), 0);
  EXPECT_EQ(image->sum().item<float>(), 16 * 8);
}

// The corner picture, stored with this orientation, as people see it.
void ExpectTurned(const absl::StatusOr<torch::Tensor>& image, char orientation) {
  SCOPED_TRACE(int{orientation});
  ASSERT_TRUE(image.ok()) << image.status();
  // Where EXIF says that the first row and column lie: 2 top right, 3 bottom right, 4 bottom left, 5 left
  // top, 6 right top, 7 right bottom, 8 left bottom.
  const bool right[] = {false, true, true, false, false, true, true, false};
  const bool bottom[] = {false, false, true, true, false, false, true, true};
  const int64_t height = orientation >= 5 ? 40 : 24;
  const int64_t width = 64 - height;
  ASSERT_THAT(image->sizes(), testing::ElementsAre(3, height, width));
  for (const bool at_right : {false, true}) {
    for (const bool at_bottom : {false, true}) {
      const float level = Red(*image, at_right ? width - 3 : 2, at_bottom ? height - 3 : 2);
      const bool red = at_right == right[orientation - 1] && at_bottom == bottom[orientation - 1];
      EXPECT_EQ(level > 0.5, red) << "right " << at_right << " bottom " << at_bottom;
    }
  }
}

// An uncompressed TIFF of the corner picture. Source: TIFF 6.0, section 6.
std::string Tiff(char orientation, bool big_endian) {
  const auto number = [&](uint32_t value, int bytes) {
    std::string text;
    for (int i = 0; i < bytes; ++i) {
      text += static_cast<char>(value >> 8 * (big_endian ? bytes - 1 - i : i) & 0xffU);
    }
    return text;
  };
  const auto entry = [&](uint32_t tag, uint32_t value) {
    return number(tag, 2) + number(3, 2) + number(1, 4) + number(value, 2) + number(0, 2);
  };
  const cv::Mat picture = CornerPicture();
  std::string pixels;
  for (int y = 0; y < picture.rows; ++y) {
    for (int x = 0; x < picture.cols; ++x) {
      const auto& pixel = picture.at<cv::Vec3b>(y, x);
      for (const int channel : {2, 1, 0}) pixels += static_cast<char>(pixel[channel]);
    }
  }
  std::string tiff = (big_endian ? std::string("MM") : std::string("II")) + number(42, 2);
  const auto bits_at = static_cast<uint32_t>(8 + pixels.size());
  tiff += number(bits_at + 6, 4) + pixels + number(8, 2) + number(8, 2) + number(8, 2);
  tiff += number(10, 2) + entry(256, 40) + entry(257, 24);
  tiff += number(258, 2) + number(3, 2) + number(3, 4) + number(bits_at, 4);
  tiff += entry(259, 1) + entry(262, 2) + entry(273, 8) + entry(0x0112, static_cast<uint32_t>(orientation));
  tiff += entry(277, 3) + entry(278, 24) + entry(279, static_cast<uint32_t>(pixels.size()));
  return tiff + number(0, 4);
}

TEST(ImageDecodeTest, TurnsPicturesAsPeopleSeeThem) {
  const std::string jpeg = Encoded(CornerPicture(), ".jpg");
  for (char orientation = 1; orientation <= 8; ++orientation) {
    for (const bool big_endian : {false, true}) {
      ExpectTurned(DecodeLevels(WithOrientation(jpeg, orientation, big_endian), "turned.jpg"), orientation);
      ExpectTurned(DecodeLevels(Tiff(orientation, big_endian), "turned.tiff"), orientation);
    }
  }
}

TEST(ImageDecodeTest, TakesWhatIndustrialCamerasWrite) {
  for (const char* extension : {".bmp", ".tiff", ".webp"}) {
    SCOPED_TRACE(extension);
    const absl::StatusOr<torch::Tensor> image = DecodeLevels(Encoded(CornerPicture(), extension), "part");
    ASSERT_TRUE(image.ok()) << image.status();
    EXPECT_THAT(image->sizes(), testing::ElementsAre(3, 24, 40));
    EXPECT_GT(Red(*image, 3, 3), 0.9);
    EXPECT_LT(Red(*image, 30, 20), 0.1);
  }
  // 10 bits in 16, as cameras write them.
  const absl::StatusOr<torch::Tensor> deep =
      DecodeLevels(Encoded(cv::Mat(5, 7, CV_16U, 1023), ".tiff"), "deep.tiff");
  ASSERT_TRUE(deep.ok()) << deep.status();
  EXPECT_TRUE(torch::allclose(*deep, torch::full({3, 5, 7}, 1023.0 / 65535)));
}

TEST(ImageDecodeTest, NamesWhatItDoesNotTakeOfAFormat) {
  cv::Mat floats(5, 7, CV_32F, 0.5);
  EXPECT_THAT(std::string(DecodeLevels(Encoded(floats, ".tiff"), "floats.tiff").status().message()),
              HasSubstr("floats.tiff: a TIFF of 32 bits a level is not taken"));
  EXPECT_THAT(std::string(DecodeLevels("GIF89a", "a.gif").status().message()),
              HasSubstr("no JPEG, PNG, BMP, TIFF or WebP"));
}

TEST(ImageDecodeTest, TakesGreySixteenBitAndAlpha) {
  const absl::StatusOr<torch::Tensor> grey =
      DecodeLevels(Encoded(cv::Mat(5, 7, CV_8U, 51), ".png"), "grey.png");
  ASSERT_TRUE(grey.ok()) << grey.status();
  EXPECT_THAT(grey->sizes(), testing::ElementsAre(3, 5, 7));
  EXPECT_TRUE(torch::allclose(*grey, torch::full({3, 5, 7}, 0.2)));
  // 32896 of 65535 is above a half by less than 8 bits can tell.
  const absl::StatusOr<torch::Tensor> deep =
      DecodeLevels(Encoded(cv::Mat(5, 7, CV_16U, 32896), ".png"), "deep.png");
  ASSERT_TRUE(deep.ok()) << deep.status();
  EXPECT_TRUE(torch::allclose(*deep, torch::full({3, 5, 7}, 32896.0 / 65535)));
  const absl::StatusOr<torch::Tensor> clear =
      DecodeLevels(Encoded(cv::Mat(5, 7, CV_8UC4, cv::Scalar(0, 51, 255, 0)), ".png"), "clear.png");
  ASSERT_TRUE(clear.ok()) << clear.status();
  EXPECT_EQ(Red(*clear, 2, 2), 1);
  EXPECT_NEAR((*clear)[1][2][2].item<float>(), 0.2, 1e-6);
}

TEST(ImageDecodeTest, LevelsOfTwelveBitsFillTheRange) {
  cv::Mat levels(2, 3, CV_16UC3, cv::Scalar(64, 100, 4095));
  levels.at<cv::Vec3w>(0, 0) = {0, 2048, 65535};
  for (const char* extension : {".png", ".tiff"}) {
    const absl::StatusOr<torch::Tensor> image =
        DecodeImage(Encoded(levels, extension), "camera", {.low = 64, .high = 4095});
    ASSERT_TRUE(image.ok()) << image.status();
    const torch::Tensor seen = detection::Levels(*image);
    EXPECT_EQ(Red(seen, 1, 1), 1);
    EXPECT_NEAR(seen[1][1][1].item<float>(), 36.0 / 4031, 1e-5);
    EXPECT_EQ(seen[2][1][1].item<float>(), 0);
    EXPECT_EQ(Red(seen, 0, 0), 1) << "above it is white, too";
    EXPECT_NEAR(seen[1][0][0].item<float>(), 1984.0 / 4031, 1e-5);
    EXPECT_EQ(seen[2][0][0].item<float>(), 0);
  }
  // A picture of 8 bits has no use for it.
  const auto grey = DecodeImage(Encoded(cv::Mat(5, 7, CV_8U, 51), ".png"), "grey", {.low = 64, .high = 4095});
  ASSERT_TRUE(grey.ok());
  EXPECT_TRUE(torch::allclose(detection::Levels(*grey), torch::full({3, 5, 7}, 0.2)));
}

// Its levels were those of OpenCV's buffer, which was gone by then.
TEST(ImageDecodeTest, ASinglePixelOutlivesItsDecoder) {
  const absl::StatusOr<torch::Tensor> image =
      DecodeImage(Encoded(cv::Mat(1, 1, CV_8UC3, cv::Scalar(0, 51, 255)), ".png"), "dot.png");
  ASSERT_TRUE(image.ok()) << image.status();
  std::vector<cv::Mat> others;
  for (int i = 0; i < 100; ++i) others.emplace_back(1, 1, CV_8UC3, cv::Scalar(7, 7, 7));
  EXPECT_TRUE(torch::allclose(detection::Levels(*image), torch::tensor({1.0F, 0.2F, 0.0F}).view({3, 1, 1})));
}

TEST(ImageDecodeTest, ThinPicturesAreDecoded) {
  for (const cv::Size size : {cv::Size(10000, 1), cv::Size(1, 10000)}) {
    const absl::StatusOr<torch::Tensor> image =
        DecodeLevels(Encoded(cv::Mat(size, CV_8UC3, cv::Scalar(0, 0, 255)), ".png"), "thin.png");
    ASSERT_TRUE(image.ok()) << image.status();
    EXPECT_THAT(image->sizes(), testing::ElementsAre(3, size.height, size.width));
    EXPECT_EQ(image->sum().item<float>(), 10000);
  }
}

TEST(ImageDecodeTest, TellsTheSizeThatDecodingWillGive) {
  const std::filesystem::path path = std::filesystem::path(testing::TempDir()) / "image_test_turned.jpg";
  const std::string jpeg = Encoded(CornerPicture(), ".jpg");
  for (const char orientation : {1, 4, 5, 6}) {
    std::ofstream(path, std::ios::binary) << WithOrientation(jpeg, orientation, true);
    const auto header = LoadPictureHeader(path);
    ASSERT_TRUE(header.ok()) << header.status();
    EXPECT_EQ(header->height(), LoadImage(path)->size(1)) << int{orientation};
    EXPECT_EQ(header->width(), LoadImage(path)->size(2)) << int{orientation};
  }
  EXPECT_EQ(LoadPictureHeader("/nonexistent.jpg").status().code(), absl::StatusCode::kNotFound);
}

TEST(ImageDecodeTest, NamesThePictureThatItRefuses) {
  const std::string jpeg = Encoded(CornerPicture(), ".jpg");
  const absl::Status cut = DecodeLevels(jpeg.substr(0, jpeg.size() - 20), "half.jpg").status();
  EXPECT_EQ(cut.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(cut.message(), HasSubstr("half.jpg: the picture is cut short"));
  EXPECT_EQ(LoadImage("/nonexistent.jpg").status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace loupe
