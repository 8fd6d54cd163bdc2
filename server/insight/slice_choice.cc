#include "server/insight/slice_choice.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "db/search/image_counts.h"
#include "db/stores/label_store.h"
#include "db/stores/prediction_store.h"
#include "db/stores/project_store.h"
#include "evaluation/weighted_estimates.h"
#include "proto/error_info.h"

namespace loupe {
namespace {

// A draw, and what the choice between draws depends on.
struct Candidate {
  uint32_t generation = 0;
  ModelId model;  // to judge; none: generation 0, and no model was asked for
  SliceOfPool of_pool;
  DrawnSlice slice;
  std::vector<JudgedImage> images;
  uint64_t boxes = 0;
  bool trained_on = false;
};

// Classes that an estimate can't count.
struct LeftOut {
  std::set<uint32_t> labels;                // retired ones too
  std::map<uint32_t, uint64_t> to_look_at;  // images of the pool, by label

  LeftOut(Transaction& transaction, ProjectId project)
      : to_look_at(ImageCounts(transaction, project).PoolToLookAt()) {
    for (const v1::Class& known : ReadClasses(transaction, project)) {
      if (known.retired() || to_look_at.contains(known.label())) labels.insert(known.label());
    }
  }
};

struct Drawn {
  DrawnRanking ranking;
  RandomDraw draw;
};

// The draw of a round's ranking. Images that were appended when the ranking ran out come after it and are not
// part of it.
RandomDraw DrawOfRound(const DrawnRanking& ranking) {
  return {.ranking = ranking.id, .size = ranking.random_entries};
}

// The latest first.
std::vector<Drawn> ListDraws(Transaction& transaction, ProjectId project) {
  std::vector<Drawn> all;
  for (const DrawnRanking& ranking : ListDrawnRankings(transaction, project)) {
    if (!ranking.model) {
      for (const RandomDraw& draw : ListFirstDraws(transaction, ranking.id)) all.push_back({ranking, draw});
      continue;
    }
    if (ranking.random_entries > 0) all.push_back({ranking, DrawOfRound(ranking)});
  }
  return all;
}

Candidate ReadCandidate(Transaction& transaction, const Drawn& drawn, ModelId asked,
                        const LeftOut& left_out) {
  const ModelId own = drawn.ranking.model;
  Candidate candidate;
  candidate.generation = drawn.ranking.generation;
  candidate.model = asked ? asked : own;
  candidate.of_pool.draw = drawn.draw;
  if (own) candidate.of_pool.models.push_back(own);
  if (asked && asked != own) candidate.of_pool.models.push_back(asked);
  candidate.slice = ReadDrawnSlice(transaction, candidate.of_pool);
  auto truth = ReadTruth(transaction, candidate.slice.answered);
  for (const ImageId image : candidate.slice.answered) {
    JudgedImage& judged = candidate.images.emplace_back();
    judged.image_id = image.value();
    if (const auto boxes = truth.find(image.value()); boxes != truth.end()) {
      judged.truth = std::move(boxes->second);
      std::erase_if(judged.truth,
                    [&](const v1::LabelBox& box) { return left_out.labels.contains(box.label()); });
    }
    candidate.boxes += static_cast<uint64_t>(std::count_if(
        judged.truth.begin(), judged.truth.end(), [](const v1::LabelBox& box) { return !box.ignore(); }));
  }
  candidate.trained_on =
      candidate.model && CountTrainedOn(transaction, candidate.model, candidate.slice.answered) > 0;
  return candidate;
}

ChosenSlice Read(Transaction& transaction, ProjectId project, Candidate candidate, LeftOut left_out) {
  ChosenSlice chosen;
  chosen.generation = candidate.generation;
  const size_t class_count = ReadClasses(transaction, project).size();
  chosen.parts = ReadPoolParts(transaction, candidate.of_pool, class_count,
                               {left_out.labels.begin(), left_out.labels.end()});
  if (!candidate.model) {
    chosen.not_judged = "generation 0 was made without a model";
  } else if (candidate.trained_on) {
    chosen.not_judged = "the model was trained on images of the slice";
  } else {
    chosen.model = ReadModel(transaction, candidate.model).message.number();
    chosen.predictions =
        ReadDetections(transaction, candidate.model, candidate.slice.answered, left_out.labels);
  }
  chosen.slice = std::move(candidate.slice);
  chosen.images = std::move(candidate.images);
  chosen.left_out = std::move(left_out.labels);
  chosen.to_look_at = std::move(left_out.to_look_at);
  return chosen;
}

absl::Status NoPredictions(const ModelRow& asked) {
  return Error(
      absl::StatusCode::kFailedPrecondition, "NO_PREDICTIONS",
      absl::StrCat(asked.message.name(), " has predicted no image of a random slice: ask for a model ",
                   "that a round trained"));
}

absl::Status TrainedOnSlice(const ModelRow& asked) {
  return Error(
      absl::StatusCode::kFailedPrecondition, "TRAINED_ON_SLICE",
      absl::StrCat(asked.message.name(), " was trained on images of every random slice that is ",
                   "answered: answer more of the queue that it ranked, or ask for a model before it"));
}

}  // namespace

RandomDraw DrawOfActive(Transaction& transaction, ProjectId project) {
  for (const DrawnRanking& ranking : ListDrawnRankings(transaction, project)) {
    if (ranking.active && ranking.model) return DrawOfRound(ranking);
  }
  return {};
}

absl::StatusOr<std::optional<ChosenSlice>> ChooseSlice(Transaction& transaction, ProjectId project,
                                                       const std::optional<ModelRow>& asked) {
  LeftOut left_out(transaction, project);
  std::optional<Candidate> best;
  bool trained_on = false;
  for (const Drawn& drawn : ListDraws(transaction, project)) {
    Candidate candidate =
        ReadCandidate(transaction, drawn, asked.has_value() ? asked->id : ModelId(), left_out);
    if (asked.has_value() && candidate.trained_on) {
      trained_on = true;
      continue;
    }
    const bool enough = candidate.boxes >= evaluation::kFewestBoxes;
    const bool more = !best.has_value() || candidate.slice.answered.size() > best->slice.answered.size();
    if (enough || more) best = std::move(candidate);
    if (enough) break;
  }
  if (trained_on && (!best.has_value() || best->slice.answered.empty())) return TrainedOnSlice(*asked);
  if (!best.has_value()) return std::nullopt;
  if (asked.has_value() && best->slice.size == 0) return NoPredictions(*asked);
  return Read(transaction, project, *std::move(best), std::move(left_out));
}

}  // namespace loupe
