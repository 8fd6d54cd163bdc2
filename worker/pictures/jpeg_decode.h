// JPEG pictures as pixels.
#pragma once

#include <string_view>

#include <opencv2/core.hpp>

#include "absl/status/statusor.h"

namespace loupe {

// uint8, as stored, without turning: grey, or three channels with red first. OpenCV's decoder would fill
// pixels that are missing with grey, without a word.
// Errors: INVALID_ARGUMENT (pixels are missing or damaged, or the file is no JPEG that can be read).
absl::StatusOr<cv::Mat> DecodeJpeg(std::string_view bytes);

}  // namespace loupe
