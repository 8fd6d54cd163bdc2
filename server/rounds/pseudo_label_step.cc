// Pseudo-labels: what a round is trained on besides people's labels. A round starts when they are made.

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "db/search/image_counts.h"
#include "db/stores/evaluation_store.h"
#include "db/stores/job_store.h"
#include "db/stores/model_store.h"
#include "db/stores/prediction_store.h"
#include "db/stores/project_store.h"
#include "db/stores/pseudo_label_store.h"
#include "proto/class_index.h"
#include "recipe/recipe.h"
#include "server/ranking/pseudo_labels.h"
#include "server/rounds/image_pages.h"
#include "server/rounds/round_calibration.h"
#include "server/rounds/round_evaluation.h"
#include "server/rounds/round_steps.h"

namespace loupe {
namespace {

using ranking::PseudoCandidate;
using ranking::PseudoThreshold;

void Start(Transaction& transaction, RoundId round) {
  SetRoundState(transaction, round, RoundState::kTraining);
  InsertTrainJob(transaction, round);
}

struct WaitingRound {
  ProjectId project;
  SnapshotId snapshot;
  double min_precision = 0;
};

// Starts the round, unless it needs pseudo-labels first: then it is returned.
absl::StatusOr<std::optional<WaitingRound>> StartOrFind(Transaction& transaction, const OpenRound& open) {
  if (!TryLockRound(transaction, open.id, RoundState::kWaiting)) return std::nullopt;
  const absl::StatusOr<RoundRow> round = ReadRound(transaction, open);
  if (!round.ok()) return round.status();
  const absl::StatusOr<v1::Recipe> recipe = ParseStoredRecipe(round->recipe);
  if (!recipe.ok()) return recipe.status();
  if (recipe->pseudo_labels().enabled())
    return WaitingRound{open.project, round->snapshot, recipe->pseudo_labels().min_precision()};
  Start(transaction, open.id);
  return std::nullopt;
}

// The model whose boxes may become pseudo-labels.
struct Source {
  ModelRow model;
  std::vector<PseudoThreshold> thresholds;  // [classes]
  std::vector<int64_t> most_boxes;          // [classes] limit: as many as people drew
};

// nullopt: no model serves.
std::optional<Source> ReadSource(Transaction& transaction, const WaitingRound& waiting) {
  const ProjectId project = waiting.project;
  std::optional<ModelRow> serving = FindModel(transaction, project, "");
  if (!serving.has_value()) return std::nullopt;
  Source source;
  source.model = *std::move(serving);
  source.most_boxes = ImageCounts(transaction, project).PoolBoxes(ReadClasses(transaction, project).size());
  const auto class_count = static_cast<int>(source.most_boxes.size());
  const PredictionsById predictions = ReadHoldoutDetections(transaction, project, source.model.id);
  const std::vector<JudgedImage> images = ReadJudgedImages(transaction, project, predictions);
  source.thresholds = ranking::PseudoThresholds(JudgeDetections(images, predictions, class_count),
                                                class_count, waiting.min_precision);
  return source;
}

struct Candidates {
  std::vector<PseudoCandidate> scores;
  std::vector<v1::ImagePrediction> boxes;  // the same boxes with labels and corners
};

// Adds the image if one of its boxes reaches its class's threshold, with all boxes that reach the floor.
void AddCandidate(const v1::ImagePrediction& prediction, const std::vector<PseudoThreshold>& thresholds,
                  Candidates& candidates) {
  PseudoCandidate scores{prediction.image_id(), {}, {}};
  v1::ImagePrediction boxes;
  boxes.set_image_id(prediction.image_id());
  bool sure = false;
  for (int i = 0; i < prediction.scores_size(); ++i) {
    const float score = prediction.scores(i);
    const uint32_t label = prediction.labels(i);
    if (score < ranking::kPseudoLabelFloor) continue;
    scores.class_indices.push_back(static_cast<int32_t>(ClassIndexOf(label)));
    scores.scores.push_back(score);
    boxes.add_labels(label);
    boxes.mutable_corners()->Add(prediction.corners().begin() + 4 * i,
                                 prediction.corners().begin() + 4 * i + 4);
    const std::optional<double> least = thresholds[ClassIndexOf(label)].min_score;
    sure = sure || (least.has_value() && score >= *least);
  }
  if (!sure) return;
  candidates.scores.push_back(std::move(scores));
  candidates.boxes.push_back(std::move(boxes));
}

absl::StatusOr<Candidates> ReadCandidates(Database& database, ProjectId project, const Source& source) {
  Candidates candidates;
  const absl::Status read = ForEachImage(
      database, "ReadPoolDetections",
      [&](Transaction& transaction, ImageId after, int limit) {
        return ReadPoolDetections(transaction, project, source.model.id, after, limit);
      },
      [](const v1::ImagePrediction& prediction) { return ImageId(prediction.image_id()); },
      [&](const v1::ImagePrediction& prediction) {
        AddCandidate(prediction, source.thresholds, candidates);
      });
  if (!read.ok()) return read;
  return candidates;
}

// The images with a chosen box. Their other boxes become regions to ignore (label 0).
std::vector<v1::ImagePrediction> Choose(Candidates candidates, const Source& source) {
  const std::vector<std::vector<bool>> taken =
      ranking::ChoosePseudoLabels(candidates.scores, source.thresholds, source.most_boxes);
  std::vector<v1::ImagePrediction> chosen;
  for (size_t i = 0; i < taken.size(); ++i) {
    if (std::find(taken[i].begin(), taken[i].end(), true) == taken[i].end()) continue;
    v1::ImagePrediction& boxes = candidates.boxes[i];
    for (size_t box = 0; box < taken[i].size(); ++box) {
      if (!taken[i][box]) boxes.set_labels(static_cast<int>(box), 0);
    }
    chosen.push_back(std::move(boxes));
  }
  return chosen;
}

v1::PseudoLabels DescriptionOf(const Source& source) {
  v1::PseudoLabels about;
  about.set_model(source.model.message.number());
  for (size_t i = 0; i < source.thresholds.size(); ++i) {
    v1::ClassPseudoLabels& one = *about.add_classes();
    one.set_label(LabelOf(i));
    if (source.thresholds[i].min_score.has_value()) one.set_min_score(*source.thresholds[i].min_score);
    one.set_judged(static_cast<uint64_t>(source.thresholds[i].judged));
    one.set_correct(static_cast<uint64_t>(source.thresholds[i].correct));
  }
  return about;
}

absl::Status KeepAndStart(Transaction& transaction, RoundId round, SnapshotId snapshot,
                          v1::PseudoLabels about, const std::vector<v1::ImagePrediction>& chosen) {
  if (!TryLockRound(transaction, round, RoundState::kWaiting)) return absl::OkStatus();
  for (const v1::ImagePrediction& image : chosen) {
    if (!InsertPseudoLabel(transaction, snapshot, image)) continue;
    about.set_images(about.images() + 1);
    for (const uint32_t label : image.labels()) {
      if (label == 0) continue;
      about.set_boxes(about.boxes() + 1);
      v1::ClassPseudoLabels& one = *about.mutable_classes(static_cast<int>(ClassIndexOf(label)));
      one.set_boxes(one.boxes() + 1);
    }
  }
  DescribePseudoLabels(transaction, snapshot, about);
  Start(transaction, round);
  return absl::OkStatus();
}

}  // namespace

absl::Status StartRound(Database& database, const OpenRound& open) {
  const absl::StatusOr<std::optional<WaitingRound>> waiting =
      database.Transact({"StartRound", Database::kLongest},
                        [&](Transaction& transaction) { return StartOrFind(transaction, open); });
  if (!waiting.ok()) return waiting.status();
  if (!waiting->has_value()) return absl::OkStatus();
  const absl::StatusOr<std::optional<Source>> source =
      database.Transact({"ReadPseudoLabelSource", Database::kLongest},
                        [&](Transaction& transaction) -> absl::StatusOr<std::optional<Source>> {
                          return ReadSource(transaction, **waiting);
                        });
  if (!source.ok()) return source.status();
  v1::PseudoLabels about;
  std::vector<v1::ImagePrediction> chosen;
  if (source->has_value()) {
    absl::StatusOr<Candidates> candidates = ReadCandidates(database, open.project, **source);
    if (!candidates.ok()) return candidates.status();
    about = DescriptionOf(**source);
    chosen = Choose(*std::move(candidates), **source);
  }
  return database.Transact({"StartWithPseudoLabels", Database::kLongest}, [&](Transaction& transaction) {
    return KeepAndStart(transaction, open.id, (*waiting)->snapshot, about, chosen);
  });
}

}  // namespace loupe
