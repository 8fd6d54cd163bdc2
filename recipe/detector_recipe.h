// The detector that a recipe asks for.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "loupe/v1/detector.pb.h"
#include "loupe/v1/recipe.pb.h"

namespace loupe {

// The detector of the weights to start from, else of the preset, with the recipe's sizes and overrides. When
// only one of the two sizes is given, the other one is the preset's, changed as little as min_size <=
// max_size needs. `metadata` is that of the weights; empty: there are none. Errors: those of
// DetectorOfWeights; INVALID_ARGUMENT: the overrides make no sound detector (CheckDetector).
absl::StatusOr<v1::Detector> DetectorOfRecipe(const v1::DetectorRecipe& recipe,
                                              const std::map<std::string, std::string>& metadata);

// Whether the overrides leave alone what a recipe says elsewhere, and how files are written. Errors:
// INVALID_ARGUMENT; the message names the field.
absl::Status CheckOverrides(const v1::Detector& overrides);

// Sets the sizes, in pixels, as DetectorOfRecipe does; 0 stands for "not given".
void SetImageSize(uint32_t min_size, uint32_t max_size, v1::Detector& detector);

}  // namespace loupe
