// The configuration of a detector, from a recipe or from the description of a weight file.
#pragma once

#include "absl/status/statusor.h"
#include "loupe/v1/recipe.pb.h"
#include "worker/detection/preset.h"

namespace loupe {

// The preset's configuration with the recipe's image sizes. When only one of the two sizes is given, the
// other one keeps the preset's value, changed as far as min_size <= max_size requires. Errors:
// INVALID_ARGUMENT for an unknown preset.
absl::StatusOr<detection::FasterRcnnConfig> ConfigOf(const v1::DetectorRecipe& detector);

// Sets the image sizes of a configuration, in pixels; 0 means "not given".
void SetImageSize(int64_t min_size, int64_t max_size, detection::FasterRcnnConfig& config);

}  // namespace loupe
