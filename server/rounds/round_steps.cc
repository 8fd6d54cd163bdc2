#include "server/rounds/round_steps.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "db/stores/evaluation_store.h"
#include "db/stores/job_store.h"
#include "db/stores/model_store.h"
#include "db/stores/prediction_store.h"
#include "db/stores/ranking_store.h"
#include "server/rounds/kept_recipe.h"
#include "server/rounds/round_calibration.h"
#include "server/rounds/round_evaluation.h"

namespace loupe {
namespace {

absl::StatusOr<RoundRow> ReadRound(Transaction& transaction, const OpenRound& open) {
  std::optional<RoundRow> round = FindRound(transaction, open.project, open.number);
  if (!round.has_value()) return absl::InternalError("a round vanished");
  return *std::move(round);
}

// Fails a round by something that trying again would not change.
absl::Status Fail(Database& database, const OpenRound& round, absl::string_view error) {
  return database.Transact("FailRound", [&](Transaction& transaction) -> absl::Status {
    LockRound(transaction, round.id);
    FailRound(transaction, round.id, std::string(error));
    return absl::OkStatus();
  });
}

// Whether no job of this kind is open. A failed job has failed its round.
bool AllDone(Transaction& transaction, RoundId round, v1::JobKind kind) {
  return CountJobs(transaction, round, kind).open == 0;
}

void MakeEvaluateJobs(Transaction& transaction, const RoundRow& round, uint32_t shard_size) {
  InsertEvaluateJobs(transaction, round.id, round.project, round.model, shard_size);
  if (const std::optional<ModelRow> serving = FindModel(transaction, round.project, "")) {
    InsertEvaluateJobs(transaction, round.id, round.project, serving->id, shard_size);
  }
}

// Everything a judgement needs.
struct Evidence {
  RoundRow round;
  v1::Recipe recipe;
  std::vector<JudgedImage> images;  // that both models predicted
  PredictionsById candidate;
  std::optional<ModelRow> serving;
  PredictionsById serving_predictions;
  int class_count = 0;
  bool random_sample = false;
};

// Whether these images come first in the order in which the holdout is labelled.
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

// nullopt: jobs are open, or another coordinator is at it.
absl::StatusOr<std::optional<Evidence>> ReadEvidence(Transaction& transaction, const OpenRound& open) {
  if (!TryLockRound(transaction, open.id, RoundState::kEvaluating)) return std::nullopt;
  absl::StatusOr<RoundRow> round = ReadRound(transaction, open);
  if (!round.ok()) return round.status();
  absl::StatusOr<v1::Recipe> recipe = ReadKeptRecipe(round->recipe);
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
  for (const HoldoutImage& image : holdout) evidence.images.push_back({image.id.value(), image.boxes});
  evidence.images = JudgedByAll(std::move(evidence.images), both);
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
  // A promotion came in between: the next pass judges against that model.
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

// Serves the round's model unless it is held, and switches to its ranking with it.
absl::Status Switch(Transaction& transaction, const OpenRound& round, ModelId model_id) {
  LockProject(transaction, round.project);
  if (LockRound(transaction, round.id) != RoundState::kRanking) return absl::OkStatus();
  const ModelRow model = ReadModel(transaction, model_id);
  const bool first_time = model.message.state() == "candidate" && MayServe(model.message.gate());
  // A person may have promoted it while its round went on.
  const bool promoted = model.message.state() == "serving";
  if (first_time) ServeModel(transaction, round.project, model_id, Replaced::kRemember);
  if (first_time || promoted) {
    SwitchRanking(transaction, round.project, FindRankingOfRound(transaction, round.id));
  }
  SetRoundState(transaction, round.id, RoundState::kDone);
  return absl::OkStatus();
}

}  // namespace

absl::Status FinishTraining(Database& database, const OpenRound& open) {
  return database.Transact("FinishTraining", [&](Transaction& transaction) -> absl::Status {
    if (!TryLockRound(transaction, open.id, RoundState::kTraining)) return absl::OkStatus();
    if (!AllDone(transaction, open.id, v1::TRAIN)) return absl::OkStatus();
    const absl::StatusOr<RoundRow> round = ReadRound(transaction, open);
    if (!round.ok()) return round.status();
    const absl::StatusOr<v1::Recipe> recipe = ReadKeptRecipe(round->recipe);
    if (!recipe.ok()) return recipe.status();
    SetRoundState(transaction, open.id, RoundState::kEvaluating);
    MakeEvaluateJobs(transaction, *round, recipe->prediction().shard_size());
    return absl::OkStatus();
  });
}

absl::Status FinishEvaluating(Database& database, const OpenRound& open) {
  const absl::StatusOr<std::optional<Evidence>> evidence = database.Transact(
      "ReadEvidence", [&](Transaction& transaction) { return ReadEvidence(transaction, open); });
  if (!evidence.ok()) return evidence.status();
  if (!evidence->has_value()) return absl::OkStatus();
  const Judgement judgement = Judge(**evidence);
  return database.Transact("KeepJudgement", [&](Transaction& transaction) {
    return KeepJudgement(transaction, **evidence, judgement);
  });
}

absl::Status FinishPredicting(Database& database, const OpenRound& open) {
  return database.Transact("FinishPredicting", [&](Transaction& transaction) -> absl::Status {
    if (!TryLockRound(transaction, open.id, RoundState::kPredicting)) return absl::OkStatus();
    if (AllDone(transaction, open.id, v1::PREDICT)) SetRoundState(transaction, open.id, RoundState::kRanking);
    return absl::OkStatus();
  });
}

absl::Status FinishRanking(Database& database, const BlobStore& blobs, const OpenRound& open) {
  const absl::StatusOr<std::optional<ModelRow>> model = database.Transact(
      "ReadRankedModel", [&](Transaction& transaction) -> absl::StatusOr<std::optional<ModelRow>> {
        if (!FindRankingOfRound(transaction, open.id)) return std::nullopt;
        const absl::StatusOr<RoundRow> round = ReadRound(transaction, open);
        if (!round.ok()) return round.status();
        return ReadModel(transaction, round->model);
      });
  if (!model.ok()) return model.status();
  if (!model->has_value()) return absl::OkStatus();
  if (const absl::Status whole = blobs.Verify((*model)->weights); !whole.ok()) {
    return Fail(database, open, absl::StrCat("the model's weights are not whole: ", whole.message()));
  }
  return database.Transact("SwitchRound",
                           [&](Transaction& transaction) { return Switch(transaction, open, (*model)->id); });
}

absl::Status FailAbandonedRound(Database& database, const OpenRound& open) {
  return database.Transact("FailAbandonedRound", [&](Transaction& transaction) -> absl::Status {
    if (!FindAbandonedJob(transaction, open.id).has_value()) return absl::OkStatus();
    if (!TryLockRound(transaction, open.id, open.state)) return absl::OkStatus();
    // Once more, now that nobody changes it.
    const std::optional<std::string> kind = FindAbandonedJob(transaction, open.id);
    if (!kind.has_value()) return absl::OkStatus();
    FailRound(transaction, open.id,
              absl::StrCat("a ", *kind, " job was lost ", kMaxJobAttempts,
                           " times without going forward: look at the workers' logs for why they end"));
    return absl::OkStatus();
  });
}

}  // namespace loupe
