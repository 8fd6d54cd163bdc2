#include "server/blobs/picture_check.h"

#include <zlib.h>

#include <optional>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace loupe {
namespace {

uint32_t BigEndian16(std::string_view bytes, size_t at) {
  return static_cast<uint8_t>(bytes[at]) << 8 | static_cast<uint8_t>(bytes[at + 1]);
}

uint32_t BigEndian32(std::string_view bytes, size_t at) {
  return BigEndian16(bytes, at) << 16 | BigEndian16(bytes, at + 2);
}

absl::Status CutShort() {
  return absl::InvalidArgumentError("the picture ends too early: the file was cut short, copy it again");
}

absl::Status Damaged(const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat("the picture is damaged: ", what));
}

absl::StatusOr<PictureFacts> WithinLimits(uint64_t width, uint64_t height, std::string media_type) {
  if (width == 0 || height == 0) return Damaged("it has no pixels");
  if (width * height > kMaxPicturePixels) {
    return absl::InvalidArgumentError(absl::StrCat("the picture claims ", width, " x ", height,
                                                   " pixels, more than ", kMaxPicturePixels,
                                                   "; scale it down or cut it up"));
  }
  PictureFacts facts;
  facts.width = static_cast<uint32_t>(width);
  facts.height = static_cast<uint32_t>(height);
  facts.media_type = std::move(media_type);
  return facts;
}

// --- PNG (ISO/IEC 15948): chunks of length, type, data, CRC.

constexpr std::string_view kPngSignature("\x89PNG\r\n\x1a\n", 8);

absl::StatusOr<PictureFacts> CheckPng(std::string_view bytes) {
  std::optional<PictureFacts> facts;
  bool has_data = false;
  size_t at = kPngSignature.size();
  while (true) {
    if (bytes.size() - at < 12) return CutShort();
    const uint32_t length = BigEndian32(bytes, at);
    if (length > 0x7fffffff) return Damaged("a chunk's length is out of range");
    const std::string_view type = bytes.substr(at + 4, 4);
    // The size is judged before anything else: a file may claim much and hold little.
    if (!facts.has_value()) {
      if (type != "IHDR" || length != 13) return Damaged("it doesn't begin with its size");
      if (bytes.size() - at < 25) return CutShort();
      auto size = WithinLimits(BigEndian32(bytes, at + 8), BigEndian32(bytes, at + 12), "image/png");
      if (!size.ok()) return size.status();
      facts = *std::move(size);
    }
    if (bytes.size() - at - 12 < length) return CutShort();
    const auto* checked = reinterpret_cast<const Bytef*>(bytes.data() + at + 4);
    if (crc32(0, checked, length + 4) != BigEndian32(bytes, at + 8 + length)) {
      return Damaged(absl::StrCat("the checksum of chunk ", std::string(type), " is wrong; copy it again"));
    }
    if (type == "IDAT") has_data = true;
    at += 12 + length;
    if (type == "IEND") break;
  }
  if (!has_data) return Damaged("it has no pixels");
  return *std::move(facts);
}

// --- JPEG (ITU-T T.81): segments of marker and length; entropy-coded data after each SOS.

bool IsStandalone(uint8_t marker) { return marker == 0x01 || (marker >= 0xd0 && marker <= 0xd8); }

// SOF0 to SOF15 but for DHT, JPG and DAC.
bool IsFrame(uint8_t marker) {
  return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
}

