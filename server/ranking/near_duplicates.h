// Pairs of images that are nearly the same picture.
//
// Legend: A, B: images of the two sides.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"

namespace loupe::ranking {

struct NearDuplicateOptions {
  int max_bits = 6;         // 0 to 11
  size_t max_pairs = 1000;  // most pairs to return
  int threads = 0;          // 0: one for each processor; the numbers don't depend on it
};

struct HashPair {
  size_t a = 0;  // index into hashes_a
  size_t b = 0;  // index into hashes_b
  int bits = 0;  // that differ
};

struct NearDuplicates {
  std::vector<HashPair> pairs;  // the first `max_pairs` by a, then b
  uint64_t pair_count = 0;      // all pairs, returned or not
  size_t a_count = 0;           // images of a in some pair
};

// Pairs of an image of a and one of b whose perceptual hashes (worker/prediction/perceptual_hash.h) differ in
// at most `max_bits` bits. By chance alone, were hashes even, 3 pairs of 150,000 images and 850,000 would be
// 6 bits or less apart, and 5,000 pairs 10 or less; to find them takes 3 s of one core, and 17 s. Equal
// hashes are searched for once, so that thousands of black pictures cost no more than one. (Pictures of one
// colour all have hash 0, whichever the colour.) Time grows with the pairs of different hashes that agree,
// but for a bit or two, in one of four bands of 16 bits. Errors: INVALID_ARGUMENT for max_bits out of range.
// Source: Norouzi, Punjani and Fleet 2012, "Fast Search in Hamming Space with Multi-Index Hashing".
absl::StatusOr<NearDuplicates> NearDuplicatePairs(std::span<const uint64_t> hashes_a,
                                                  std::span<const uint64_t> hashes_b,
                                                  const NearDuplicateOptions& options = {});

}  // namespace loupe::ranking
