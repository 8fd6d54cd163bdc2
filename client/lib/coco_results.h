// COCO results files: a JSON array of {"image_id", "category_id", "bbox", "score"}.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace loupe {

struct CocoDetection {
  int64_t image_id = 0;
  int64_t category_id = 0;
  std::array<double, 4> bbox = {};  // x, y, width, height in pixels
  double score = 0;
};

// Errors: NOT_FOUND when the file is not there; INVALID_ARGUMENT when it is broken JSON (names line and
// column) or entries lack a field or hold a number that is not finite (lists the first 20 by their place in
// the array).
absl::StatusOr<std::vector<CocoDetection>> ReadCocoResults(const std::filesystem::path& path);

// Numbers are written so that they read back to the same bits. Under a temporary name first, so that `path`
// is never half a file. Errors: UNAVAILABLE when it can't be written, INVALID_ARGUMENT for a number that is
// not finite.
absl::Status WriteCocoResults(std::span<const CocoDetection> detections, const std::filesystem::path& path);

}  // namespace loupe
