#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "db/stores/evaluation_store.h"
#include "db/stores/job_store.h"
#include "db/stores/model_store.h"
#include "db/stores/prediction_store.h"
#include "db/stores/project_store.h"
#include "recipe/recipe.h"
#include "server/rounds/round_calibration.h"
#include "server/rounds/round_evaluation.h"
#include "server/rounds/round_steps.h"

namespace loupe {
namespace {

// Everything that the model is judged by.
struct Evidence {
  RoundRow round;
  v1::Recipe recipe;
  std::vector<JudgedImage> images;  // of the labelled holdout, predicted by both models
  PredictionsById candidate;
  std::optional<ModelRow> serving;
  PredictionsById serving_predictions;
  int class_count = 0;
  bool random_sample = false;
};

// Whether the judged images are the first ones in the order in which the holdout is labelled. That order is
// random, so they are then a random sample of the holdout.
bool IsRandomSample(Transaction& transaction, ProjectId project, const std::vector<JudgedImage>& judged,
                    const std::vector<HoldoutImage>& holdout) {
  if (judged.empty()) return false;
  std::pair<double, ImageId> last{-1, ImageId()};
  size_t next = 0;
  for (const HoldoutImage& image : holdout) {
    if (next == judged.size() || judged[next].image_id != image.id.value()) continue;
    last = std::max(last, std::pair(image.sampling_key, image.id));
    ++next;
  }
  return CountHoldoutUpTo(transaction, project, last.first, last.second) == judged.size();
}

// nullopt: jobs are open, or another coordinator has locked the round.
absl::StatusOr<std::optional<Evidence>> ReadEvidence(Transaction& transaction, const OpenRound& open) {
  if (!TryLockRound(transaction, open.id, RoundState::kEvaluating)) return std::nullopt;
  absl::StatusOr<RoundRow> round = ReadRound(transaction, open);
  if (!round.ok()) return round.status();
  absl::StatusOr<v1::Recipe> recipe = ParseStoredRecipe(round->recipe);
  if (!recipe.ok()) return recipe.status();
  // Another model may have been promoted since the jobs were made.
  MakeEvaluateJobs(transaction, *round, recipe->prediction().shard_size());
  if (!AllDone(transaction, round->id, v1::EVALUATE)) return std::nullopt;

  Evidence evidence;
  evidence.round = *std::move(round);
  evidence.recipe = *std::move(recipe);
  evidence.candidate = ReadHoldoutDetections(transaction, open.project, evidence.round.model);
  evidence.class_count = static_cast<int>(ReadClasses(transaction, open.project).size());
  std::vector<const PredictionsById*> both = {&evidence.candidate};
  evidence.serving = FindModel(transaction, open.project, "");
  if (evidence.serving.has_value()) {
    evidence.serving_predictions = ReadHoldoutDetections(transaction, open.project, evidence.serving->id);
    both.push_back(&evidence.serving_predictions);
  }
  const std::vector<HoldoutImage> holdout = ReadHoldoutTruth(transaction, open.project);
  evidence.images = JudgedByAll(JudgedImagesOf(holdout), both);
  evidence.random_sample = IsRandomSample(transaction, open.project, evidence.images, holdout);
  return evidence;
}

struct Judgement {
  v1::Evaluation candidate;
  std::optional<v1::Evaluation> serving;
  v1::Gate gate;
};

Judgement Judge(const Evidence& evidence) {
  Judgement judgement;
  judgement.candidate =
      EvaluateModel(evidence.images, evidence.candidate, evidence.class_count, evidence.random_sample);
  *judgement.candidate.mutable_calibration() =
      CalibrateModel(evidence.images, evidence.candidate, evidence.class_count);
  std::optional<ServingModel> serving;
  if (evidence.serving.has_value()) {
    serving = ServingModel{evidence.serving->message.number(), &evidence.serving_predictions};
    judgement.serving = EvaluateModel(evidence.images, evidence.serving_predictions, evidence.class_count,
                                      evidence.random_sample);
  }
  judgement.gate = JudgeGate(evidence.images, evidence.candidate, serving, evidence.class_count,
                             evidence.recipe.gate(), evidence.recipe.seed());
  return judgement;
}

absl::Status KeepJudgement(Transaction& transaction, const Evidence& evidence, const Judgement& judgement) {
  const RoundRow& round = evidence.round;
  LockProject(transaction, round.project);
  if (LockRound(transaction, round.id) != RoundState::kEvaluating) return absl::OkStatus();
  const std::optional<ModelRow> serving = FindModel(transaction, round.project, "");
  const ModelId judged_against = evidence.serving.has_value() ? evidence.serving->id : ModelId();
  // Another model was promoted in between: the next pass judges against that model.
  if ((serving.has_value() ? serving->id : ModelId()) != judged_against) return absl::OkStatus();
  InsertEvaluation(transaction, round.model, round.id, judgement.candidate, &judgement.gate);
  if (judgement.serving.has_value()) {
    InsertEvaluation(transaction, judged_against, round.id, *judgement.serving, nullptr);
  }
  if (!MayServe(judgement.gate)) HoldModel(transaction, round.model);
  SetRoundState(transaction, round.id, RoundState::kPredicting);
  InsertPredictJobs(transaction, round.id, round.project, round.model,
                    evidence.recipe.prediction().shard_size());
  return absl::OkStatus();
}

}  // namespace

absl::Status FinishEvaluating(Database& database, const OpenRound& open) {
  const absl::StatusOr<std::optional<Evidence>> evidence =
      database.Transact({"ReadEvidence", Database::kLongest},
                        [&](Transaction& transaction) { return ReadEvidence(transaction, open); });
  if (!evidence.ok()) return evidence.status();
  if (!evidence->has_value()) return absl::OkStatus();
  const Judgement judgement = Judge(**evidence);
  return database.Transact({"KeepJudgement", Database::kLongest}, [&](Transaction& transaction) {
    return KeepJudgement(transaction, **evidence, judgement);
  });
}

}  // namespace loupe
