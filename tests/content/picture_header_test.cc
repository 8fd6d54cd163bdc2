#include "content/picture_header.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <fstream>
#include <map>
#include <random>
#include <sstream>
#include <vector>

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

std::string Png(uint32_t width, uint32_t height, const std::string& before_data = "") {
  return std::string("\x89PNG\r\n\x1a\n", 8) +
         Chunk("IHDR", BigEndian(width, 4) + BigEndian(height, 4) + std::string("\x08\x00\x00\x00\x00", 5)) +
         before_data + Chunk("IDAT", "pixels") + Chunk("IEND", "");
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

// A TIFF structure that holds only an orientation.
std::string Tiff(char orientation, bool big_endian = false) {
  if (big_endian) {
    return std::string("MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0", 19) + orientation +
           std::string(2, '\0');
  }
  return std::string("II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0", 18) + orientation +
         std::string(3, '\0');
}

std::string Exif(const std::string& tiff) { return Segment('\xe1', std::string("Exif\0\0", 6) + tiff); }
std::string Exif(char orientation) { return Exif(Tiff(orientation)); }

std::string ErrorOf(const std::string& bytes) {
  const auto header = ReadPictureHeader(bytes);
  EXPECT_FALSE(header.ok());
  return header.ok() ? "" : std::string(header.status().message());
}

TEST(PictureHeader, ReadsTheSizeOfAPng) {
  const auto header = ReadPictureHeader(Png(7, 5));
  ASSERT_TRUE(header.ok()) << header.status();
  EXPECT_EQ(header->width(), 7);
  EXPECT_EQ(header->height(), 5);
  EXPECT_EQ(header->media_type, "image/png");
}

TEST(PictureHeader, ReadsTheSizeOfAJpeg) {
  const auto header = ReadPictureHeader(Jpeg());
  ASSERT_TRUE(header.ok()) << header.status();
  EXPECT_EQ(header->width(), 40);
  EXPECT_EQ(header->height(), 30);
  EXPECT_EQ(header->media_type, "image/jpeg");
}

TEST(PictureHeader, TakesARealPicture) {
  const char* data = std::getenv("LOUPE_DATA");
  const std::string folder = data != nullptr ? data : std::string(std::getenv("LOUPE_SOURCE")) + "/../shared";
  std::ifstream file(folder + "/data/neu-det/images/crazing_1.jpg", std::ios::binary);
  ASSERT_TRUE(file) << "set LOUPE_DATA to the folder that holds data/neu-det";
  std::stringstream bytes;
  bytes << file.rdbuf();
  const auto header = ReadPictureHeader(bytes.str());
  ASSERT_TRUE(header.ok()) << header.status();
  EXPECT_EQ(header->width(), 200);
  EXPECT_EQ(header->height(), 200);
  for (size_t length = 0; length < bytes.str().size(); length += 97) {
    EXPECT_FALSE(ReadPictureHeader(bytes.str().substr(0, length)).ok()) << length;
  }
}

TEST(PictureHeader, OrientationTurnsTheSize) {
  for (const bool big_endian : {false, true}) {
    for (const char orientation : {1, 2, 3, 4, 5, 6, 7, 8}) {
      const std::string tiff = Tiff(orientation, big_endian);
      const auto jpeg = ReadPictureHeader(Jpeg(Exif(tiff)));
      const auto png = ReadPictureHeader(Png(40, 30, Chunk("eXIf", tiff)));
      for (const auto& header : {jpeg, png}) {
        ASSERT_TRUE(header.ok()) << header.status();
        EXPECT_EQ(header->orientation, orientation);
        EXPECT_EQ(header->stored_width, 40);
        EXPECT_EQ(header->stored_height, 30);
        EXPECT_EQ(header->width(), orientation >= 5 ? 30 : 40);
        EXPECT_EQ(header->height(), orientation >= 5 ? 40 : 30);
      }
    }
  }
}

TEST(PictureHeader, AnOrientationThatCantBeReadIsNone) {
  std::string no_tiff = Tiff(6);
  no_tiff[0] = 'X';
  std::string far = Tiff(6);
  far[4] = '\x7f';  // where the directory begins
  for (const std::string& tiff : {Tiff(0), Tiff(9), no_tiff, far, Tiff(6).substr(0, 17), std::string()}) {
    EXPECT_EQ(ReadPictureHeader(Jpeg(Exif(tiff)))->orientation, 1);
    EXPECT_EQ(ReadPictureHeader(Png(40, 30, Chunk("eXIf", tiff)))->orientation, 1);
  }
}

// The coordinator and the workers once chose differently.
TEST(PictureHeader, OfSeveralExifBlocksTheFirstCounts) {
  const std::string other = Segment('\xe1', "http://ns.adobe.com/xap/1.0/");
  for (const char first : {1, 3, 6}) {
    EXPECT_EQ(ReadPictureHeader(Jpeg(other + Exif(first) + Exif(8)))->orientation, first);
    EXPECT_EQ(
        ReadPictureHeader(Png(40, 30, Chunk("eXIf", Tiff(first)) + Chunk("eXIf", Tiff(8))))->orientation,
        first);
  }
}

TEST(PictureHeader, APictureWithinAPictureIsDamaged) {
  EXPECT_THAT(ErrorOf(Jpeg("\xff\xd8")), HasSubstr("another picture begins"));
}

TEST(PictureHeader, BytesAfterTheEndAreAllowed) {
  EXPECT_TRUE(ReadPictureHeader(Jpeg() + "camera's own").ok());
  EXPECT_TRUE(ReadPictureHeader(Png(1, 1) + "x").ok());
}

TEST(PictureHeader, EveryPlaceToCutIsNoticed) {
  for (const std::string& whole : {Jpeg(Exif(6)), Png(7, 5)}) {
    for (size_t length = 1; length < whole.size(); ++length) {
      EXPECT_FALSE(ReadPictureHeader(whole.substr(0, length)).ok()) << length << " of " << whole.size();
    }
  }
  EXPECT_THAT(ErrorOf(Jpeg().substr(0, Jpeg().size() - 2)), HasSubstr("cut short"));
}

TEST(PictureHeader, TooManyPixelsAreRefusedFromTheHeader) {
  EXPECT_THAT(ErrorOf(Png(60'000, 60'000)), HasSubstr("60000 x 60000"));
  EXPECT_THAT(ErrorOf(std::string("\xff\xd8") + Frame(60'000, 60'000)), HasSubstr("60000 x 60000"));
}

TEST(PictureHeader, RefusesWhatIsNoPicture) {
  EXPECT_THAT(ErrorOf(""), HasSubstr("empty"));
  EXPECT_THAT(ErrorOf("hello"), HasSubstr("no JPEG, PNG, BMP, TIFF or WebP"));
  EXPECT_THAT(ErrorOf("GIF89a........"), HasSubstr("no JPEG, PNG, BMP, TIFF or WebP"));
}

std::string Little(uint32_t value, int bytes) {
  std::string written;
  for (int i = 0; i < bytes; ++i) written += static_cast<char>(value >> (8 * i) & 0xff);
  return written;
}

// A grey TIFF of 4 x 2 pixels with 16 bits a level, but for the tags given.
std::string TiffWith(const std::map<uint32_t, uint32_t>& changed) {
  std::map<uint32_t, uint32_t> tags = {{256, 4}, {257, 2}, {258, 16}, {259, 1},  {262, 1},
                                       {273, 8}, {277, 1}, {278, 2},  {279, 16}, {284, 1}};
  for (const auto& [tag, value] : changed) tags[tag] = value;
  std::string tiff = "II" + Little(42, 2) + Little(8 + 16, 4) + std::string(16, 'x');
  tiff += Little(static_cast<uint32_t>(tags.size()), 2);
  for (const auto& [tag, value] : tags)
    tiff += Little(tag, 2) + Little(4, 2) + Little(1, 4) + Little(value, 4);
  return tiff + Little(0, 4);
}

// OpenCV would read them, but wrongly, and say nothing.
TEST(PictureHeader, RefusesATiffThatWouldBeReadWrongly) {
  EXPECT_TRUE(ReadPictureHeader(TiffWith({})).ok()) << ErrorOf(TiffWith({}));
  EXPECT_TRUE(ReadPictureHeader(TiffWith({{277, 3}, {262, 2}})).ok());
  EXPECT_TRUE(ReadPictureHeader(TiffWith({{258, 8}, {262, 0}})).ok()) << "white is 0";
  EXPECT_TRUE(ReadPictureHeader(TiffWith({{258, 8}, {277, 3}, {262, 2}, {284, 2}})).ok()) << "planes";
  const std::map<uint32_t, uint32_t> deep[] = {
      {{262, 0}}, {{277, 2}}, {{277, 3}}, {{277, 3}, {262, 2}, {284, 2}}, {{277, 4}, {262, 5}}, {{262, 3}}};
  for (const auto& tags : deep) EXPECT_THAT(ErrorOf(TiffWith(tags)), HasSubstr("neither grey"));
  for (const uint32_t compression : {2U, 6U, 9999U, 34712U, 50002U})
    EXPECT_THAT(ErrorOf(TiffWith({{259, compression}, {258, 8}})), HasSubstr("a TIFF of compression"));
  EXPECT_THAT(ErrorOf(TiffWith({{258, 1}})), HasSubstr("1 bit a level"));
  EXPECT_THAT(ErrorOf(TiffWith({{258, 32}})), HasSubstr("32 bits a level"));
  EXPECT_THAT(ErrorOf(TiffWith({{339, 2}})), HasSubstr("signed"));
  EXPECT_THAT(ErrorOf(TiffWith({{277, 5}})), HasSubstr("5 channels"));
  EXPECT_THAT(ErrorOf(TiffWith({{279, 0}})), HasSubstr("no pixels"));
  EXPECT_THAT(ErrorOf(std::string("II+\0\x08\0\0\0", 8)), HasSubstr("a BigTIFF is not taken"));
}

// masks: of red, green and blue; none without bit fields.
std::string Bmp(uint32_t header_bytes, uint32_t bits, const std::vector<uint32_t>& masks) {
  std::string header = Little(header_bytes, 4) + Little(4, 4) + Little(2, 4) + Little(1, 2) + Little(bits, 2);
  header += Little(masks.empty() ? 0 : 3, 4) + std::string(20, '\0');
  for (const uint32_t mask : masks) header += Little(mask, 4);
  const auto pixels_at = static_cast<uint32_t>(14 + header.size());
  return "BM" + Little(0, 8) + Little(pixels_at, 4) + header + std::string(bits, 'x');
}

TEST(PictureHeader, RefusesABmpThatWouldBeReadWrongly) {
  EXPECT_TRUE(ReadPictureHeader(Bmp(40, 24, {})).ok());
  EXPECT_TRUE(ReadPictureHeader(Bmp(40, 32, {0xff0000, 0xff00, 0xff})).ok());
  EXPECT_TRUE(ReadPictureHeader(Bmp(40, 16, {0xf800, 0x7e0, 0x1f})).ok());
  EXPECT_TRUE(ReadPictureHeader(Bmp(40, 16, {0x7c00, 0x3e0, 0x1f})).ok());
  EXPECT_THAT(ErrorOf(Bmp(12, 24, {})), HasSubstr("a BMP of OS/2 is not taken"));
  EXPECT_THAT(ErrorOf(Bmp(40, 24, {}).replace(10, 4, std::string(4, '\0'))), HasSubstr("inside its header"));
  EXPECT_THAT(ErrorOf(Bmp(40, 32, {0xff, 0xff00, 0xff0000})), HasSubstr("other masks"));
  EXPECT_THAT(ErrorOf(Bmp(40, 32, {0x3ff00000, 0xffc00, 0x3ff})), HasSubstr("other masks"));
  EXPECT_THAT(ErrorOf(Bmp(40, 16, {0xf00, 0xf0, 0xf})), HasSubstr("other masks"));
}

TEST(PictureHeader, AScanWithoutDataHasNoPixels) {
  const std::string whole = Jpeg();
  const size_t scan = whole.find("\xff\xda");
  ASSERT_NE(scan, std::string::npos);
  const size_t length = static_cast<uint8_t>(whole[scan + 2]) * 256 + static_cast<uint8_t>(whole[scan + 3]);
  EXPECT_THAT(ErrorOf(whole.substr(0, scan + 2 + length) + "\xff\xd9"), HasSubstr("no pixels"));
}

TEST(PictureHeader, AChangedByteOfAPngIsNoticed) {
  const std::string whole = Png(7, 5);
  for (size_t at = 8; at < whole.size(); ++at) {
    std::string changed = whole;
    changed[at] ^= 1;
    EXPECT_FALSE(ReadPictureHeader(changed).ok()) << at;
  }
}

TEST(PictureHeader, AnyBytesAreAnsweredWithoutACrash) {
  std::minstd_rand random(1);
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes = i % 2 == 0 ? Jpeg(Exif(6)) : Png(7, 5);
    for (int change = 0; change < 3; ++change)
      bytes[2 + random() % (bytes.size() - 2)] = static_cast<char>(random());
    const auto header = ReadPictureHeader(bytes);
    if (header.ok()) {
      EXPECT_LE(int64_t{header->width()} * header->height(), kMaxPicturePixels);
    }
  }
}

}  // namespace
}  // namespace loupe
