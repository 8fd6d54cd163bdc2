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

// Errors: NOT_FOUND when the file is not there; INVALID_ARGUMENT when it is broken JSON (the message names
// line and column), or when entries lack a field or hold a number that is not finite (the message lists the
// first 20 by their place in the array).
absl::StatusOr<std::vector<CocoDetection>> ReadCocoResults(const std::filesystem::path& path);

// Writes or replaces a file, which is whole or not there. Numbers read back to the same bits.
// Errors: UNAVAILABLE when it can't be written, INVALID_ARGUMENT for a number that is not finite.
absl::Status WriteCocoResults(std::span<const CocoDetection> detections, const std::filesystem::path& path);

}  // namespace loupe
