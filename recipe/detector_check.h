// Whether a detector's fields are within what detector.proto says.
#pragma once

#include "absl/status/status.h"
#include "loupe/v1/detector.pb.h"

namespace loupe {

inline constexpr double kMaxDetectorSide = 8192;  // of pictures and boxes, in pixels
inline constexpr double kMaxDetectorChannels = 8192;
inline constexpr double kMaxDetectorCount = 1'000'000;  // of proposals, samples, detections

// Errors: INVALID_ARGUMENT, naming the first field that is out of range or contradicts another.
absl::Status CheckDetector(const v1::Detector& detector);

}  // namespace loupe
