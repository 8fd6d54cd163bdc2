#include "server/ranking/slices.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
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
  return absl::OkStatus();
}

absl::Status CheckImages(std::span<const Candidate> candidates, std::span<const int64_t> holdout_queue) {
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
  }
  for (const int64_t image_id : holdout_queue) {
    if (!seen.insert(image_id).second) {
      return absl::InvalidArgumentError(absl::StrCat("holdout image ", image_id, " is to be ranked twice"));
    }
  }
  return absl::OkStatus();
}

using Entries = std::vector<RankingEntry>;

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

// Spreads the lists evenly over the positions: each next entry comes from the list that is furthest behind.
Entries Interleave(const std::array<Entries, 3>& lists) {
  size_t total = 0;
  for (const Entries& list : lists) total += list.size();
  std::array<size_t, 3> placed = {};
  Entries entries;
  entries.reserve(total);
  for (size_t position = 1; position <= total; ++position) {
    size_t next = 0;
    int64_t most_behind = INT64_MIN;
    for (size_t l = 0; l < lists.size(); ++l) {
      const auto behind =
          static_cast<int64_t>(lists[l].size() * position) - static_cast<int64_t>(placed[l] * total);
      if (placed[l] < lists[l].size() && behind > most_behind) {
        most_behind = behind;
        next = l;
      }
    }
    entries.push_back(lists[next][placed[next]++]);
  }
  return entries;
}

// Puts the holdout in as every kHoldoutEvery-th entry, and what it still lacks at the end of a pool that ran
// out.
Entries AddHoldout(const Entries& pool, std::span<const int64_t> queue, size_t missing, bool pool_ran_out) {
  const size_t wanted = std::min(missing, queue.size());
  size_t added = 0;
  Entries entries;
  const auto add = [&] {
    RankingEntry entry;
    entry.image_id = queue[added++];
    entry.slice = Slice::kHoldout;
    entry.blind = true;
    entries.push_back(entry);
  };
  for (size_t i = 0; i < pool.size(); ++i) {
    entries.push_back(pool[i]);
    if ((i + 1) % (kHoldoutEvery - 1) == 0 && added < wanted) add();
  }
  while (pool_ran_out && added < wanted) add();
  return entries;
}

size_t Quota(double share, size_t depth) {
  return static_cast<size_t>(std::llround(share * static_cast<double>(depth)));
}

// The deterministic slices of what the random draw left, and a tail when the pool holds nothing else.
void FillByScore(const std::vector<const Candidate*>& rest, size_t room, size_t rare_quota,
                 const RankingOptions& options, Entries& uncertain, Entries& rare, Entries& tail) {
  std::vector<const Candidate*> scored;
  std::copy_if(rest.begin(), rest.end(), std::back_inserter(scored),
               [](const Candidate* candidate) { return candidate->score.has_value(); });
  const std::vector<const Candidate*> rare_order = RareOrder(scored);
  absl::flat_hash_set<int64_t> taken;
  for (size_t i = 0; i < rare_order.size() && rare.size() < std::min(rare_quota, room); ++i) {
    rare.push_back(Entry(*rare_order[i], Slice::kRare));
    taken.insert(rare_order[i]->image_id);
  }

  std::vector<const Candidate*> with_boxes;
  for (const Candidate* candidate : scored) {
    if (!candidate->empty && !taken.contains(candidate->image_id)) with_boxes.push_back(candidate);
  }
  SortFalling(with_boxes, ByScore);
  const size_t count = std::min(room - rare.size(), with_boxes.size());
  const std::vector<bool> blind =
      BlindPattern(count, options.uncertain_blind_share, Mix64(options.seed) + kUncertainBlindStream);
  for (size_t i = 0; i < count; ++i) {
    uncertain.push_back(Entry(*with_boxes[i], Slice::kUncertain));
    uncertain.back().blind = blind[i];
  }

  for (const Candidate* candidate : rare_order) {
    if (rare.size() + uncertain.size() + tail.size() == room) break;
    if (candidate->empty && !taken.contains(candidate->image_id))
      tail.push_back(Entry(*candidate, Slice::kRare));
  }
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
  return {score.image_id, score.score, score.empty, score.rare_evidence};
}

absl::StatusOr<RankingPlan> PlanRanking(std::span<const Candidate> candidates,
                                        std::span<const int64_t> holdout_queue,
                                        const RankingOptions& options) {
  if (absl::Status status = CheckShares(options); !status.ok()) return status;
  if (absl::Status status = CheckImages(candidates, holdout_queue); !status.ok()) return status;

  const size_t depth = std::min(options.depth, candidates.size());
  RankingPlan plan;
  plan.eligible_count = candidates.size();
  plan.random_count = Quota(options.shares.random, depth);
  Entries random;
  Entries uncertain;
  Entries rare;
  Entries tail;
  const auto rest = Draw(candidates, plan.random_count, options, random);
  FillByScore(rest, depth - random.size(), Quota(options.shares.rare, depth), options, uncertain, rare, tail);

  Entries pool = Interleave({std::move(random), std::move(uncertain), std::move(rare)});
  pool.insert(pool.end(), tail.begin(), tail.end());
  plan.entries = AddHoldout(pool, holdout_queue, options.holdout_missing, pool.size() == candidates.size());
  return plan;
}

}  // namespace loupe::ranking
