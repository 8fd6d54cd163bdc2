#include "content/picture_header.h"

#include <zlib.h>

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "content/picture_formats.h"

namespace loupe {
namespace {

using namespace picture_formats;  // NOLINT: the parts of this reader

// Big-endian numbers. Requires: they lie within `bytes`.
uint32_t BigEndian16(std::string_view bytes, size_t at) {
  return static_cast<uint32_t>(static_cast<uint8_t>(bytes[at])) << 8 | static_cast<uint8_t>(bytes[at + 1]);
}

uint32_t BigEndian32(std::string_view bytes, size_t at) {
  return BigEndian16(bytes, at) << 16 | BigEndian16(bytes, at + 2);
}

// --- PNG (ISO/IEC 15948): chunks of length, type, data and CRC.

constexpr std::string_view kPngSignature("\x89PNG\r\n\x1a\n", 8);
constexpr size_t kChunkFrameBytes = 12;  // length, type and CRC

// Of the first chunk, which begins at the front of `bytes`.
absl::Status ReadPngSize(std::string_view bytes, PictureHeader& header) {
  constexpr uint32_t kSizeChunkBytes = 13;
  if (bytes.substr(4, 4) != "IHDR" || BigEndian32(bytes, 0) != kSizeChunkBytes) {
    return Damaged("it doesn't begin with its size");
  }
  if (bytes.size() < kChunkFrameBytes + kSizeChunkBytes) return CutShort();
  return SetSize(BigEndian32(bytes, 8), BigEndian32(bytes, 12), header);
}

absl::StatusOr<PictureHeader> ReadPng(std::string_view bytes) {
  constexpr uint32_t kMaxChunkBytes = 0x7fffffff;
  PictureHeader header;
  header.media_type = "image/png";
  std::optional<int> orientation;
  bool has_data = false;
  std::string_view type;
  for (bytes.remove_prefix(kPngSignature.size()); type != "IEND";) {
    if (bytes.size() < kChunkFrameBytes) return CutShort();
    const uint32_t length = BigEndian32(bytes, 0);
    if (length > kMaxChunkBytes) return Damaged("a chunk's length is out of range");
    type = bytes.substr(4, 4);
    if (header.stored_width == 0) {  // before the rest: a small file may claim a huge size
      if (absl::Status size = ReadPngSize(bytes, header); !size.ok()) return size;
    }
    if (bytes.size() - kChunkFrameBytes < length) return CutShort();
    const auto* checked = reinterpret_cast<const Bytef*>(bytes.data() + 4);
    if (crc32(0, checked, length + 4) != BigEndian32(bytes, 8 + length)) {
      return Damaged(absl::StrCat("the checksum of chunk ", std::string(type), " is wrong"));
    }
    if (type == "IDAT") has_data = true;
    if (type == "eXIf" && !orientation.has_value()) orientation = TiffOrientation(bytes.substr(8, length));
    bytes.remove_prefix(kChunkFrameBytes + length);
  }
  if (!has_data) return Damaged("it has no pixels");
  header.orientation = orientation.value_or(1);
  return header;
}

// --- JPEG (ITU-T T.81, annex B): segments of marker and length; entropy-coded data after each SOS.

constexpr uint8_t kStartOfImage = 0xd8;
constexpr uint8_t kStartOfScan = 0xda;
constexpr uint8_t kEndOfImage = 0xd9;
constexpr uint8_t kApp1 = 0xe1;
constexpr std::string_view kExifName("Exif\0\0", 6);

bool IsRestart(uint8_t marker) { return marker >= 0xd0 && marker <= 0xd7; }

// Markers without a segment: TEM and RST0 to RST7.
bool IsStandalone(uint8_t marker) { return marker == 0x01 || IsRestart(marker); }

// SOF0 to SOF15, without DHT, JPG and DAC.
bool IsFrame(uint8_t marker) {
  return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
}

// The place of the marker (its 0xff) behind the entropy-coded data that begin at `at`; npos when the file
// ends before.
size_t EndOfScan(std::string_view bytes, size_t at) {
  while ((at = bytes.find('\xff', at)) != std::string_view::npos && at + 1 < bytes.size()) {
    const uint8_t next = static_cast<uint8_t>(bytes[at + 1]);
    if (next == 0xff) {
      ++at;  // fill bytes
    } else if (next == 0x00 || IsRestart(next)) {
      at += 2;  // a stuffed byte, or a restart
    } else {
      return at;
    }
  }
  return std::string_view::npos;
}

class JpegReader {
 public:
  explicit JpegReader(std::string_view bytes) : bytes_(bytes) { header_.media_type = "image/jpeg"; }

