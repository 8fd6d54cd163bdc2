// Seeds of what is random in a training.
#pragma once

#include <cstdint>

#include "evaluation/seeded_random.h"

namespace loupe {

// Streams of random numbers that must not run in step with each other.
enum class RandomStream : uint64_t { kInit = 1, kOrder = 2, kSampling = 3, kAugmentation = 4, kHeldOut = 5 };

// `position` counts the images of all batches so far: what is drawn for an image depends neither on the
// others of its batch nor on the process that takes it.
constexpr uint64_t SeedOf(uint64_t seed, RandomStream stream, uint64_t position = 0) {
  return evaluation::Mix64(evaluation::Mix64(seed + static_cast<uint64_t>(stream)) + position);
}

}  // namespace loupe
