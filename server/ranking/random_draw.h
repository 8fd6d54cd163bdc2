// The random order of images that a seed defines.
#pragma once

#include <cstdint>

#include "evaluation/seeded_random.h"

namespace loupe::ranking {

// Sorting images by this key gives a uniformly random order that depends on the seed alone. Different images
// have different keys.
constexpr uint64_t DrawKey(uint64_t seed, int64_t image_id) {
  using evaluation::Mix64;
  return Mix64(Mix64(seed) ^ Mix64(static_cast<uint64_t>(image_id)));
}

}  // namespace loupe::ranking
