#include "server/rounds/stored_recipe.h"

#include "absl/strings/str_cat.h"
#include "recipe/recipe.h"

namespace loupe {

absl::StatusOr<v1::Recipe> ReadStoredRecipe(std::string_view text) {
  absl::StatusOr<v1::Recipe> recipe = ParseRecipe(text);
  if (recipe.ok()) return recipe;
  return absl::InternalError(absl::StrCat("a stored recipe can't be read: ", recipe.status().message()));
}

}  // namespace loupe
