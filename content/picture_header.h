// What a picture file says about itself, and whether the file is whole, told from its structure without
// decoding it: docs/adr/0004.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace loupe {

// Pictures with more pixels are refused. As RGB bytes this many take 300 MB.
inline constexpr int64_t kMaxPicturePixels = 100'000'000;

struct PictureHeader {
  int stored_width = 0;  // pixels as stored, before any rotation
  int stored_height = 0;
  int orientation = 1;     // EXIF's 1 to 8; from 5 on the picture is turned by 90° to be seen
  std::string media_type;  // `image/jpeg`, `image/png`, `image/bmp`, `image/tiff` or `image/webp`

  // In pixels, as people see the picture.
  int width() const { return orientation >= 5 ? stored_height : stored_width; }
  int height() const { return orientation >= 5 ? stored_width : stored_height; }
};

// How the names of pictures end, in any case.
inline constexpr char kPictureNames[] = "*.jpg, *.jpeg, *.png, *.bmp, *.tif, *.tiff or *.webp";
bool IsPictureName(std::string_view file_name);

// What is wrong where annotations were made for a picture of `width` x `height` pixels, as people see it.
// Empty: nothing. A size of 0 is not known and never wrong.
std::string SizeProblem(const PictureHeader& header, int64_t width, int64_t height);

// Reads a JPEG to its EOI marker or a PNG to its IEND chunk, with the CRC of every chunk: decoders accept
// files that are cut short and make up the rest. Of a BMP, a TIFF (its first page) and a WebP it checks that
// the pixels lie inside the file. Bytes after the end are allowed, since cameras append some.
// Of several EXIF blocks the first counts; one that can't be read means orientation 1. `bytes` is the whole
// file. Errors: INVALID_ARGUMENT (empty, another format, cut short, damaged, or more than kMaxPicturePixels).
// The message says what is wrong and what to do, and stands after the file's name and `: `.
absl::StatusOr<PictureHeader> ReadPictureHeader(std::string_view bytes);

}  // namespace loupe
