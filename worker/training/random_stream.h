// Seeds of the random draws of a training.
#pragma once

#include <cstdint>

#include "evaluation/seeded_random.h"

namespace loupe {

// Independent streams of random numbers.
enum class RandomStream : uint64_t { kInit = 1, kOrder = 2, kSampling = 3, kAugmentation = 4, kHeldOut = 5 };

// position: the number of the image in the sequence of all batches. So the draws for an image depend neither
// on the rest of its batch nor on the process that loads it.
constexpr uint64_t SeedOf(uint64_t seed, RandomStream stream, uint64_t position = 0) {
  return evaluation::Mix64(evaluation::Mix64(seed + static_cast<uint64_t>(stream)) + position);
}

}  // namespace loupe
