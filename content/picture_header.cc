#include "content/picture_header.h"

#include <zlib.h>

#include <cstddef>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace loupe {
namespace {

// Big-endian numbers. Requires: they lie within `bytes`.
uint32_t BigEndian16(std::string_view bytes, size_t at) {
  return static_cast<uint32_t>(static_cast<uint8_t>(bytes[at])) << 8 | static_cast<uint8_t>(bytes[at + 1]);
}

uint32_t BigEndian32(std::string_view bytes, size_t at) {
  return BigEndian16(bytes, at) << 16 | BigEndian16(bytes, at + 2);
}

absl::Status CutShort() {
  return absl::InvalidArgumentError("the picture is cut short: copy the file again");
}

absl::Status Damaged(const std::string& what) {
  return absl::InvalidArgumentError(
      absl::StrCat("the picture is damaged: ", what, "; copy the file again, or leave it out"));
}

absl::Status SetSize(uint64_t width, uint64_t height, PictureHeader& header) {
  if (width == 0 || height == 0) return Damaged("it has no pixels");
  if (width * height > uint64_t{kMaxPicturePixels}) {
    return absl::InvalidArgumentError(absl::StrCat("the picture claims ", width, " x ", height,
                                                   " pixels, more than ", kMaxPicturePixels,
                                                   "; scale it down or cut it up"));
  }
  header.stored_width = static_cast<int>(width);
  header.stored_height = static_cast<int>(height);
  return absl::OkStatus();
}

// The orientation in a TIFF structure; 1 when there is none that can be read. Source: EXIF 2.3, section 4.6,
// tag 0x0112.
int TiffOrientation(std::string_view tiff) {
  constexpr uint32_t kOrientationTag = 0x0112;
  constexpr size_t kEntryBytes = 12;
  const bool little = tiff.starts_with(std::string_view("II*\0", 4));
  if (tiff.size() < 8 || (!little && !tiff.starts_with(std::string_view("MM\0*", 4)))) return 1;
  const auto read16 = [&](size_t at) -> uint32_t {
    const uint32_t value = BigEndian16(tiff, at);
    return little ? (value & 0xff) << 8 | value >> 8 : value;
  };
  const auto read32 = [&](size_t at) {
    return little ? read16(at + 2) << 16 | read16(at) : read16(at) << 16 | read16(at + 2);
  };
  const size_t directory = read32(4);
  if (directory > tiff.size() || tiff.size() - directory < 2) return 1;
  const size_t entries = read16(directory);
  for (size_t i = 0; i < entries; ++i) {
    const size_t entry = directory + 2 + i * kEntryBytes;
    if (entry + kEntryBytes > tiff.size()) return 1;
    if (read16(entry) != kOrientationTag) continue;
    const uint32_t value = read16(entry + 8);
    return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
  }
  return 1;
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
    has_scan_ = true;
    at_ = EndOfScan(bytes_, at_);
    return at_ == std::string_view::npos ? CutShort() : absl::OkStatus();
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
  if (kPngSignature.starts_with(bytes) || kJpegStart.starts_with(bytes)) return CutShort();
  return absl::InvalidArgumentError(
      "the file is neither a JPEG nor a PNG picture: convert it, or leave it out");
}

}  // namespace loupe
