#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "db/search/image_counts.h"
#include "db/stores/job_store.h"
#include "db/stores/model_store.h"
#include "db/stores/prediction_store.h"
#include "db/stores/project_store.h"
#include "db/stores/ranking_store.h"
#include "recipe/recipe.h"
#include "server/rounds/image_pages.h"
#include "server/rounds/ranking_diversity.h"
#include "server/rounds/ranking_entries.h"
#include "server/rounds/round_evaluation.h"
#include "server/rounds/round_ranking.h"
#include "server/rounds/round_steps.h"
#include "spdlog/spdlog.h"

namespace loupe {
namespace {

// How many of the latest answered tasks people's times are fitted to: enough for a good median, and recent.
constexpr int kTimedTasks = 1000;

struct RankedRound {
  RoundRow round;
  RankingInput input;
};

// nullopt: the ranking exists already, or the round has left the state.
absl::StatusOr<std::optional<RankedRound>> ReadRankedRound(Transaction& transaction, const OpenRound& open) {
  if (FindRankingOfRound(transaction, open.id)) return std::nullopt;
  std::optional<RoundRow> round = FindRound(transaction, open.project, open.number);
  if (!round.has_value() || round->state != RoundState::kRanking) return std::nullopt;
  const absl::StatusOr<v1::Recipe> recipe = ParseStoredRecipe(round->recipe);
  if (!recipe.ok()) return recipe.status();
  RankedRound ranked;
  ranked.input.recipe = recipe->ranking();
  ranked.input.seed = RankingSeed(recipe->seed(), open.number);
  const uint64_t target = ReadProject(transaction, open.project).holdout_target();
  const ImageCounts counts(transaction, open.project);
  const uint64_t labelled = counts.BlindOf(v1::HOLDOUT);
  ranked.input.holdout_missing = target - std::min(labelled, target);
  for (const ImageId image : ReadHoldoutQueue(transaction, open.project, ranked.input.holdout_missing)) {
    ranked.input.holdout.push_back(image.value());
  }
  const ModelRow model = ReadModel(transaction, round->model);
  ranked.input.class_quality = {model.message.class_quality().begin(), model.message.class_quality().end()};
  ranked.input.calibration = round->message.evaluation().calibration();
  const std::vector<v1::Class> classes = ReadClasses(transaction, open.project);
  ranked.input.boxes_per_class = counts.PoolBoxes(classes.size());
  for (const v1::Class& known : classes) {
    ranked.input.retired.push_back(known.retired());
  }
  std::vector<ranking::AnsweredTask> answered;
  for (const TimedTask& task : ReadTimedTasks(transaction, open.project, kTimedTasks)) {
    answered.push_back({task.seconds, task.boxes});
  }
  ranked.input.task_times = ranking::FitTaskTimes(answered);
  ranked.round = *std::move(round);
  return ranked;
}

absl::StatusOr<std::vector<int64_t>> ReadEligible(Database& database, ProjectId project) {
  std::vector<int64_t> eligible;
  const absl::Status read = ForEachImage(
      database, "ReadEligibleImages",
      [&](Transaction& transaction, ImageId after, int limit) {
        return ReadEligibleImages(transaction, project, after, limit);
      },
      [](ImageId image) { return image; }, [&](ImageId image) { eligible.push_back(image.value()); });
  if (!read.ok()) return read;
  return eligible;
}

absl::StatusOr<ranking::ScoredPool> ScorePool(Database& database, ProjectId project, ModelId model,
                                              const ranking::ScoringOptions& options) {
  ranking::PoolScorer scorer(options);
  const absl::Status read = ForEachImage(
      database, "ReadPoolScores",
      [&](Transaction& transaction, ImageId after, int limit) {
        return ReadPoolScores(transaction, project, model, after, limit);
      },
      [](const v1::ImagePrediction& prediction) { return ImageId(prediction.image_id()); },
      [&](const v1::ImagePrediction& prediction) { scorer.Add(ScoringView(prediction)); });
  if (!read.ok()) return read;
  return std::move(scorer).Finish();
}

absl::Status KeepRanking(Transaction& transaction, const RankedRound& ranked,
                         const ranking::RankingPlan& plan) {
  const RoundRow& round = ranked.round;
  LockProject(transaction, round.project);
  if (LockRound(transaction, round.id) != RoundState::kRanking) return absl::OkStatus();
  if (FindRankingOfRound(transaction, round.id)) return absl::OkStatus();
  InsertRanking(transaction,
                {.project = round.project,
                 .model = round.model,
                 .round = round.id,
                 .strategy = ranked.input.recipe.strategy(),
                 .seed = ranked.input.seed,
                 .eligible = plan.eligible_count,
                 .random_entries = plan.random_count},
                StoredEntries(plan));
  TouchRound(transaction, round.id);
  return absl::OkStatus();
}

// Makes the round's model serve and its ranking active, unless the model is held.
absl::Status Switch(Transaction& transaction, const OpenRound& round, ModelId model_id, uint32_t folds) {
  LockProject(transaction, round.project);
  if (LockRound(transaction, round.id) != RoundState::kRanking) return absl::OkStatus();
  const ModelRow model = ReadModel(transaction, model_id);
  const bool first_time = model.message.state() == "candidate" && MayServe(model.message.gate());
  // A person may have promoted the model while its round went on.
  const bool promoted = model.message.state() == "serving";
  if (first_time) ServeModel(transaction, round.project, model_id, Replaced::kRemember, PrincipalId());
  if (first_time || promoted) {
    SwitchRanking(transaction, round.project, FindRankingOfRound(transaction, round.id));
  }
  InsertLabelErrorJobs(transaction, round.id, folds);
  SetRoundState(transaction, round.id, folds > 0 ? RoundState::kChecking : RoundState::kDone);
  return absl::OkStatus();
}

}  // namespace

absl::Status BuildRanking(Database& database, const OpenRound& open) {
  absl::StatusOr<std::optional<RankedRound>> ranked =
      database.Transact({"ReadRankedRound", Database::kLongest},
                        [&](Transaction& transaction) { return ReadRankedRound(transaction, open); });
  if (!ranked.ok()) return ranked.status();
  if (!ranked->has_value()) return absl::OkStatus();
  RankingInput& input = (*ranked)->input;
  absl::StatusOr<std::vector<int64_t>> eligible = ReadEligible(database, open.project);
  if (!eligible.ok()) return eligible.status();
  input.eligible = *std::move(eligible);
  const absl::StatusOr<ranking::ScoringOptions> options = ScoringOptionsOf(input);
  if (!options.ok()) return options.status();
  const ModelId model = (*ranked)->round.model;
  const absl::StatusOr<ranking::ScoredPool> scored = ScorePool(database, open.project, model, *options);
  if (!scored.ok()) return scored.status();
  for (const ranking::SetAsideImage& image : scored->set_aside) {
    spdlog::warn("round {}: image {} is not ranked: {}", open.number, image.image_id, image.reason);
  }
  absl::StatusOr<ranking::RankingDraft> draft = DraftRanking(*scored, input);
  if (!draft.ok()) return draft.status();
  std::vector<ranking::DiverseOrder> orders;
  if (input.recipe.diversity()) {
    auto different = ChooseDifferent(database, open.project, model, draft->ForDiversity());
    if (!different.ok()) return different.status();
    orders = *std::move(different);
  }
  const ranking::RankingPlan plan = (*std::move(draft)).Finish(orders);
  return database.Transact({"KeepRanking", Database::kLongest}, [&](Transaction& transaction) {
    return KeepRanking(transaction, **ranked, plan);
  });
}

absl::Status FinishRanking(Database& database, const BlobStore& blobs, const OpenRound& open) {
  struct Ranked {
    ModelRow model;
    uint32_t folds = 0;
  };
  const auto ranked =
      database.Transact({"ReadRankedModel", Database::kLongest},
                        [&](Transaction& transaction) -> absl::StatusOr<std::optional<Ranked>> {
                          if (!FindRankingOfRound(transaction, open.id)) return std::nullopt;
                          const absl::StatusOr<RoundRow> round = ReadRound(transaction, open);
                          if (!round.ok()) return round.status();
                          const absl::StatusOr<v1::Recipe> recipe = ParseStoredRecipe(round->recipe);
                          if (!recipe.ok()) return recipe.status();
                          return Ranked{ReadModel(transaction, round->model), recipe->label_errors().folds()};
                        });
  if (!ranked.ok()) return ranked.status();
  if (!ranked->has_value()) return absl::OkStatus();
  const auto& [model, folds] = **ranked;
  const absl::Status whole = blobs.Verify(model.weights);
  if (absl::IsResourceExhausted(whole)) return whole;  // of descriptors: that passes
  if (!whole.ok()) {
    return FailOpenRound(database, open,
                         absl::StrCat("the model's weights are not whole: ", whole.message()));
  }
  return database.Transact({"SwitchRound", Database::kLongest},
                           [&, id = model.id, folds = folds](Transaction& transaction) {
                             return Switch(transaction, open, id, folds);
                           });
}

}  // namespace loupe
