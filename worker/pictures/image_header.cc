#include "worker/pictures/image_header.h"

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace loupe {
namespace {

constexpr std::string_view kPngSignature("\x89PNG\r\n\x1a\n", 8);

absl::Status Broken(const std::string& what) { return absl::InvalidArgumentError(what); }

uint32_t Byte(std::string_view bytes, size_t at) { return static_cast<uint8_t>(bytes[at]); }

// Big-endian (`little` false) or little-endian numbers. Requires: they lie within `bytes`.
uint32_t Number16(std::string_view bytes, size_t at, bool little = false) {
  return little ? Byte(bytes, at) | Byte(bytes, at + 1) << 8U : Byte(bytes, at) << 8U | Byte(bytes, at + 1);
}

uint32_t Number32(std::string_view bytes, size_t at, bool little = false) {
  return little ? Number16(bytes, at, true) | Number16(bytes, at + 2, true) << 16U
                : Number16(bytes, at) << 16U | Number16(bytes, at + 2);
}

// The orientation in a TIFF structure, 1 when it says none. Source: EXIF 2.3, section 4.6; tag 0x0112.
int TiffOrientation(std::string_view tiff) {
  constexpr uint32_t kOrientationTag = 0x0112;
  constexpr size_t kEntryBytes = 12;
  if (tiff.size() < 8) return 1;
  const bool little = tiff[0] == 'I';
  const size_t directory = Number32(tiff, 4, little);
  if (directory > tiff.size() || tiff.size() - directory < 2) return 1;
  const size_t entries = Number16(tiff, directory, little);
  for (size_t i = 0; i < entries; ++i) {
    const size_t entry = directory + 2 + i * kEntryBytes;
    if (entry + kEntryBytes > tiff.size()) return 1;
    if (Number16(tiff, entry, little) != kOrientationTag) continue;
    const uint32_t value = Number16(tiff, entry + 8, little);
    return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
  }
  return 1;
}

absl::Status CheckSize(const ImageHeader& header) {
  if (header.width < 1 || header.height < 1) return Broken("has no pixels");
  if (int64_t{header.width} * header.height > kMaxPixels) {
    return Broken(absl::StrCat("claims ", header.width, " x ", header.height, " pixels; at most ", kMaxPixels,
                               " are accepted"));
  }
  return absl::OkStatus();
}

bool IsFrameHeader(uint32_t marker) {
  return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
}

// The place of the next marker after entropy-coded data that starts at `at`; nullopt when the data never
// ends.
std::optional<size_t> EndOfScan(std::string_view bytes, size_t at) {
  for (; at + 1 < bytes.size(); ++at) {
    if (Byte(bytes, at) != 0xff) continue;
    const uint32_t marker = Byte(bytes, at + 1);
    const bool within_scan = marker == 0x00 || marker == 0xff || (marker >= 0xd0 && marker <= 0xd7);
    if (!within_scan) return at;
  }
  return std::nullopt;
}

// Source: ITU-T T.81, annex B.
absl::StatusOr<ImageHeader> ReadJpegHeader(std::string_view bytes) {
  constexpr uint32_t kEndOfImage = 0xd9;
  constexpr uint32_t kStartOfScan = 0xda;
  constexpr uint32_t kExif = 0xe1;
  constexpr std::string_view kExifName("Exif\0\0", 6);
  const absl::Status cut = Broken("is cut short: the end of the JPEG data is missing");
  ImageHeader header;
  size_t at = 2;
  bool scanned = false;
  while (true) {
    if (at + 2 > bytes.size()) return cut;
    if (Byte(bytes, at) != 0xff) return Broken("is a broken JPEG");
    const uint32_t marker = Byte(bytes, at + 1);
    if (marker == 0xff) {  // padding
      ++at;
      continue;
    }
    if (marker == kEndOfImage) break;
    if (at + 4 > bytes.size()) return cut;
    const size_t length = Number16(bytes, at + 2);
    if (length < 2) return Broken("is a broken JPEG");
    if (at + 2 + length > bytes.size()) return cut;
    const std::string_view segment = bytes.substr(at + 4, length - 2);
    if (IsFrameHeader(marker) && header.width == 0) {
      if (segment.size() < 5) return Broken("is a broken JPEG");
      header.height = static_cast<int>(Number16(segment, 1));
      header.width = static_cast<int>(Number16(segment, 3));
      if (absl::Status size = CheckSize(header); !size.ok()) return size;
    } else if (marker == kExif && segment.starts_with(kExifName)) {
      header.orientation = TiffOrientation(segment.substr(kExifName.size()));
    }
    at += 2 + length;
    if (marker != kStartOfScan) continue;
    scanned = true;
    const std::optional<size_t> end = EndOfScan(bytes, at);
    if (!end.has_value()) return cut;
    at = *end;
  }
  if (!scanned || header.width == 0) return Broken("is a JPEG without a picture");
  return header;
}

// Source: PNG specification, third edition, section 5.
absl::StatusOr<ImageHeader> ReadPngHeader(std::string_view bytes) {
  constexpr size_t kFrame = 12;  // length, type and checksum
  ImageHeader header;
  size_t at = kPngSignature.size();
  while (true) {
    if (at + kFrame > bytes.size()) return Broken("is cut short: the end of the PNG data is missing");
    const size_t length = Number32(bytes, at);
    if (length > bytes.size() - at - kFrame)
      return Broken("is cut short: the end of the PNG data is missing");
    const std::string_view type = bytes.substr(at + 4, 4);
    const std::string_view data = bytes.substr(at + 8, length);
    if (header.width == 0) {
      constexpr uint32_t kMostPerSide = 0x7fffffff;
      if (type != "IHDR" || length < 13) return Broken("is a broken PNG");
      if (Number32(data, 0) > kMostPerSide || Number32(data, 4) > kMostPerSide)
        return Broken("is a broken PNG");
      header.width = static_cast<int>(Number32(data, 0));
      header.height = static_cast<int>(Number32(data, 4));
      if (absl::Status size = CheckSize(header); !size.ok()) return size;
    }
    if (type == "eXIf") header.orientation = TiffOrientation(data);
    if (type == "IEND") return header;
    at += kFrame + length;
  }
}

}  // namespace

absl::StatusOr<ImageHeader> ReadImageHeader(std::string_view bytes) {
  if (bytes.empty()) return Broken("is empty");
  if (bytes.starts_with("\xff\xd8")) return ReadJpegHeader(bytes);
  if (bytes.starts_with(kPngSignature)) return ReadPngHeader(bytes);
  return Broken("is neither a JPEG nor a PNG");
}

}  // namespace loupe
