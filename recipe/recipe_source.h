// recipe.proto with its comments, from the build.
#pragma once

#include <cstddef>

namespace loupe {

// A FileDescriptorSet of the one file, with the places in its source.
extern const unsigned char kRecipeSource[];
extern const size_t kRecipeSourceBytes;

}  // namespace loupe
