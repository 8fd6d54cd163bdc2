#include "content/picture_formats.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdlib>
#include <iterator>
#include <map>
#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"

namespace loupe::picture_formats {
namespace {

// Little-endian numbers. Requires: they lie within `bytes`.
uint32_t Little16(std::string_view bytes, size_t at) {
  return static_cast<uint8_t>(bytes[at]) | static_cast<uint32_t>(static_cast<uint8_t>(bytes[at + 1])) << 8U;
}
uint32_t Little24(std::string_view bytes, size_t at) {
  return Little16(bytes, at) | static_cast<uint32_t>(static_cast<uint8_t>(bytes[at + 2])) << 16U;
}
uint32_t Little32(std::string_view bytes, size_t at) {
  return Little16(bytes, at) | Little16(bytes, at + 2) << 16U;
}

// The first directory of a TIFF structure. Source: TIFF 6.0, section 2.
class TiffDirectory {
 public:
  // nullopt: there is none that can be read.
  static std::optional<TiffDirectory> Read(std::string_view bytes) {
    if (!IsTiff(bytes) || bytes.size() < 8) return std::nullopt;
    TiffDirectory directory(bytes, bytes[0] == 'I');
    const size_t begin = directory.Read32(4);
    if (begin > bytes.size() || bytes.size() - begin < 2) return std::nullopt;
    const size_t entries = directory.Read16(begin);
    for (size_t i = 0; i < entries; ++i) {
      const size_t entry = begin + 2 + i * kEntryBytes;
      if (entry + kEntryBytes > bytes.size()) break;
      directory.entries_.emplace(directory.Read16(entry), entry);
    }
    return directory;
  }

  // The numbers of a tag of type BYTE, SHORT or LONG, at most `most`. Empty: it is missing, or can't be read.
  std::vector<uint32_t> Numbers(uint32_t tag, size_t most) const {
    const auto found = entries_.find(tag);
    if (found == entries_.end()) return {};
    const uint32_t type = Read16(found->second + 2);
    const size_t count = std::min<size_t>(Read32(found->second + 4), most);
    const size_t width = type == 1 ? 1 : type == 3 ? 2 : type == 4 ? 4 : 0;
    if (width == 0) return {};
    const size_t inside = 4;  // bytes of an entry that hold short lists
    const bool is_inside = Read32(found->second + 4) * uint64_t{width} <= inside;
    const size_t at = is_inside ? found->second + 8 : Read32(found->second + 8);
    if (at > bytes_.size() || (bytes_.size() - at) / width < count) return {};
    std::vector<uint32_t> numbers(count);
    for (size_t i = 0; i < count; ++i) {
      const size_t place = at + i * width;
      numbers[i] = width == 1   ? static_cast<uint8_t>(bytes_[place])
                   : width == 2 ? Read16(place)
                                : Read32(place);
    }
    return numbers;
  }

  uint32_t Number(uint32_t tag, uint32_t otherwise) const {
    const std::vector<uint32_t> numbers = Numbers(tag, 1);
    return numbers.empty() ? otherwise : numbers[0];
  }

 private:
  static constexpr size_t kEntryBytes = 12;

  TiffDirectory(std::string_view bytes, bool little) : bytes_(bytes), little_(little) {}

  uint32_t Read16(size_t at) const {
    const uint32_t value = Little16(bytes_, at);
    return little_ ? value : (value & 0xffU) << 8U | value >> 8U;
  }
  uint32_t Read32(size_t at) const {
    return little_ ? Read16(at) | Read16(at + 2) << 16U : Read16(at) << 16U | Read16(at + 2);
  }

