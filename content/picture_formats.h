// Parts of ReadPictureHeader(): formats besides JPEG and PNG, and what all formats share.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "content/picture_header.h"

namespace loupe::picture_formats {

absl::Status CutShort();
absl::Status Damaged(const std::string& what);
absl::Status Unusual(const std::string& what);
// Errors: INVALID_ARGUMENT (no pixels, or too many).
absl::Status SetSize(uint64_t width, uint64_t height, PictureHeader& header);

// The orientation in a TIFF structure, as EXIF blocks hold one; 1 when there is none that can be read.
// Source: EXIF 2.3, section 4.6, tag 0x0112.
int TiffOrientation(std::string_view tiff);

bool IsBmp(std::string_view bytes);
bool IsTiff(std::string_view bytes);
bool IsBigTiff(std::string_view bytes);
bool IsWebp(std::string_view bytes);

// Errors: as ReadPictureHeader.
absl::StatusOr<PictureHeader> ReadBmp(std::string_view bytes);
// The first page. Levels of 8 bits, or grey or RGB of 16.
absl::StatusOr<PictureHeader> ReadTiff(std::string_view bytes);
// Not animated.
absl::StatusOr<PictureHeader> ReadWebp(std::string_view bytes);

}  // namespace loupe::picture_formats
