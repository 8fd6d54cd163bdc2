// JPEG pictures as pixels.
#pragma once

#include <string_view>

#include <opencv2/core.hpp>

#include "absl/status/statusor.h"
#include "pictures/channel_order.h"

namespace loupe {

// uint8, as stored, without turning: grey, or three channels in this order. Sides are divided by `divisor`
// and rounded up; a smaller picture is made from the low frequencies alone, which takes less time. OpenCV's
// decoder would fill pixels that are missing with grey, without a word.
// Requires: divisor is 1, 2, 4 or 8.
// Errors: INVALID_ARGUMENT (pixels are missing or damaged, or the file is no JPEG that can be read).
absl::StatusOr<cv::Mat> DecodeJpeg(std::string_view bytes, ChannelOrder order, int divisor);

}  // namespace loupe
