// What a picture file says about itself, read without decoding it.
#pragma once

#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"

namespace loupe {

// Larger pictures are refused, as the coordinator refuses them; as float RGB this is 1.2 GB.
constexpr int64_t kMaxPixels = 100'000'000;

struct ImageHeader {
  int width = 0;  // pixels as stored, before any rotation
  int height = 0;
  int orientation = 1;  // EXIF's 1 to 8; from 5 on width and height change places for the eye
};

// Reads a JPEG or PNG and checks that the file is whole up to its end marker: decoders accept cut files and
// make up the rest. Errors: INVALID_ARGUMENT for an empty file, another format, a broken or cut file, or more
// than kMaxPixels.
absl::StatusOr<ImageHeader> ReadImageHeader(std::string_view bytes);

}  // namespace loupe
