#include "server/rounds/kept_recipe.h"

#include "absl/strings/str_cat.h"
#include "recipe/recipe.h"

namespace loupe {

absl::StatusOr<v1::Recipe> ReadKeptRecipe(std::string_view text) {
  absl::StatusOr<v1::Recipe> recipe = ParseRecipe(text);
  if (recipe.ok()) return recipe;
  return absl::InternalError(absl::StrCat("a kept recipe can't be read: ", recipe.status().message()));
}

}  // namespace loupe
