#include "worker/prediction/detector_config.h"

#include <algorithm>

#include "recipe/detector_metadata.h"

namespace loupe {

void SetImageSize(uint32_t min_size, uint32_t max_size, v1::Detector& config) {
  if (min_size > 0) {
    config.set_min_size(min_size);
    config.set_max_size(std::max(config.max_size(), min_size));
  }
  if (max_size > 0) {
    config.set_max_size(max_size);
    config.set_min_size(std::min(config.min_size(), max_size));
  }
}

absl::StatusOr<v1::Detector> ConfigOf(const v1::DetectorRecipe& detector,
                                      const std::map<std::string, std::string>& metadata) {
  absl::StatusOr<v1::Detector> config = DetectorOfWeights(detector.preset(), metadata);
  if (!config.ok()) return config.status();
  SetImageSize(detector.min_size(), detector.max_size(), *config);
  return config;
}

}  // namespace loupe