// The EXIF orientation of an APP1 segment, 1 to 8; 1 where it says nothing that can be read (TIFF 6.0, tag
// 0x0112).
int Orientation(std::string_view segment) {
  constexpr std::string_view kExif("Exif\0\0", 6);
  if (segment.substr(0, 6) != kExif || segment.size() < 14) return 1;
  const std::string_view tiff = segment.substr(6);
  const bool little = tiff.substr(0, 2) == "II";
  auto read16 = [&](size_t at) -> uint32_t {
    const uint32_t value = BigEndian16(tiff, at);
    return little ? (value & 0xff) << 8 | value >> 8 : value;
  };
  auto read32 = [&](size_t at) {
    return little ? read16(at + 2) << 16 | read16(at) : read16(at) << 16 | read16(at + 2);
  };
  const size_t directory = read32(4);
  if (directory > tiff.size() || tiff.size() - directory < 2) return 1;
  const uint32_t entries = read16(directory);
  for (uint32_t i = 0; i < entries; ++i) {
    const size_t entry = directory + 2 + 12 * static_cast<size_t>(i);
    if (entry + 12 > tiff.size()) return 1;
    if (read16(entry) != 0x0112) continue;
    const uint32_t value = read16(entry + 8);
    return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
  }
  return 1;
}

// The place of the marker (its 0xff) after the entropy-coded data that starts at `at`; npos at the file's
// end.
size_t EndOfScan(std::string_view bytes, size_t at) {
  while ((at = bytes.find('\xff', at)) != std::string_view::npos && at + 1 < bytes.size()) {
    const uint8_t next = static_cast<uint8_t>(bytes[at + 1]);
    if (next == 0xff) {
      ++at;  // fill bytes
    } else if (next == 0x00 || (next >= 0xd0 && next <= 0xd7)) {
      at += 2;  // a stuffed byte, or a restart
    } else {
      return at;
    }
  }
  return std::string_view::npos;
}

absl::StatusOr<PictureFacts> CheckJpeg(std::string_view bytes) {
  std::optional<PictureFacts> facts;
  bool has_scan = false;
  int orientation = 1;
  size_t at = 2;
  while (true) {
    while (at + 1 < bytes.size() && bytes[at] == '\xff' && bytes[at + 1] == '\xff') ++at;
    if (bytes.size() - at < 2) return CutShort();
    if (bytes[at] != '\xff') return Damaged("a segment doesn't begin where the one before ends");
    const uint8_t marker = static_cast<uint8_t>(bytes[at + 1]);
    at += 2;
    if (marker == 0xd9) break;
    if (IsStandalone(marker)) continue;
    if (bytes.size() - at < 2) return CutShort();
    const size_t length = BigEndian16(bytes, at);
    if (length < 2) return Damaged("a segment's length is out of range");
    if (bytes.size() - at < length) return CutShort();
    const std::string_view segment = bytes.substr(at + 2, length - 2);
    if (marker == 0xe1 && orientation == 1) orientation = Orientation(segment);
    if (IsFrame(marker) && !facts.has_value()) {
      if (segment.size() < 6) return Damaged("its frame is too short");
      auto size = WithinLimits(BigEndian16(segment, 3), BigEndian16(segment, 1), "image/jpeg");
      if (!size.ok()) return size.status();
      facts = *std::move(size);
    }
    at += length;
    if (marker == 0xda) {
      has_scan = true;
      at = EndOfScan(bytes, at);
      if (at == std::string_view::npos) return CutShort();
    }
  }
  if (!facts.has_value() || !has_scan) return Damaged("it has no pixels");
  if (orientation >= 5) std::swap(facts->width, facts->height);
  return *std::move(facts);
}

}  // namespace

absl::StatusOr<PictureFacts> CheckPicture(std::string_view bytes) {
  if (bytes.empty()) return absl::InvalidArgumentError("the file is empty");
  if (bytes.substr(0, kPngSignature.size()) == kPngSignature) return CheckPng(bytes);
  if (bytes.substr(0, 3) == "\xff\xd8\xff") return CheckJpeg(bytes);
  if (kPngSignature.substr(0, bytes.size()) == bytes || bytes == "\xff\xd8" || bytes == "\xff")
    return CutShort();
  return absl::InvalidArgumentError(
      "the file is neither a JPEG nor a PNG picture; convert it, or leave it out");
}

}  // namespace loupe
