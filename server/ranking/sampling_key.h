// The number that decides whether an image belongs to the pool or to the holdout. It depends on the project
// and the image alone, never on a model.
#pragma once

#include <cstdint>
#include <string_view>

#include "content/sha256.h"

namespace loupe::ranking {

// Uniform in [0, 1): the first 53 bits of SHA-256 over "image", the project's seed (8 bytes, little-endian)
// and the content's hash. The same on every machine. The holdout is labelled in this order.
double SamplingKey(uint64_t project_seed, const Sha256& content);

// The same for a group of images that must be on one side, such as the pictures of one part; "group" and the
// group's name take the place of "image" and the hash.
double GroupSamplingKey(uint64_t project_seed, std::string_view group);

enum class Side { kPool, kHoldout };

// kHoldout if the key is below `holdout_fraction`. The key is the group's if `group` is not empty, otherwise
// the content's.
// Requires: holdout_fraction in [0, 1].
Side SideOf(uint64_t project_seed, const Sha256& content, std::string_view group, double holdout_fraction);

}  // namespace loupe::ranking
