// The slices of a ranking: why an image is served, and which share of the entries each slice has.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "server/ranking/pool_scorer.h"

namespace loupe::ranking {

// Why an image is in the ranking.
enum class Slice { kUncertain, kRare, kRandom, kHoldout };

// "uncertain", "rare" (rare classes and images without boxes), "random", "holdout".
std::string_view SliceName(Slice slice);

// Shares of the entries from the pool. They must add up to 1.
struct SliceShares {
  double uncertain = 0.7;
  double rare = 0.1;
  double random = 0.2;
};

// kRandom serves everything in random order; the other strategies have the shares 70 / 10 / 20.
SliceShares SharesFor(Strategy strategy);

struct RankingOptions {
  SliceShares shares;
  double random_blind_share = 0.5;     // of the random slice
  double uncertain_blind_share = 0.1;  // of the uncertain slice
  size_t depth = 0;                    // entries from the pool to make
  size_t budget = 0;                   // images that the next round can use: diversity orders these entries
  // [classes] > 0, parts of the uncertain slice for images of each main class; empty: scores alone decide.
  std::vector<double> class_shares;
  size_t holdout_missing = 0;  // labels that the holdout lacks for its target
  uint64_t seed = 0;
};

// Options of generation 0, before any model: a uniform random order. All are blind: there is nothing to show.
RankingOptions FirstGenerationOptions(size_t depth, size_t holdout_missing, uint64_t seed);

// How many of `candidate_count` images the random slice holds. Requires: valid shares (CheckOptions).
size_t RandomCount(const RankingOptions& options, size_t candidate_count);

// How many of `depth` entries from the pool belong to a slice with this share.
size_t Quota(double share, size_t depth);

// Errors: INVALID_ARGUMENT: a share is outside [0, 1] or the slices' shares don't add up to 1.
absl::Status CheckOptions(const RankingOptions& options);

// Errors: INVALID_ARGUMENT: a score is not finite, an image is there twice, or a main class is not below
// class_count (0: any class is allowed).
absl::Status CheckImages(std::span<const Candidate> candidates, std::span<const int64_t> holdout_queue,
                         size_t class_count);

struct RankingEntry {
  int64_t image_id = 0;
  Slice slice = Slice::kUncertain;
  std::optional<double> score;        // absent for the holdout and where no model scored
  std::optional<double> probability;  // with which the random slice drew it; absent in the other slices
  std::optional<size_t> draw;         // 0-based place in the random draw
  bool blind = false;
};

using Entries = std::vector<RankingEntry>;

// [count] true for the entries of a slice that are blind: in every run of 1 / share entries, one at random.
std::vector<bool> BlindPattern(size_t count, double share, uint64_t seed);

}  // namespace loupe::ranking
