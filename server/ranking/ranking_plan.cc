#include "server/ranking/ranking_plan.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "evaluation/seeded_random.h"
#include "server/ranking/interleave.h"
#include "server/ranking/random_draw.h"

namespace loupe::ranking {
namespace {

using evaluation::Mix64;

// Streams of random numbers, other than the one that draws images.
constexpr uint64_t kRandomBlindStream = 1;
constexpr uint64_t kUncertainBlindStream = 2;

// Sorts by falling number; equal ones by id.
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

// Images that show a rare class, the surest first, in turn with images without boxes by falling score.
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

std::vector<int64_t> FirstIds(const Entries& entries, size_t count) {
  std::vector<int64_t> ids;
  for (size_t i = 0; i < std::min(count, entries.size()); ++i) ids.push_back(entries[i].image_id);
  return ids;
}

}  // namespace

absl::StatusOr<RankingDraft> RankingDraft::Make(std::vector<Candidate> candidates,
                                                std::vector<int64_t> holdout_queue, RankingOptions options) {
  if (absl::Status status = CheckOptions(options); !status.ok()) return status;
  if (absl::Status status = CheckImages(candidates, holdout_queue, options.class_shares.size()); !status.ok())
    return status;
  RankingDraft draft;
  draft.options_ = std::move(options);
  draft.candidates_ = std::move(candidates);
  draft.holdout_queue_ = std::move(holdout_queue);
  const auto left = draft.DrawRandom(RandomCount(draft.options_, draft.candidates_.size()));
  draft.FillByScore(left, std::min(draft.options_.depth, draft.candidates_.size()));
  return draft;
}

std::vector<const Candidate*> RankingDraft::DrawRandom(size_t count) {
  std::vector<std::pair<uint64_t, const Candidate*>> order;
  order.reserve(candidates_.size());
  for (const Candidate& candidate : candidates_) {
    order.emplace_back(DrawKey(options_.seed, candidate.image_id), &candidate);
  }
  std::sort(order.begin(), order.end());
  const std::vector<bool> blind =
      BlindPattern(count, options_.random_blind_share, Mix64(options_.seed) + kRandomBlindStream);
  for (size_t i = 0; i < count; ++i) {
    RankingEntry entry = Entry(*order[i].second, Slice::kRandom);
    entry.probability = static_cast<double>(count) / static_cast<double>(candidates_.size());
    entry.draw = i;
    entry.blind = blind[i] || !entry.score.has_value();
    random_.push_back(entry);
  }
  std::vector<const Candidate*> left;
  for (size_t i = count; i < order.size(); ++i) left.push_back(order[i].second);
  return left;
}

void RankingDraft::FillByScore(const std::vector<const Candidate*>& left, size_t depth) {
  const size_t room = depth - random_.size();
  const size_t rare_quota = std::min(Quota(options_.shares.rare, depth), room);
  std::vector<const Candidate*> scored;
  std::copy_if(left.begin(), left.end(), std::back_inserter(scored),
               [](const Candidate* candidate) { return candidate->score.has_value(); });
  const std::vector<const Candidate*> rare_order = RareOrder(scored);
  absl::flat_hash_set<int64_t> taken;
  for (size_t i = 0; i < rare_order.size() && rare_.size() < rare_quota; ++i) {
    rare_.push_back(Entry(*rare_order[i], Slice::kRare));
    taken.insert(rare_order[i]->image_id);
  }

  std::vector<const Candidate*> with_boxes;
  for (const Candidate* candidate : scored) {
    if (!candidate->empty && !taken.contains(candidate->image_id)) with_boxes.push_back(candidate);
  }
  SortFalling(with_boxes, ByScore);
  const size_t count = std::min(room - rare_.size(), with_boxes.size());
  queues_ = QueuesOf(with_boxes, options_.class_shares);
  turns_ = Turns(queues_, count);
  places_ =
      Interleaving({random_.size(), count, rare_.size()}, {random_.size(), room - rare_quota, rare_quota});

  for (const Candidate* candidate : rare_order) {
    if (rare_.size() + count + tail_.size() == room) break;
    if (candidate->empty && !taken.contains(candidate->image_id)) {
      tail_.push_back(Entry(*candidate, Slice::kRare));
    }
  }
}

DiversityRequest RankingDraft::ForDiversity() const {
  DiversityRequest request;
  if (places_.empty()) return request;
  std::array<size_t, 3> in_budget = {};
  for (size_t i = 0; i < std::min(options_.budget, places_.size()); ++i) ++in_budget[places_[i]];
  const auto [random, uncertain, rare] = in_budget;
  request.groups = GroupsOf(queues_, std::span(turns_).first(uncertain));
  request.served = FirstIds(random_, random);
  const std::vector<int64_t> rare_ids = FirstIds(rare_, rare);
  request.served.insert(request.served.end(), rare_ids.begin(), rare_ids.end());
  return request;
}

RankingPlan RankingDraft::Finish(std::span<const DiverseOrder> orders) && {
  ReorderQueues(orders, queues_);
  const std::vector<bool> blind = BlindPattern(turns_.size(), options_.uncertain_blind_share,
                                               Mix64(options_.seed) + kUncertainBlindStream);
  Entries uncertain;
  std::vector<size_t> served(queues_.size());
  for (const size_t q : turns_) {
    uncertain.push_back(Entry(*queues_[q].images[served[q]++], Slice::kUncertain));
    uncertain.back().blind = blind[uncertain.size() - 1];
  }

  const std::array<const Entries*, 3> slices = {&random_, &uncertain, &rare_};
  std::array<size_t, 3> placed = {};
  Entries pool;
  pool.reserve(places_.size() + tail_.size());
  for (const size_t slice : places_) pool.push_back((*slices[slice])[placed[slice]++]);
  pool.insert(pool.end(), tail_.begin(), tail_.end());

  RankingPlan plan;
  plan.eligible_count = candidates_.size();
  plan.random_count = random_.size();
  plan.entries =
      AddHoldout(pool, holdout_queue_, options_.holdout_missing, pool.size() == candidates_.size());
  return plan;
}

absl::StatusOr<RankingPlan> PlanRanking(std::vector<Candidate> candidates, std::vector<int64_t> holdout_queue,
                                        RankingOptions options) {
  absl::StatusOr<RankingDraft> draft =
      RankingDraft::Make(std::move(candidates), std::move(holdout_queue), std::move(options));
  if (!draft.ok()) return draft.status();
  return (*std::move(draft)).Finish({});
}

}  // namespace loupe::ranking
