// Recipes as the database keeps them.
#pragma once

#include <string_view>

#include "absl/status/statusor.h"
#include "loupe/v1/recipe.pb.h"

namespace loupe {

// `text` was whole when it was stored. Errors: INTERNAL.
absl::StatusOr<v1::Recipe> ReadKeptRecipe(std::string_view text);

}  // namespace loupe
