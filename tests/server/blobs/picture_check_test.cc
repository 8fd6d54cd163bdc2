#include "server/blobs/picture_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <fstream>
#include <random>
#include <sstream>

namespace loupe {
namespace {

using ::testing::HasSubstr;

std::string BigEndian(uint32_t value, int bytes) {
  std::string text;
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) text.push_back(static_cast<char>(value >> shift));
  return text;
}

std::string Chunk(const std::string& type, const std::string& data) {
  const std::string checked = type + data;
  const auto crc = crc32(0, reinterpret_cast<const Bytef*>(checked.data()), checked.size());
  return BigEndian(data.size(), 4) + checked + BigEndian(crc, 4);
}

std::string Png(uint32_t width, uint32_t height) {
  return std::string("\x89PNG\r\n\x1a\n", 8) +
         Chunk("IHDR", BigEndian(width, 4) + BigEndian(height, 4) + std::string("\x08\x00\x00\x00\x00", 5)) +
         Chunk("IDAT", "pixels") + Chunk("IEND", "");
}

std::string Segment(char marker, const std::string& data) {
  return std::string{'\xff', marker} + BigEndian(data.size() + 2, 2) + data;
}

std::string Frame(uint32_t width, uint32_t height) {
  return Segment('\xc0', std::string("\x08") + BigEndian(height, 2) + BigEndian(width, 2) +
                             std::string("\x01\x01\x11\x00", 4));
}

std::string Jpeg(const std::string& before_frame = "") {
  return std::string("\xff\xd8") + before_frame + Frame(40, 30) + Segment('\xda', std::string(6, '\0')) +
         std::string(
             "ab\xff\x00"
             "cd\xff\xd0"
             "ef",
             10) +
         "\xff\xd9";
}

// The orientation in an EXIF segment, little-endian.
std::string Exif(char orientation) {
  std::string tiff("II\x2a\x00\x08\x00\x00\x00\x01\x00\x12\x01\x03\x00\x01\x00\x00\x00", 18);
  tiff += std::string{orientation, '\0', '\0', '\0'};
  return Segment('\xe1', std::string("Exif\0\0", 6) + tiff);
}

std::string ErrorOf(const std::string& bytes) {
  const auto facts = CheckPicture(bytes);
  EXPECT_FALSE(facts.ok());
  return facts.ok() ? "" : std::string(facts.status().message());
}

TEST(PictureCheck, ReadsTheSizeOfAPng) {
  const auto facts = CheckPicture(Png(7, 5));
  ASSERT_TRUE(facts.ok()) << facts.status();
  EXPECT_EQ(facts->width, 7u);
  EXPECT_EQ(facts->height, 5u);
  EXPECT_EQ(facts->media_type, "image/png");
}

TEST(PictureCheck, ReadsTheSizeOfAJpeg) {
  const auto facts = CheckPicture(Jpeg());
  ASSERT_TRUE(facts.ok()) << facts.status();
  EXPECT_EQ(facts->width, 40u);
  EXPECT_EQ(facts->height, 30u);
  EXPECT_EQ(facts->media_type, "image/jpeg");
}

TEST(PictureCheck, TakesARealPicture) {
  const char* data = std::getenv("LOUPE_DATA");
  const std::string folder = data != nullptr ? data : std::string(std::getenv("LOUPE_SOURCE")) + "/../shared";
  std::ifstream file(folder + "/data/neu-det/images/crazing_1.jpg", std::ios::binary);
  ASSERT_TRUE(file) << "set LOUPE_DATA to the folder that holds data/neu-det";
  std::stringstream bytes;
  bytes << file.rdbuf();
  const auto facts = CheckPicture(bytes.str());
  ASSERT_TRUE(facts.ok()) << facts.status();
  EXPECT_EQ(facts->width, 200u);
  EXPECT_EQ(facts->height, 200u);
  for (size_t length = 0; length < bytes.str().size(); length += 97) {
    EXPECT_FALSE(CheckPicture(bytes.str().substr(0, length)).ok()) << length;
  }
}

TEST(PictureCheck, OrientationTurnsTheSize) {
  for (char orientation : {1, 2, 3, 4}) EXPECT_EQ(CheckPicture(Jpeg(Exif(orientation)))->width, 40u);
  for (char orientation : {5, 6, 7, 8}) EXPECT_EQ(CheckPicture(Jpeg(Exif(orientation)))->width, 30u);
  EXPECT_EQ(CheckPicture(Jpeg(Exif(99)))->width, 40u);
}

TEST(PictureCheck, BytesAfterTheEndAreTolerated) {
  EXPECT_TRUE(CheckPicture(Jpeg() + "camera's own").ok());
  EXPECT_TRUE(CheckPicture(Png(1, 1) + "x").ok());
}

TEST(PictureCheck, EveryPlaceToCutIsNoticed) {
  for (const std::string& whole : {Jpeg(Exif(6)), Png(7, 5)}) {
    for (size_t length = 1; length < whole.size(); ++length) {
      EXPECT_FALSE(CheckPicture(whole.substr(0, length)).ok()) << length << " of " << whole.size();
    }
  }
  EXPECT_THAT(ErrorOf(Jpeg().substr(0, Jpeg().size() - 2)), HasSubstr("cut short"));
}

TEST(PictureCheck, TooManyPixelsAreRefusedFromTheHeader) {
  EXPECT_THAT(ErrorOf(Png(60'000, 60'000)), HasSubstr("60000 x 60000"));
  EXPECT_THAT(ErrorOf(std::string("\xff\xd8") + Frame(60'000, 60'000)), HasSubstr("60000 x 60000"));
}

TEST(PictureCheck, RefusesWhatIsNoPicture) {
  EXPECT_THAT(ErrorOf(""), HasSubstr("empty"));
  EXPECT_THAT(ErrorOf("hello"), HasSubstr("neither a JPEG nor a PNG"));
  EXPECT_THAT(ErrorOf("GIF89a........"), HasSubstr("neither a JPEG nor a PNG"));
}

TEST(PictureCheck, AChangedByteOfAPngIsNoticed) {
  const std::string whole = Png(7, 5);
  for (size_t at = 8; at < whole.size(); ++at) {
    std::string changed = whole;
    changed[at] ^= 1;
    EXPECT_FALSE(CheckPicture(changed).ok()) << at;
  }
}

TEST(PictureCheck, AnyBytesAreAnsweredWithoutACrash) {
  std::minstd_rand random(1);
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes = i % 2 == 0 ? Jpeg(Exif(6)) : Png(7, 5);
    for (int change = 0; change < 3; ++change)
      bytes[2 + random() % (bytes.size() - 2)] = static_cast<char>(random());
    const auto facts = CheckPicture(bytes);
    if (facts.ok()) {
      EXPECT_LE(uint64_t{facts->width} * facts->height, kMaxPicturePixels);
    }
  }
}

}  // namespace
}  // namespace loupe
