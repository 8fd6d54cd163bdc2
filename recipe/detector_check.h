// Whether a detector's fields are within what detector.proto says.
#pragma once

#include "absl/status/status.h"
#include "loupe/v1/detector.pb.h"

namespace loupe {

// Errors: INVALID_ARGUMENT, naming the first field that is out of range or contradicts another.
absl::Status CheckDetector(const v1::Detector& detector);

}  // namespace loupe