  std::string_view bytes_;
  bool little_;
  std::map<uint32_t, size_t> entries_;  // tag -> place
};

constexpr uint32_t kWidthTag = 256, kHeightTag = 257, kBitsTag = 258, kOrientationTag = 0x0112;
constexpr uint32_t kCompressionTag = 259, kPhotometricTag = 262;
constexpr uint32_t kSamplesTag = 277, kPlanesTag = 284, kFormatTag = 339;
constexpr uint32_t kStripOffsets = 273, kStripBytes = 279, kTileOffsets = 324, kTileBytes = 325;

int OrientationOf(const TiffDirectory& directory) {
  const uint32_t value = directory.Number(kOrientationTag, 1);
  return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
}

// What OpenCV and libtiff read as it is meant. Source: TIFF 6.0, sections 4 to 6, 8 and 22; libtiff's tiff.h.
absl::Status CheckLevels(const TiffDirectory& directory) {
  constexpr uint32_t kBlackIsZero = 1, kRgb = 2;
  constexpr uint32_t kCompressions[] = {1, 5, 7, 8, 32773, 32946, 34887, 34925, 50000};
  const uint32_t samples = directory.Number(kSamplesTag, 1);
  if (samples < 1 || samples > 4)
    return Unusual(absl::StrCat("a TIFF of ", samples, " channels is not taken"));
  const std::vector<uint32_t> bits = directory.Numbers(kBitsTag, samples);
  for (const uint32_t one : bits.empty() ? std::vector<uint32_t>{1} : bits) {
    if (one == 8 || one == 16) continue;
    return Unusual(absl::StrCat("a TIFF of ", one, one == 1 ? " bit" : " bits", " a level is not taken"));
  }
  if (directory.Number(kFormatTag, 1) != 1)
    return Unusual("a TIFF whose levels are signed, or no whole numbers, is not taken");
  const uint32_t compression = directory.Number(kCompressionTag, 1);
  if (std::find(std::begin(kCompressions), std::end(kCompressions), compression) == std::end(kCompressions))
    return Unusual(absl::StrCat("a TIFF of compression ", compression, " is not taken"));
  const bool grey = samples == 1 && directory.Number(kPhotometricTag, kBlackIsZero) == kBlackIsZero;
  const bool rgb =
      samples >= 3 && directory.Number(kPhotometricTag, 0) == kRgb && directory.Number(kPlanesTag, 1) == 1;
  if (bits.front() == 16 && !grey && !rgb)
    return Unusual("a TIFF of 16 bits a level that is neither grey, with 0 as black, nor RGB is not taken");
  return absl::OkStatus();
}

// Whether all pixels lie inside the file.
absl::Status CheckPixels(const TiffDirectory& directory, size_t file_bytes) {
  constexpr size_t kMaxPieces = 10'000'000;
  const bool tiled = !directory.Numbers(kTileOffsets, 1).empty();
  const auto offsets = directory.Numbers(tiled ? kTileOffsets : kStripOffsets, kMaxPieces);
  const auto sizes = directory.Numbers(tiled ? kTileBytes : kStripBytes, kMaxPieces);
  if (offsets.empty() || offsets.size() != sizes.size()) return Damaged("it has no pixels");
  for (size_t i = 0; i < offsets.size(); ++i) {
    if (sizes[i] == 0) return Damaged("it has no pixels");
    if (offsets[i] > file_bytes || file_bytes - offsets[i] < sizes[i]) return CutShort();
  }
  return absl::OkStatus();
}

// Of the frame in a `VP8 ` or `VP8L` chunk. Source: RFC 6386, section 9.1; WebP lossless bitstream, section
// 3.
absl::Status SetFrameSize(std::string_view type, std::string_view frame, PictureHeader& header) {
  constexpr uint32_t kSizeBits = 0x3fff;
  if (type == "VP8 ") {
    if (frame.size() < 10 || frame.substr(3, 3) != "\x9d\x01\x2a") return Damaged("its frame can't be read");
    return SetSize(Little16(frame, 6) & kSizeBits, Little16(frame, 8) & kSizeBits, header);
  }
  if (frame.size() < 5 || frame[0] != 0x2f) return Damaged("its frame can't be read");
  const uint32_t bits = Little32(frame, 1);
  return SetSize((bits & kSizeBits) + 1, (bits >> 14U & kSizeBits) + 1, header);
}

}  // namespace

absl::Status CutShort() {
  return absl::InvalidArgumentError("the picture is cut short: copy the file again");
}

absl::Status Damaged(const std::string& what) {
  return absl::InvalidArgumentError(
      absl::StrCat("the picture is damaged: ", what, "; copy the file again, or leave it out"));
}

absl::Status Unusual(const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat(what, ": convert the picture, or leave it out"));
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

int TiffOrientation(std::string_view tiff) {
  const std::optional<TiffDirectory> directory = TiffDirectory::Read(tiff);
  return directory.has_value() ? OrientationOf(*directory) : 1;
}

bool IsBmp(std::string_view bytes) { return bytes.starts_with("BM"); }

bool IsTiff(std::string_view bytes) {
  return bytes.starts_with(std::string_view("II*\0", 4)) || bytes.starts_with(std::string_view("MM\0*", 4));
}

bool IsBigTiff(std::string_view bytes) {
  return bytes.starts_with(std::string_view("II+\0", 4)) || bytes.starts_with(std::string_view("MM\0+", 4));
}

bool IsWebp(std::string_view bytes) {
  return bytes.size() >= 12 && bytes.starts_with("RIFF") && bytes.substr(8, 4) == "WEBP";
}

// Source: Microsoft, BITMAPFILEHEADER and BITMAPINFOHEADER.
absl::StatusOr<PictureHeader> ReadBmp(std::string_view bytes) {
  constexpr uint32_t kCoreHeaderBytes = 12, kInfoHeaderBytes = 40;  // OS/2's and Windows'
  constexpr uint32_t kUncompressed = 0, kBitFields = 3;
  constexpr size_t kMasksAt = 54;  // of red, green and blue
  constexpr std::array<uint32_t, 3> k555 = {0x7c00, 0x3e0, 0x1f}, k565 = {0xf800, 0x7e0, 0x1f},
                                    k888 = {0xff0000, 0xff00, 0xff};
  PictureHeader header;
  header.media_type = "image/bmp";
  if (bytes.size() < 26) return CutShort();
  const uint64_t pixels_at = Little32(bytes, 10);
  const uint32_t header_bytes = Little32(bytes, 14);
  if (header_bytes == kCoreHeaderBytes) return Unusual("a BMP of OS/2 is not taken");
  if (header_bytes < kInfoHeaderBytes) return Damaged("its header is too short");
  if (bytes.size() < 14 + size_t{kInfoHeaderBytes}) return CutShort();
  if (pixels_at < 14 + uint64_t{header_bytes}) return Damaged("its pixels begin inside its header");
  const auto width = static_cast<int32_t>(Little32(bytes, 18)),
             height = static_cast<int32_t>(Little32(bytes, 22));
  if (width < 0) return Damaged("its width is negative");
  const uint64_t rows = static_cast<uint64_t>(std::abs(static_cast<int64_t>(height)));
  if (absl::Status size = SetSize(static_cast<uint64_t>(width), rows, header); !size.ok()) return size;
  const uint32_t compression = Little32(bytes, 30);
  const uint32_t bits = Little16(bytes, 28);
  if (compression == kBitFields) {
    if (bytes.size() < kMasksAt + 12) return CutShort();
    const std::array<uint32_t, 3> masks = {Little32(bytes, kMasksAt), Little32(bytes, kMasksAt + 4),
                                           Little32(bytes, kMasksAt + 8)};
    if (bits == 16 ? masks != k565 && masks != k555 : masks != k888)
      return Unusual("a BMP of other masks than 555, 565 and 888 is not taken");
  }
  const uint64_t row_bytes = (uint64_t{bits} * static_cast<uint64_t>(width) + 31) / 32 * 4;
  const bool plain = compression == kUncompressed || compression == kBitFields;
  const uint64_t pixel_bytes = plain ? row_bytes * rows : Little32(bytes, 34);
  if (pixels_at > bytes.size() || bytes.size() - pixels_at < pixel_bytes) return CutShort();
  return header;
}

absl::StatusOr<PictureHeader> ReadTiff(std::string_view bytes) {
  const std::optional<TiffDirectory> directory = TiffDirectory::Read(bytes);
  if (!directory.has_value()) return CutShort();
  PictureHeader header;
  header.media_type = "image/tiff";
  const absl::Status size =
      SetSize(directory->Number(kWidthTag, 0), directory->Number(kHeightTag, 0), header);
  if (!size.ok()) return size;
  if (absl::Status levels = CheckLevels(*directory); !levels.ok()) return levels;
  if (absl::Status pixels = CheckPixels(*directory, bytes.size()); !pixels.ok()) return pixels;
  header.orientation = OrientationOf(*directory);
  return header;
}

// Source: WebP container specification.
absl::StatusOr<PictureHeader> ReadWebp(std::string_view bytes) {
  constexpr char kAnimated = 0x02;
  constexpr std::string_view kExifName("Exif\0\0", 6);
  const uint64_t riff = uint64_t{Little32(bytes, 4)} + 8;
  if (bytes.size() < riff) return CutShort();
  PictureHeader header;
  header.media_type = "image/webp";
  bool has_frame = false;
  std::optional<int> orientation;
  std::string_view rest = bytes.substr(12, static_cast<size_t>(riff) - 12);
  while (rest.size() >= 8) {
    const std::string_view type = rest.substr(0, 4);
    const size_t length = Little32(rest, 4);
    if (rest.size() - 8 < length) return CutShort();
    const std::string_view data = rest.substr(8, length);
    if (type == "VP8X") {
      if (length < 10) return Damaged("its header is too short");
      if ((data[0] & kAnimated) != 0) return Unusual("an animated WebP is not taken");
      const absl::Status size = SetSize(Little24(data, 4) + 1, Little24(data, 7) + 1, header);
      if (!size.ok()) return size;
    } else if ((type == "VP8 " || type == "VP8L") && !has_frame) {
      has_frame = true;
      PictureHeader frame;
      if (absl::Status size = SetFrameSize(type, data, frame); !size.ok()) return size;
      if (header.stored_width == 0) {
        header.stored_width = frame.stored_width;
        header.stored_height = frame.stored_height;
      } else if (header.stored_width != frame.stored_width || header.stored_height != frame.stored_height) {
        return Damaged("its frame has another size than the picture");
      }
    } else if (type == "EXIF" && !orientation.has_value()) {
      orientation = TiffOrientation(data.starts_with(kExifName) ? data.substr(kExifName.size()) : data);
    }
    rest.remove_prefix(std::min(rest.size(), 8 + length + length % 2));
  }
  if (!has_frame) return Damaged("it has no pixels");
  header.orientation = orientation.value_or(1);
  return header;
}

}  // namespace loupe::picture_formats
