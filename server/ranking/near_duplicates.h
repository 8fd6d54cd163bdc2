// Pairs of nearly equal pictures, one from each of two sets of images, a and b.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"

namespace loupe::ranking {

struct NearDuplicateOptions {
  int max_bits = 6;         // 0 to HammingIndex::kMostBits
  size_t max_pairs = 1000;  // at most this many are returned
  int threads = 0;          // 0: one per processor; results don't depend on it
};

struct HashPair {
  size_t a = 0;  // index into hashes_a
  size_t b = 0;  // index into hashes_b
  int bits = 0;  // number of bits that differ
};

struct NearDuplicates {
  // One for each of the first `max_pairs` images of a that are in a pair, in order of a: with the nearest
  // image of b, of equally near ones the first.
  std::vector<HashPair> pairs;
  uint64_t pair_count = 0;  // of all pairs, returned or not
  size_t a_count = 0;       // images of a that are in at least one pair
};

// Finds the pairs of an image of a and one of b whose perceptual hashes (worker/prediction/perceptual_hash.h)
// differ in at most `max_bits` bits.
// False alarms: if hashes were uniform, 150,000 images and 850,000 others would by chance have 3 pairs within
// 6 bits, and 5,000 within 10.
// Time for these numbers: 3 s and 17 s of one core. It grows with the number of pairs of different hashes
// that agree, up to a bit or two, in one of four bands of 16 bits. Each different hash is searched for once,
// so thousands of black pictures cost as much as one. (Every picture of a single colour has the hash 0.)
// Errors: INVALID_ARGUMENT for max_bits out of range.
absl::StatusOr<NearDuplicates> NearDuplicatePairs(std::span<const uint64_t> hashes_a,
                                                  std::span<const uint64_t> hashes_b,
                                                  const NearDuplicateOptions& options = {});

}  // namespace loupe::ranking
