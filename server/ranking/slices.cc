#include "server/ranking/slices.h"

#include <algorithm>
#include <cmath>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "evaluation/seeded_random.h"

namespace loupe::ranking {
namespace {

bool IsShare(double share) { return share >= 0 && share <= 1; }  // false for NaN

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

size_t Quota(double share, size_t depth) {
  return static_cast<size_t>(std::llround(share * static_cast<double>(depth)));
}

size_t RandomCount(const RankingOptions& options, size_t candidate_count) {
  return Quota(options.shares.random, std::min(options.depth, candidate_count));
}

absl::Status CheckOptions(const RankingOptions& options) {
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

std::vector<bool> BlindPattern(size_t count, double share, uint64_t seed) {
  std::vector<bool> blind(count);
  if (share <= 0) return blind;
  constexpr double kBeyondAnyCount = 1e18;
  const auto start_of = [=](size_t run) {
    return static_cast<size_t>(std::min(std::ceil(static_cast<double>(run) / share), kBeyondAnyCount));
  };
  evaluation::SeededRandom random(seed);
  for (size_t run = 0; start_of(run) < count; ++run) {
    const size_t chosen = start_of(run) + random.Below(start_of(run + 1) - start_of(run));
    if (chosen < count) blind[chosen] = true;
  }
  return blind;
}

}  // namespace loupe::ranking
