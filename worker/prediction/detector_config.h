// The detector to build, for a recipe or for a weight file.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "loupe/v1/detector.pb.h"
#include "loupe/v1/recipe.pb.h"

namespace loupe {

// The detector of the recipe's preset with the recipe's sizes. When only one of the two sizes is given, the
// other one is the preset's, changed as little as min_size <= max_size needs. `metadata` is that of the
// weights to start from; empty: none. Errors: those of DetectorOfWeights.
absl::StatusOr<v1::Detector> ConfigOf(const v1::DetectorRecipe& detector,
                                      const std::map<std::string, std::string>& metadata);

// Sets the sizes, in pixels, as ConfigOf does; 0 stands for "not given".
void SetImageSize(uint32_t min_size, uint32_t max_size, v1::Detector& config);

}  // namespace loupe
