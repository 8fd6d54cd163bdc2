// Recipes: from protobuf text to a whole, valid message. The fields, their defaults and ranges are described
// in proto/loupe/v1/recipe.proto; this is where they are held to it, for coordinator and worker alike.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "loupe/v1/recipe.pb.h"

namespace loupe {

// Reads a recipe, fills in every default and validates the whole.
// Errors: INVALID_ARGUMENT; names line and column of what can't be read (an unknown field, a wrong type), or
// else every field out of range with its range, a line each.
absl::StatusOr<v1::Recipe> ParseRecipe(std::string_view text);

// Writes the defaults into the fields that are not set. Two fields keep no value of their own, since they
// depend on what only others know: `detector.min_size` and `max_size` (of the preset), `ranking.strategy` (of
// the project).
v1::Recipe WithDefaults(v1::Recipe recipe);

// Errors: INVALID_ARGUMENT; every field out of range, a line each.
absl::Status Validate(const v1::Recipe& recipe);

// As ParseRecipe reads it.
std::string RecipeText(const v1::Recipe& recipe);

}  // namespace loupe
