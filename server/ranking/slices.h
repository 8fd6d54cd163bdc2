// The order in which images are to be served: slices of a budget, interleaved by position.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/ranking/uncertainty.h"

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

// What a strategy asks for: kRandom serves everything in random order, the others DESIGN's 70 / 10 / 20.
SliceShares SharesFor(Strategy strategy);

// The images from which the uncertain slice of one budget is to be chosen.
struct DiversityRequest {
  // Images that compete for the same places: those of one main class, or all.
  struct Group {
    std::vector<int64_t> best;   // image ids by falling score
    std::vector<double> scores;  // of `best`
    size_t count = 0;            // how many of `best` the budget has room for, at most their number
  };
  std::vector<Group> groups;
  std::vector<int64_t> served;  // images that the other slices of this budget hold
};

// What to do with a group's images; indices into its `best`, each at most once in both lists together.
struct DiverseOrder {
  std::vector<size_t> first;  // served before all others of the group, in this order
  std::vector<size_t> last;   // after all others that compete with them, in `best` or not
};

// Chooses images that differ from each other: an order for each group. What is in neither of its lists, or
// all where there is no order for a group, follows by score.
using Diversify = std::function<absl::StatusOr<std::vector<DiverseOrder>>(const DiversityRequest&)>;

struct RankingOptions {
  SliceShares shares;
  double random_blind_share = 0.5;     // of the random slice
  double uncertain_blind_share = 0.1;  // of the uncertain slice
  size_t depth = 0;                    // entries from the pool to make
  size_t budget = 0;                   // images the next round can use: what `diversify` chooses for
  // [classes] > 0, parts of the uncertain slice for images of each main class; empty: scores alone decide.
  std::vector<double> class_shares;
  Diversify diversify;         // none: queues are in the order of scores
  size_t holdout_missing = 0;  // labels that the holdout lacks for its target
  uint64_t seed = 0;
};

// Most uncertain images that `diversify` chooses from, as a multiple of the places there are for them.
constexpr size_t kCandidatesPerPlace = 4;
constexpr size_t kHoldoutEvery = 5;  // one task in five, on top of the budget

// Options of generation 0, before any model: a uniform random order, all blind as there is nothing to show.
RankingOptions FirstGenerationOptions(size_t depth, size_t holdout_missing, uint64_t seed);

// An unlabelled image of the pool that may be served.
struct Candidate {
  int64_t image_id = 0;
  std::optional<double> score;  // none: only the random slice may hold it
  bool empty = false;
  double rare_evidence = 0;
  size_t main_class = 0;  // of those that class_shares has
};

Candidate CandidateFrom(const ImageScore& score);

struct RankingEntry {
  int64_t image_id = 0;
  Slice slice = Slice::kUncertain;
  std::optional<double> score;        // absent for the holdout and where no model scored
  std::optional<double> probability;  // with which the random slice drew it; absent where nothing was drawn
  std::optional<size_t> draw;         // 0-based place in the random draw
  bool blind = false;
};

struct RankingPlan {
  std::vector<RankingEntry> entries;  // in serving order: an entry's position is its index
  size_t eligible_count = 0;          // |U|: images that the random slice was drawn from
  size_t random_count = 0;            // how many it drew
};

// Images that PlanRanking draws at random from so many candidates. Requires: shares that it takes.
size_t RandomCount(const RankingOptions& options, size_t candidate_count);

// Makes a ranking. The random slice is drawn first, uniformly and without replacement from all candidates U;
// an entry's probability is random_count / |U|. Draws are served in their order, so when the first k are
// answered, each had probability k / |U| of being among them: that is the one for estimates. What is then
// left fills the other slices by falling score. In the uncertain slice classes take turns: each place is of
// the class that is furthest behind its share, among those that have images left, so that no class crowds out
// the others however its scores compare with theirs. The first budget's uncertain slice is chosen by
// `diversify`, of each class from the best kCandidatesPerPlace times its places. Images without boxes come
// only through the rare slice (in turn with those that show a rare class) until nothing else is left. Shares
// hold at every prefix while a slice has images; few rare ones are served first, and then the uncertain
// slice, or what else is left, has their places. The holdout is blind, in the order given (by sampling key),
// every fifth entry until `holdout_missing`; what it still lacks follows when the pool has run out. The plan
// depends on ids, scores and seed alone, not on the order of `candidates`. Equal scores go by id. Errors:
// INVALID_ARGUMENT when shares are outside [0, 1] or don't add up to 1, when a score is not finite, when an
// image is there twice, or has a main class without a share; what `diversify` returns.
absl::StatusOr<RankingPlan> PlanRanking(std::span<const Candidate> candidates,
                                        std::span<const int64_t> holdout_queue,
                                        const RankingOptions& options);

}  // namespace loupe::ranking
