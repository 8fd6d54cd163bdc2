#include "worker/prediction/detector_config.h"

#include <algorithm>

namespace loupe {

void SetImageSize(int64_t min_size, int64_t max_size, detection::FasterRcnnConfig& config) {
  if (min_size > 0) {
    config.min_size = min_size;
    config.max_size = std::max(config.max_size, min_size);
  }
  if (max_size > 0) {
    config.max_size = max_size;
    config.min_size = std::min(config.min_size, max_size);
  }
}

absl::StatusOr<detection::FasterRcnnConfig> ConfigOf(const v1::DetectorRecipe& detector) {
  absl::StatusOr<detection::FasterRcnnConfig> config = detection::PresetConfig(detector.preset());
  if (!config.ok()) return config.status();
  SetImageSize(detector.min_size(), detector.max_size(), *config);
  return config;
}

}  // namespace loupe
