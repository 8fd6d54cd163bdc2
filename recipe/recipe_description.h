// What a recipe's fields mean, from the comments of proto/loupe/v1/recipe.proto.
#pragma once

#include "loupe/v1/round.pb.h"

namespace loupe {

// Every field, with its comment, default, and the values that Validate allows.
v1::RecipeDescription DescribeRecipe();

}  // namespace loupe
