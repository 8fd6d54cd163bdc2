// Picture files into pictures that every browser shows: thumbnails and 8 bits.
#pragma once

#include "absl/status/status.h"
#include "renderer/request.h"

namespace loupe {

// Writes `out` whole or not at all, turned as people see the picture, and without alpha. With a max_side it
// is a JPEG whose sides are at most that long, area-averaged and never enlarged; without one it is a PNG of 8
// bits in full size. Grey stays grey. Of a picture with 16 bits `range.low` and below is black, `range.high`
// and above white; levels between are rounded.
// Errors: INVALID_ARGUMENT (as DecodePicture; it takes too much memory), and those of ReadFile and WholeFile.
absl::Status Render(const RenderRequest& request);

}  // namespace loupe