  absl::StatusOr<PictureHeader> Read() {
    while (true) {
      while (at_ + 1 < bytes_.size() && bytes_[at_] == '\xff' && bytes_[at_ + 1] == '\xff') ++at_;
      if (bytes_.size() - at_ < 2) return CutShort();
      if (bytes_[at_] != '\xff') return Damaged("a segment doesn't begin where the one before ends");
      const uint8_t marker = static_cast<uint8_t>(bytes_[at_ + 1]);
      at_ += 2;
      if (marker == kEndOfImage) break;
      if (marker == kStartOfImage) return Damaged("another picture begins before it ends");
      if (IsStandalone(marker)) continue;
      if (absl::Status read = ReadSegment(marker); !read.ok()) return read;
    }
    if (header_.stored_width == 0 || !has_scan_) return Damaged("it has no pixels");
    header_.orientation = orientation_.value_or(1);
    return std::move(header_);
  }

 private:
  // The segment at `at_`, which begins with its length; after SOS also the entropy-coded data.
  absl::Status ReadSegment(uint8_t marker) {
    if (bytes_.size() - at_ < 2) return CutShort();
    const size_t length = BigEndian16(bytes_, at_);
    if (length < 2) return Damaged("a segment's length is out of range");
    if (bytes_.size() - at_ < length) return CutShort();
    const std::string_view segment = bytes_.substr(at_ + 2, length - 2);
    at_ += length;
    if (marker == kApp1 && segment.starts_with(kExifName) && !orientation_.has_value()) {
      orientation_ = TiffOrientation(segment.substr(kExifName.size()));
    }
    if (IsFrame(marker) && header_.stored_width == 0) {
      if (segment.size() < 6) return Damaged("its frame is too short");
      return SetSize(BigEndian16(segment, 3), BigEndian16(segment, 1), header_);
    }
    if (marker != kStartOfScan) return absl::OkStatus();
    const size_t begin = at_;
    at_ = EndOfScan(bytes_, at_);
    if (at_ == std::string_view::npos) return CutShort();
    has_scan_ = has_scan_ || at_ > begin;
    return absl::OkStatus();
  }

  std::string_view bytes_;
  size_t at_ = 2;  // behind SOI
  PictureHeader header_;
  std::optional<int> orientation_;  // of the first EXIF block
  bool has_scan_ = false;
};

}  // namespace

absl::StatusOr<PictureHeader> ReadPictureHeader(std::string_view bytes) {
  constexpr std::string_view kJpegStart = "\xff\xd8\xff";
  if (bytes.empty()) return absl::InvalidArgumentError("the file is empty: copy it again, or leave it out");
  if (bytes.starts_with(kPngSignature)) return ReadPng(bytes);
  if (bytes.starts_with(kJpegStart)) return JpegReader(bytes).Read();
  if (IsBmp(bytes)) return ReadBmp(bytes);
  if (IsTiff(bytes)) return ReadTiff(bytes);
  if (IsWebp(bytes)) return ReadWebp(bytes);
  if (IsBigTiff(bytes)) return Unusual("a BigTIFF is not taken");
  if (kPngSignature.starts_with(bytes) || kJpegStart.starts_with(bytes)) return CutShort();
  return absl::InvalidArgumentError(
      "the file is no JPEG, PNG, BMP, TIFF or WebP picture: convert it, or leave it out");
}

bool IsPictureName(std::string_view file_name) {
  constexpr std::string_view kEndings[] = {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"};
  const size_t dot = file_name.rfind('.');
  if (dot == std::string_view::npos) return false;
  std::string ending(file_name.substr(dot));
  for (char& c : ending) c = absl::ascii_tolower(static_cast<unsigned char>(c));
  return std::find(std::begin(kEndings), std::end(kEndings), ending) != std::end(kEndings);
}

std::string SizeProblem(const PictureHeader& header, int64_t width, int64_t height) {
  if (width == 0 || height == 0 || (width == header.width() && height == header.height())) return "";
  const std::string turned = header.orientation < 5
                                 ? ""
                                 : absl::StrCat(" (its EXIF data turn the stored ", header.stored_width,
                                                " x ", header.stored_height, ")");
  return absl::StrCat("its annotations are for ", width, " x ", height, " pixels, and people see it with ",
                      header.width(), " x ", header.height(), turned,
                      ": annotate the picture as people see it, or correct its size in the file");
}

}  // namespace loupe
