// Recipes as the database stores them.
#pragma once

#include <string_view>

#include "absl/status/statusor.h"
#include "loupe/v1/recipe.pb.h"

namespace loupe {

// text: as RecipeText wrote it. Errors: INTERNAL (it can't be read).
absl::StatusOr<v1::Recipe> ReadStoredRecipe(std::string_view text);

}  // namespace loupe
