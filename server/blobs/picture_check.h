// Whether a file is a whole picture, told from its structure without decoding it: docs/adr/0004.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace loupe {

struct PictureFacts {
  // In pixels, as people see it: an EXIF orientation that turns the picture by 90° is applied.
  uint32_t width = 0;
  uint32_t height = 0;
  // `image/jpeg` or `image/png`.
  std::string media_type;
};

// Pixels above which a picture is refused.
inline constexpr uint64_t kMaxPicturePixels = 100'000'000;

// Walks `bytes`, the whole file, to its end: a JPEG to EOI, a PNG with every CRC to IEND. Bytes after that
// are tolerated, as cameras append some. Errors: INVALID_ARGUMENT, with what is wrong and what to do, to
// stand after the file's name.
absl::StatusOr<PictureFacts> CheckPicture(std::string_view bytes);

}  // namespace loupe
