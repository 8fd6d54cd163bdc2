// Number formats that a detector computes in, as recipes and the command line spell them.
#pragma once

#include <array>

namespace loupe {

// TrainingRecipe.precision, PredictionRecipe.precision.
inline constexpr const char* kFloat32Name = "float32";
inline constexpr const char* kBfloat16Name = "bfloat16";
inline constexpr std::array<const char*, 2> kPrecisionNames = {kFloat32Name, kBfloat16Name};

}  // namespace loupe
