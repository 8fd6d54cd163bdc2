#include "server/ranking/slices.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "server/ranking/class_turns.h"
#include "server/ranking/interleave.h"
#include "server/ranking/random_draw.h"

namespace loupe::ranking {
namespace {

using evaluation::Mix64;
using evaluation::SeededRandom;

// Streams of random numbers beside the draw of images.
constexpr uint64_t kRandomBlindStream = 1;
constexpr uint64_t kUncertainBlindStream = 2;

bool IsShare(double share) { return share >= 0 && share <= 1; }  // false for NaN

absl::Status CheckShares(const RankingOptions& options) {
  const SliceShares& shares = options.shares;
  const double sum = shares.uncertain + shares.rare + shares.random;
  constexpr double kRounding = 1e-9;
  if (!IsShare(shares.uncertain) || !IsShare(shares.rare) || !IsShare(shares.random) ||
      std::abs(sum - 1) > kRounding) {
    return absl::InvalidArgumentError(absl::StrCat("slice shares uncertain ", shares.uncertain, ", rare ",
                                                   shares.rare, ", random ", shares.random,
                                                   " must each be within 0 and 1 and add up to 1"));
  }
  if (!IsShare(options.random_blind_share) || !IsShare(options.uncertain_blind_share)) {
    return absl::InvalidArgumentError("blind shares must be within 0 and 1");
  }
  for (const double share : options.class_shares) {
    if (!(share > 0) || !std::isfinite(share)) {
      return absl::InvalidArgumentError(
          absl::StrCat("the share of a class is ", share, ", which is not above 0"));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckImages(std::span<const Candidate> candidates, std::span<const int64_t> holdout_queue,
                         size_t class_count) {
  absl::flat_hash_set<int64_t> seen;
  seen.reserve(candidates.size() + holdout_queue.size());
  for (const Candidate& candidate : candidates) {
    if (!seen.insert(candidate.image_id).second) {
      return absl::InvalidArgumentError(absl::StrCat("image ", candidate.image_id, " is to be ranked twice"));
    }
    if (!std::isfinite(candidate.score.value_or(0)) || !std::isfinite(candidate.rare_evidence)) {
      return absl::InvalidArgumentError(
          absl::StrCat("the score of image ", candidate.image_id, " is not finite; set it aside"));
    }
    if (class_count > 0 && candidate.main_class >= class_count) {
      return absl::InvalidArgumentError(absl::StrCat("image ", candidate.image_id, " is of class ",
                                                     candidate.main_class, " of ", class_count));
    }
  }
  for (const int64_t image_id : holdout_queue) {
    if (!seen.insert(image_id).second) {
      return absl::InvalidArgumentError(absl::StrCat("holdout image ", image_id, " is to be ranked twice"));
    }
  }
  return absl::OkStatus();
}

// [count] which of a slice's entries are blind: one at random in every run of 1 / share.
std::vector<bool> BlindPattern(size_t count, double share, uint64_t seed) {
  std::vector<bool> blind(count);
  if (share <= 0) return blind;
  constexpr double kBeyondAnyCount = 1e18;
  const auto start_of = [=](size_t run) {
    return static_cast<size_t>(std::min(std::ceil(static_cast<double>(run) / share), kBeyondAnyCount));
  };
  SeededRandom random(seed);
  for (size_t run = 0; start_of(run) < count; ++run) {
    const size_t chosen = start_of(run) + random.Below(start_of(run + 1) - start_of(run));
    if (chosen < count) blind[chosen] = true;
  }
  return blind;
}

// Sorts by a falling number, equal ones by id.
void SortFalling(std::vector<const Candidate*>& candidates, double (*number)(const Candidate&)) {
  std::sort(candidates.begin(), candidates.end(), [number](const Candidate* a, const Candidate* b) {
    const double of_a = number(*a);
    const double of_b = number(*b);
    return of_a != of_b ? of_a > of_b : a->image_id < b->image_id;
  });
}

double ByScore(const Candidate& candidate) { return *candidate.score; }
double ByEvidence(const Candidate& candidate) { return candidate.rare_evidence; }

RankingEntry Entry(const Candidate& candidate, Slice slice) {
  RankingEntry entry;
  entry.image_id = candidate.image_id;
  entry.slice = slice;
  entry.score = candidate.score;
  return entry;
}

// Splits off the first `count` of the random order of all candidates; returns the others.
std::vector<const Candidate*> Draw(std::span<const Candidate> candidates, size_t count,
                                   const RankingOptions& options, Entries& drawn) {
  std::vector<std::pair<uint64_t, const Candidate*>> order;
  order.reserve(candidates.size());
  for (const Candidate& candidate : candidates) {
    order.emplace_back(DrawKey(options.seed, candidate.image_id), &candidate);
  }
  std::sort(order.begin(), order.end());
  const std::vector<bool> blind =
      BlindPattern(count, options.random_blind_share, Mix64(options.seed) + kRandomBlindStream);
  for (size_t i = 0; i < count; ++i) {
    RankingEntry entry = Entry(*order[i].second, Slice::kRandom);
    entry.probability = static_cast<double>(count) / static_cast<double>(candidates.size());
    entry.draw = i;
    entry.blind = blind[i];
    drawn.push_back(entry);
  }
  std::vector<const Candidate*> rest;
  for (size_t i = count; i < order.size(); ++i) rest.push_back(order[i].second);
  return rest;
}

// Those that show a rare class, the surest first, in turn with images without boxes by falling score.
std::vector<const Candidate*> RareOrder(const std::vector<const Candidate*>& scored) {
  std::vector<const Candidate*> rare;
  std::vector<const Candidate*> empty;
  for (const Candidate* candidate : scored) {
    if (candidate->empty) {
      empty.push_back(candidate);
    } else if (candidate->rare_evidence > 0) {
      rare.push_back(candidate);
    }
  }
  SortFalling(rare, ByEvidence);
  SortFalling(empty, ByScore);
  std::vector<const Candidate*> order;
  for (size_t i = 0; i < std::max(rare.size(), empty.size()); ++i) {
    if (i < rare.size()) order.push_back(rare[i]);
    if (i < empty.size()) order.push_back(empty[i]);
  }
  return order;
}

size_t Quota(double share, size_t depth) {
  return static_cast<size_t>(std::llround(share * static_cast<double>(depth)));
}

struct PoolEntries {
  Entries random;
  Entries uncertain;
  Entries rare;
  Entries tail;                // images without boxes, when the pool holds nothing else
  std::vector<size_t> places;  // indices into {random, uncertain, rare}: in which order they are served
};

Entries InOrder(const PoolEntries& pool) {
  const std::array<const Entries*, 3> lists = {&pool.random, &pool.uncertain, &pool.rare};
  std::array<size_t, 3> placed = {};
  Entries entries;
  entries.reserve(pool.places.size() + pool.tail.size());
  for (const size_t list : pool.places) entries.push_back((*lists[list])[placed[list]++]);
  entries.insert(entries.end(), pool.tail.begin(), pool.tail.end());
  return entries;
}

std::vector<int64_t> FirstIds(const Entries& entries, size_t count) {
  std::vector<int64_t> ids;
  for (size_t i = 0; i < std::min(count, entries.size()); ++i) ids.push_back(entries[i].image_id);
  return ids;
}

// Reorders the queues, which are going to be served in these turns, by options.diversify.
absl::Status DiversifyBudget(const PoolEntries& pool, std::span<const size_t> turns,
                             const RankingOptions& options, std::vector<ClassQueue>& queues) {
  std::array<size_t, 3> in_budget = {};
  for (size_t i = 0; i < std::min(options.budget, pool.places.size()); ++i) ++in_budget[pool.places[i]];
  const auto [random, uncertain, rare] = in_budget;
  std::vector<int64_t> served = FirstIds(pool.random, random);
  const std::vector<int64_t> rare_ids = FirstIds(pool.rare, rare);
  served.insert(served.end(), rare_ids.begin(), rare_ids.end());
  return ReorderQueues(turns.first(uncertain), std::move(served), options.diversify, queues);
}

// The deterministic slices of what the random draw left.
absl::Status FillByScore(const std::vector<const Candidate*>& rest, size_t depth,
                         const RankingOptions& options, PoolEntries& pool) {
  const size_t room = depth - pool.random.size();
  const size_t rare_quota = std::min(Quota(options.shares.rare, depth), room);
  std::vector<const Candidate*> scored;
  std::copy_if(rest.begin(), rest.end(), std::back_inserter(scored),
               [](const Candidate* candidate) { return candidate->score.has_value(); });
  const std::vector<const Candidate*> rare_order = RareOrder(scored);
  absl::flat_hash_set<int64_t> taken;
  for (size_t i = 0; i < rare_order.size() && pool.rare.size() < rare_quota; ++i) {
    pool.rare.push_back(Entry(*rare_order[i], Slice::kRare));
    taken.insert(rare_order[i]->image_id);
  }

  std::vector<const Candidate*> with_boxes;
  for (const Candidate* candidate : scored) {
    if (!candidate->empty && !taken.contains(candidate->image_id)) with_boxes.push_back(candidate);
  }
  SortFalling(with_boxes, ByScore);
  const size_t count = std::min(room - pool.rare.size(), with_boxes.size());
  std::vector<ClassQueue> queues = QueuesOf(with_boxes, options.class_shares);
  const std::vector<size_t> turns = Turns(queues, count);
  pool.places = Interleaving({pool.random.size(), count, pool.rare.size()},
                             {pool.random.size(), room - rare_quota, rare_quota});
  if (options.diversify && !pool.places.empty()) {
    if (absl::Status status = DiversifyBudget(pool, turns, options, queues); !status.ok()) return status;
  }
  const std::vector<bool> blind =
      BlindPattern(count, options.uncertain_blind_share, Mix64(options.seed) + kUncertainBlindStream);
  std::vector<size_t> served(queues.size());
  for (const size_t q : turns) {
    pool.uncertain.push_back(Entry(*queues[q].images[served[q]++], Slice::kUncertain));
    pool.uncertain.back().blind = blind[pool.uncertain.size() - 1];
  }

  for (const Candidate* candidate : rare_order) {
    if (pool.rare.size() + count + pool.tail.size() == room) break;
    if (candidate->empty && !taken.contains(candidate->image_id)) {
      pool.tail.push_back(Entry(*candidate, Slice::kRare));
    }
  }
  return absl::OkStatus();
}

}  // namespace

std::string_view SliceName(Slice slice) {
  switch (slice) {
    case Slice::kUncertain:
      return "uncertain";
    case Slice::kRare:
      return "rare";
    case Slice::kRandom:
      return "random";
    case Slice::kHoldout:
      return "holdout";
  }
  return "";
}

SliceShares SharesFor(Strategy strategy) {
  if (strategy == Strategy::kRandom) return {.uncertain = 0, .rare = 0, .random = 1};
  return {};
}

RankingOptions FirstGenerationOptions(size_t depth, size_t holdout_missing, uint64_t seed) {
  RankingOptions options;
  options.shares = SharesFor(Strategy::kRandom);
  options.random_blind_share = 1;
  options.depth = depth;
  options.holdout_missing = holdout_missing;
  options.seed = seed;
  return options;
}

Candidate CandidateFrom(const ImageScore& score) {
  return {score.image_id, score.score, score.empty, score.rare_evidence, score.main_class};
}

size_t RandomCount(const RankingOptions& options, size_t candidate_count) {
  return Quota(options.shares.random, std::min(options.depth, candidate_count));
}

absl::StatusOr<RankingPlan> PlanRanking(std::span<const Candidate> candidates,
                                        std::span<const int64_t> holdout_queue,
                                        const RankingOptions& options) {
  if (absl::Status status = CheckShares(options); !status.ok()) return status;
  if (absl::Status status = CheckImages(candidates, holdout_queue, options.class_shares.size()); !status.ok())
    return status;

  const size_t depth = std::min(options.depth, candidates.size());
  RankingPlan plan;
  plan.eligible_count = candidates.size();
  plan.random_count = RandomCount(options, candidates.size());
  PoolEntries slices;
  const auto rest = Draw(candidates, plan.random_count, options, slices.random);
  if (absl::Status status = FillByScore(rest, depth, options, slices); !status.ok()) return status;

  const Entries pool = InOrder(slices);
  plan.entries = AddHoldout(pool, holdout_queue, options.holdout_missing, pool.size() == candidates.size());
  return plan;
}

}  // namespace loupe::ranking
