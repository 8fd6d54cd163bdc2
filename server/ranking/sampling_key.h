// The number that decides an image's side, once and for all, whatever any model thinks of it.
#pragma once

#include <cstdint>
#include <string_view>

#include "content/sha256.h"

namespace loupe::ranking {

// Uniform in [0, 1), the same everywhere: the first 53 bits of SHA-256 over "image", the project's seed (8
// bytes, little end first) and the content's hash. The holdout is labelled in this order.
double SamplingKey(uint64_t project_seed, const Sha256& content);

// The same for a group of images (a part, a camera roll) which must share a side.
double GroupSamplingKey(uint64_t project_seed, std::string_view group);

enum class Side { kPool, kHoldout };

// Holdout when the key is below `holdout_fraction`: the group's key when `group` is not empty, the content's
// own otherwise. Requires: holdout_fraction in [0, 1].
Side SideOf(uint64_t project_seed, const Sha256& content, std::string_view group, double holdout_fraction);

}  // namespace loupe::ranking
