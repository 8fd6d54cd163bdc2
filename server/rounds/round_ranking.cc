#include "server/rounds/round_ranking.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <utility>

#include "evaluation/seeded_random.h"
#include "proto/class_index.h"
#include "server/rounds/round_calibration.h"

namespace loupe {
namespace {

ranking::SliceShares SharesOf(const v1::RankingRecipe& recipe, ranking::Strategy strategy) {
  if (strategy == ranking::Strategy::kRandom) return ranking::SharesFor(strategy);
  const double rest = 1 - recipe.random_share() - recipe.rare_share();
  return {.uncertain = std::max(rest, 0.0), .rare = recipe.rare_share(), .random = recipe.random_share()};
}

// What `of_used` says of the classes in use, for all classes. of_used: from their numbers of boxes, and how
// well the model learned them.
template <typename T, typename OfUsed>
std::vector<T> ForClasses(const RankingInput& input, T of_retired, OfUsed of_used) {
  std::vector<int64_t> boxes;
  std::vector<double> quality;
  const auto is_retired = [&](size_t c) { return c < input.retired.size() && input.retired[c]; };
  for (size_t c = 0; c < input.boxes_per_class.size(); ++c) {
    if (is_retired(c)) continue;
    boxes.push_back(input.boxes_per_class[c]);
    if (input.class_quality.empty()) continue;
    quality.push_back(c < input.class_quality.size() ? input.class_quality[c] : 0);
  }
  const std::vector<T> used = of_used(boxes, quality);
  std::vector<T> all(input.boxes_per_class.size(), of_retired);
  size_t next = 0;
  for (size_t c = 0; c < all.size(); ++c) {
    if (!is_retired(c)) all[c] = used[next++];
  }
  return all;
}

std::vector<double> ClassWeightsOf(const RankingInput& input) {
  return ForClasses<double>(
      input, 1, [](const auto& boxes, const auto& quality) { return ranking::ClassWeights(boxes, quality); });
}

ranking::RankingOptions OptionsOf(const RankingInput& input, ranking::Strategy strategy) {
  ranking::RankingOptions options;
  options.shares = SharesOf(input.recipe, strategy);
  options.random_blind_share = input.recipe.random_blind_share();
  options.uncertain_blind_share = input.recipe.uncertain_blind_share();
  options.depth = static_cast<size_t>(std::ceil(input.recipe.budget() * input.recipe.depth_factor()));
  options.budget = input.recipe.budget();
  if (input.recipe.class_weights()) options.class_shares = ClassWeightsOf(input);
  options.holdout_missing = input.holdout_missing;
  options.seed = input.seed;
  return options;
}

}  // namespace

ranking::PredictedImage ScoringView(const v1::ImagePrediction& prediction) {
  ranking::PredictedImage image;
  image.image_id = prediction.image_id();
  image.largest_foreground = prediction.max_foreground_score();
  image.boxes.reserve(static_cast<size_t>(prediction.scores_size()));
  for (int b = 0; b < prediction.scores_size(); ++b) {
    ranking::PredictedBox& box = image.boxes.emplace_back();
    box.class_index = ClassIndexOf(prediction.labels(b));
    box.score = prediction.scores(b);
    box.runner_up = prediction.runner_up_scores(b);
    box.background = prediction.background_scores(b);
    if (b < prediction.agreements_size()) box.agreement = prediction.agreements(b);
  }
  return image;
}

absl::StatusOr<ranking::ScoringOptions> ScoringOptionsOf(const RankingInput& input) {
  const absl::StatusOr<ranking::Strategy> strategy = ranking::ParseStrategy(input.recipe.strategy());
  if (!strategy.ok()) return strategy.status();
  const absl::StatusOr<ranking::BoxToImage> box_to_image =
      ranking::ParseBoxToImage(input.recipe.box_to_image());
  if (!box_to_image.ok()) return box_to_image.status();
  ranking::ScoringOptions options;
  options.strategy = *strategy;
  options.box_to_image = *box_to_image;
  options.cost_exponent = input.recipe.cost_exponent();
  if (input.recipe.class_weights()) options.class_weights = ClassWeightsOf(input);
  options.rare_classes = ForClasses<bool>(
      input, false, [](const auto& boxes, const auto& /*quality*/) { return ranking::RareClasses(boxes); });
  options.calibrations = CalibrationMapsOf(input.calibration);
  options.task_times = input.task_times;
  options.seed = input.seed;
  return options;
}

absl::StatusOr<ranking::RankingDraft> DraftRanking(const ranking::ScoredPool& pool,
                                                   const RankingInput& input) {
  const absl::StatusOr<ranking::Strategy> strategy = ranking::ParseStrategy(input.recipe.strategy());
  if (!strategy.ok()) return strategy.status();
  std::unordered_map<int64_t, const ranking::Candidate*> scored;
  for (const ranking::Candidate& candidate : pool.scored) scored.emplace(candidate.image_id, &candidate);

  std::vector<ranking::Candidate> candidates;
  candidates.reserve(input.eligible.size());
  for (const int64_t image_id : input.eligible) {
    const auto found = scored.find(image_id);
    if (found != scored.end()) {
      candidates.push_back(*found->second);
    } else {
      candidates.emplace_back().image_id = image_id;
    }
  }
  return ranking::RankingDraft::Make(std::move(candidates), input.holdout, OptionsOf(input, *strategy));
}

uint64_t RankingSeed(uint64_t recipe_seed, uint32_t round_number) {
  return evaluation::Mix64(evaluation::Mix64(recipe_seed) + round_number);
}

}  // namespace loupe
