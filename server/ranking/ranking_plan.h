// The order in which images are to be served: slices of a budget, interleaved by position.
//
// Legend: U: the candidates, unlabelled images of the pool that may be served.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "server/ranking/class_turns.h"
#include "server/ranking/diversity.h"
#include "server/ranking/slices.h"

namespace loupe::ranking {

struct RankingPlan {
  Entries entries;            // in serving order: an entry's position is its index
  size_t eligible_count = 0;  // |U|: images that the random slice was drawn from
  size_t random_count = 0;    // how many it drew
};

// A ranking that is complete but for the choice of different images. So the caller can read embeddings of the
// images that ForDiversity names, before it finishes the plan. Without diversity, call PlanRanking instead.
//
// The random slice is drawn first, uniformly and without replacement from all of U; an entry's probability is
// random_count / |U|. Draws are served in their order: when the first k are answered, each image had
// probability k / |U| of being among them, and estimates use k / |U|. The images that were not drawn fill the
// other slices by falling score. In the uncertain slice classes take turns: each place goes to the class that
// is furthest behind its share and has images left, so that no class crowds out the others, however their
// scores compare. Images without boxes come only through the rare slice, in turn with images that show a rare
// class, until nothing else is left. Shares hold at every prefix while a slice has images. If there are few
// rare images, they are served first. After them their places go to the uncertain slice, or to other images
// that are left. Images of the holdout are blind and keep the order given (by sampling key). Every fifth
// entry is one of them, until there are `holdout_missing`. When the pool has run out, the rest of them
// follows. An entry without a score is blind: there is nothing to show. The plan depends on ids, scores and
// seed alone, not on the order of the candidates. Equal scores go by id.
class RankingDraft {
 public:
  // Errors: INVALID_ARGUMENT: those of CheckOptions and CheckImages.
  static absl::StatusOr<RankingDraft> Make(std::vector<Candidate> candidates,
                                           std::vector<int64_t> holdout_queue, RankingOptions options);

  // Moved only: entries point into the candidates.
  RankingDraft(RankingDraft&&) = default;
  RankingDraft& operator=(RankingDraft&&) = default;

  // The images from which the first budget's uncertain slice is to be chosen: per class the best
  // kCandidatesPerPlace times its places. No groups: the ranking holds no image of the pool.
  DiversityRequest ForDiversity() const;

  // orders: one per group of ForDiversity; none: scores alone decide.
  RankingPlan Finish(std::span<const DiverseOrder> orders) &&;

 private:
  RankingDraft() = default;
  // Returns the candidates that were not drawn, in random order.
  std::vector<const Candidate*> DrawRandom(size_t count);
  // Chooses the entries of the other slices from these.
  void FillByScore(const std::vector<const Candidate*>& left, size_t depth);

  RankingOptions options_;
  std::vector<Candidate> candidates_;
  std::vector<int64_t> holdout_queue_;
  Entries random_;
  Entries rare_;
  Entries tail_;                    // images without boxes, when the pool holds nothing else
  std::vector<ClassQueue> queues_;  // of the uncertain slice
  std::vector<size_t> turns_;       // for each place of the uncertain slice: an index into queues_
  std::vector<size_t> places_;      // in serving order: indices into {random, uncertain, rare}
};

// RankingDraft without diversity. Errors: as RankingDraft::Make.
absl::StatusOr<RankingPlan> PlanRanking(std::vector<Candidate> candidates, std::vector<int64_t> holdout_queue,
                                        RankingOptions options);

}  // namespace loupe::ranking
