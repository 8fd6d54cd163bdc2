// Recipes: from protobuf text to a complete, valid message. proto/loupe/v1/recipe.proto documents the fields
// with their defaults and ranges; coordinator and worker both apply them with these functions.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "loupe/v1/recipe.pb.h"

namespace loupe {

// Reads a recipe as it is given. Errors: INVALID_ARGUMENT; the message names line and column of what can't be
// read.
absl::StatusOr<v1::Recipe> ReadRecipe(std::string_view text);

// Reads a recipe, fills in every default and validates the result.
// Errors: INVALID_ARGUMENT. The message names line and column of what can't be read (an unknown field, a
// wrong type); when all can be read, it names every field out of range and its range, one field per line.
absl::StatusOr<v1::Recipe> ParseRecipe(std::string_view text);

// Reads a recipe as it was stored: resolved, by this release or another. Its ranges are not checked again,
// and fields that this release doesn't know are passed over. Errors: INTERNAL.
absl::StatusOr<v1::Recipe> ParseStoredRecipe(std::string_view text);

// Writes the defaults into the fields that are not set. Some fields stay unset, because their defaults are
// known elsewhere: `detector.min_size` and `max_size` (by the preset), `detector.preset` where there is an
// `init_model` (by that), and `ranking.strategy` (by the project).
v1::Recipe WithDefaults(v1::Recipe recipe);

// The number of optimizer steps: `iterations`, but none with `skip`. Requires: defaults are filled in.
uint32_t StepsOf(const v1::TrainingRecipe& training);

// Errors: INVALID_ARGUMENT. The message names every field out of range, one per line.
absl::Status Validate(const v1::Recipe& recipe);

// The recipe as text that ParseRecipe reads back.
std::string RecipeText(const v1::Recipe& recipe);

}  // namespace loupe
