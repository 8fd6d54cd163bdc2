#include "server/insight/model_comparison.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "db/stores/evaluation_store.h"
#include "db/stores/prediction_store.h"
#include "db/stores/project_store.h"
#include "evaluation/bootstrap.h"
#include "evaluation/grouped_boxes.h"
#include "evaluation/weighted_estimates.h"
#include "proto/class_index.h"
#include "proto/error_info.h"

namespace loupe {
namespace {

// A model's boxes on one image.
struct JudgedBoxes {
  v1::ComparedBoxes boxes;
  std::vector<v1::ComparedTruth> truth;  // those that the model found are marked as found by the first
};

// Matches the boxes of one class in one image, and adds them.
void JudgeGroup(const evaluation::ImageGroup& group, uint32_t label, JudgedBoxes& judged) {
  const auto matches = evaluation::MatchImage(group.detections, group.truths, evaluation::AreaRange{});
  const size_t first_truth = judged.truth.size();
  for (const evaluation::TrueBox& truth : group.truths) {
    v1::ComparedTruth& added = judged.truth.emplace_back();
    *added.mutable_box() = CornersOf(truth.box);
    added.set_label(label);
    added.set_ignore(truth.crowd);
  }
  v1::BoxCounts& counts = *judged.boxes.mutable_counts();
  for (size_t d = 0; d < matches.size(); ++d) {
    v1::ComparedBox& box = *judged.boxes.add_boxes();
    *box.mutable_box() = CornersOf(group.detections[d].box);
    box.set_label(label);
    box.set_score(group.detections[d].score);
    box.set_ignored((matches[d].ignored & 1U) != 0);
    box.set_correct(matches[d].truth >= 0 && !box.ignored());
    if (box.ignored()) continue;
    if (!box.correct()) {
      counts.set_false_positives(counts.false_positives() + 1);
      continue;
    }
    counts.set_true_positives(counts.true_positives() + 1);
    judged.truth[first_truth + static_cast<size_t>(matches[d].truth)].set_found_by_first(true);
  }
  for (size_t t = first_truth; t < judged.truth.size(); ++t) {
    const bool missed = !judged.truth[t].ignore() && !judged.truth[t].found_by_first();
    counts.set_false_negatives(counts.false_negatives() + (missed ? 1 : 0));
  }
}

// One per image, in their order. Which truth is listed where doesn't depend on the model.
std::vector<JudgedBoxes> JudgeBoxes(const ComparisonInput& input, const ComparedModel& model,
                                    double score_threshold) {
  std::vector<evaluation::DetectedBox> detections = DetectionsOf(input.images, model.predictions);
  std::erase_if(detections, [&](const auto& box) { return !(box.score >= score_threshold); });
  const evaluation::GroundTruth truth = TruthOf(input.images, input.class_count);
  const evaluation::GroupedBoxes grouped(truth, detections);
  std::vector<JudgedBoxes> judged(input.images.size());
  for (int c = 0; c < grouped.num_classes(); ++c) {
    for (const evaluation::ImageGroup& group : grouped.groups_of(c)) {
      JudgeGroup(group, LabelOf(static_cast<size_t>(c)), judged[static_cast<size_t>(group.image)]);
    }
  }
  return judged;
}

uint64_t MistakesOf(const JudgedBoxes& judged) {
  return judged.boxes.counts().false_positives() + judged.boxes.counts().false_negatives();
}

void AddUp(const v1::BoxCounts& counts, v1::BoxCounts& sum) {
  sum.set_true_positives(sum.true_positives() + counts.true_positives());
  sum.set_false_positives(sum.false_positives() + counts.false_positives());
  sum.set_false_negatives(sum.false_negatives() + counts.false_negatives());
}

// boxes: number of true ones.
v1::ApDifference DifferenceOf(const evaluation::PairedEstimate& paired, uint64_t boxes) {
  v1::ApDifference difference;
  difference.set_difference(paired.difference);
  if (boxes < evaluation::kFewestBoxes) return difference;
  difference.set_low(paired.low);
  difference.set_high(paired.high);
  return difference;
}

// AP50 of all classes together, and of each.
void AddDifferences(const ComparisonInput& input, v1::ModelComparison& comparison) {
  const evaluation::GroundTruth truth = TruthOf(input.images, input.class_count);
  const std::vector<uint64_t> boxes = BoxesPerClass(truth);
  const evaluation::PairedEstimate paired = evaluation::PairedBootstrap(
      evaluation::Ap50Matches(truth, DetectionsOf(input.images, input.first.predictions)),
      evaluation::Ap50Matches(truth, DetectionsOf(input.images, input.second.predictions)),
      {.seed = kIntervalSeed});
  const uint64_t all = std::accumulate(boxes.begin(), boxes.end(), uint64_t{0});
  if (all > 0) *comparison.mutable_ap50() = DifferenceOf(paired, all);
  for (size_t c = 0; c < boxes.size(); ++c) {
    v1::ClassDifference& of_class = *comparison.add_classes();
    of_class.set_label(LabelOf(c));
    of_class.set_boxes(boxes[c]);
    if (boxes[c] > 0) *of_class.mutable_ap50() = DifferenceOf(paired.per_class[c], boxes[c]);
  }
}

v1::Evaluation EvaluationOf(const ComparisonInput& input, const ComparedModel& model) {
  return EvaluateModel(input.images, model.predictions, input.class_count,
                       model.row.message.evaluation().random_sample());
}

absl::StatusOr<ComparedModel> ReadComparedModel(Transaction& transaction, ProjectId project,
                                                const std::string& name) {
  absl::StatusOr<ModelRow> row = ReadNamedModel(transaction, project, name);
  if (!row.ok()) return row.status();
  ComparedModel model{*std::move(row), {}};
  model.predictions = ReadHoldoutDetections(transaction, project, model.row.id);
  return model;
}

absl::Status NothingInCommon(const ComparisonInput& input) {
  for (const ComparedModel* model : {&input.first, &input.second}) {
    if (!model->predictions.empty()) continue;
    return Error(absl::StatusCode::kFailedPrecondition, "NO_PREDICTIONS",
                 absl::StrCat(model->row.message.name(), " has predicted no labelled image of the holdout: ",
                              "compare models that a round of this project trained and evaluated"));
  }
  return Error(absl::StatusCode::kFailedPrecondition, "NO_PREDICTIONS",
               "there is no labelled image of the holdout that both models have predicted");
}

}  // namespace

absl::StatusOr<ComparisonInput> ReadComparisonInput(Transaction& transaction, const std::string& project_name,
                                                    const std::string& first, const std::string& second) {
  const absl::StatusOr<ProjectId> project = FindProject(transaction, project_name);
  if (!project.ok()) return project.status();
  ComparisonInput input;
  input.project = *project;
  for (const auto& [name, model] : {std::pair(&first, &input.first), std::pair(&second, &input.second)}) {
    absl::StatusOr<ComparedModel> read = ReadComparedModel(transaction, *project, *name);
    if (!read.ok()) return read.status();
    *model = *std::move(read);
  }
  if (input.first.row.id == input.second.row.id) {
    return Error(absl::StatusCode::kInvalidArgument, "SAME_MODEL",
                 absl::StrCat("both are model ", input.first.row.message.number(), ": name two models"));
  }
  input.class_count = static_cast<int>(ReadClasses(transaction, *project).size());
  const std::array<const PredictionsById*, 2> both = {&input.first.predictions, &input.second.predictions};
  input.images = JudgedByAll(JudgedImagesOf(ReadHoldoutTruth(transaction, *project)), both);
  if (input.images.empty()) return NothingInCommon(input);
  return input;
}

v1::ModelComparison CompareModels(const ComparisonInput& input, double score_threshold) {
  v1::ModelComparison comparison;
  comparison.set_first(input.first.row.message.number());
  comparison.set_second(input.second.row.message.number());
  comparison.set_score_threshold(score_threshold);
  comparison.set_images(input.images.size());
  *comparison.mutable_first_evaluation() = EvaluationOf(input, input.first);
  *comparison.mutable_second_evaluation() = EvaluationOf(input, input.second);
  AddDifferences(input, comparison);

  const std::vector<JudgedBoxes> of_first = JudgeBoxes(input, input.first, score_threshold);
  const std::vector<JudgedBoxes> of_second = JudgeBoxes(input, input.second, score_threshold);
  uint64_t first_better = 0;
  uint64_t second_better = 0;
  for (size_t i = 0; i < input.images.size(); ++i) {
    AddUp(of_first[i].boxes.counts(), *comparison.mutable_first_counts());
    AddUp(of_second[i].boxes.counts(), *comparison.mutable_second_counts());
    first_better += MistakesOf(of_first[i]) < MistakesOf(of_second[i]) ? 1 : 0;
    second_better += MistakesOf(of_second[i]) < MistakesOf(of_first[i]) ? 1 : 0;
  }
  comparison.set_first_better_images(first_better);
  comparison.set_second_better_images(second_better);
  return comparison;
}

std::vector<v1::ModelDifference> FindDifferences(const ComparisonInput& input, double score_threshold,
                                                 bool first_better) {
  std::vector<JudgedBoxes> of_first = JudgeBoxes(input, input.first, score_threshold);
  std::vector<JudgedBoxes> of_second = JudgeBoxes(input, input.second, score_threshold);
  const auto lead = [&](size_t image) {
    const auto more = static_cast<int64_t>(MistakesOf(of_second[image])) -
                      static_cast<int64_t>(MistakesOf(of_first[image]));
    return first_better ? more : -more;
  };
  std::vector<size_t> order;
  for (size_t i = 0; i < input.images.size(); ++i) {
    if (lead(i) > 0) order.push_back(i);
  }
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return lead(a) > lead(b); });
  std::vector<v1::ModelDifference> differences;
  for (const size_t i : order) {
    v1::ModelDifference& difference = differences.emplace_back();
    difference.mutable_image()->set_id(input.images[i].image_id);
    for (size_t t = 0; t < of_first[i].truth.size(); ++t) {
      v1::ComparedTruth& truth = *difference.add_truth();
      truth = std::move(of_first[i].truth[t]);
      truth.set_found_by_second(of_second[i].truth[t].found_by_first());
    }
    *difference.mutable_first() = std::move(of_first[i].boxes);
    *difference.mutable_second() = std::move(of_second[i].boxes);
  }
  return differences;
}

}  // namespace loupe
