#include "server/insight/model_quality.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "db/stores/evaluation_store.h"
#include "db/stores/prediction_store.h"
#include "db/stores/project_store.h"
#include "evaluation/bootstrap.h"
#include "evaluation/box_matches.h"
#include "proto/class_index.h"

namespace loupe {
namespace {

// Label revisions among which pool images that the model did not learn from are looked for.
constexpr int kLatestRevisions = 2000;

using evaluation::MatchKind;

v1::MatchKind KindMessage(MatchKind kind) {
  switch (kind) {
    case MatchKind::kMatched:
      return v1::MATCHED;
    case MatchKind::kConfused:
      return v1::CONFUSED;
    case MatchKind::kBadlyPlaced:
      return v1::BADLY_PLACED;
    case MatchKind::kFalsePositive:
      return v1::FALSE_POSITIVE;
    case MatchKind::kMissed:
      return v1::MISSED;
  }
  return v1::MATCH_KIND_UNSPECIFIED;
}

// Labels of a match's boxes: 0 where MatchCount says so.
struct MatchLabels {
  uint32_t truth = 0;
  uint32_t predicted = 0;
};

// What an image's boxes are matched from and with.
struct Matched {
  evaluation::GroundTruth truth;
  std::vector<evaluation::DetectedBox> detections;
  std::vector<evaluation::BoxMatch> matches;

  const evaluation::TrueBox* TrueBoxOf(const evaluation::BoxMatch& match) const {
    return match.truth < 0 ? nullptr : &truth.boxes[static_cast<size_t>(match.truth)];
  }
  const evaluation::DetectedBox* DetectionOf(const evaluation::BoxMatch& match) const {
    return match.detection < 0 ? nullptr : &detections[static_cast<size_t>(match.detection)];
  }
  size_t ImageOf(const evaluation::BoxMatch& match) const {
    const auto* const detection = DetectionOf(match);
    return static_cast<size_t>(detection != nullptr ? detection->image : TrueBoxOf(match)->image);
  }
  MatchLabels LabelsOf(const evaluation::BoxMatch& match) const {
    const auto label = [](const auto* box) {
      return box == nullptr ? 0 : LabelOf(static_cast<size_t>(box->class_index));
    };
    return {match.kind == MatchKind::kFalsePositive ? 0 : label(TrueBoxOf(match)), label(DetectionOf(match))};
  }
};

Matched MatchImages(std::span<const JudgedImage> images, const PredictionsById& predictions, int class_count,
                    double score_threshold) {
  Matched matched;
  matched.truth = TruthOf(images, class_count);
  matched.detections = DetectionsOf(images, predictions);
  matched.matches = evaluation::MatchBoxes(matched.truth, matched.detections, score_threshold);
  return matched;
}

int ClassCount(const JudgedModel& judged) { return static_cast<int>(judged.classes.size()); }

void SetInterval(const evaluation::Estimate& estimate, v1::Ap50Interval& interval) {
  interval.set_low(estimate.low);
  interval.set_high(estimate.high);
}

v1::ClassQuality QualityOf(uint32_t label, const v1::Evaluation& evaluation,
                           const evaluation::Ap50Matches& matches,
                           const evaluation::ClassEstimates& estimates) {
  const size_t index = ClassIndexOf(label);
  const v1::ClassAp& ap = evaluation.per_class(static_cast<int>(index));
  v1::ClassQuality quality;
  quality.set_label(label);
  quality.set_ap(ap.ap());
  quality.set_ap50(ap.ap50());
  const evaluation::Estimate& estimate = estimates.per_class[index];
  if (estimate.value >= 0) SetInterval(estimate, *quality.mutable_ap50_interval());
  for (const auto& point : matches.PrecisionCurve(static_cast<int>(index))) {
    v1::PrecisionPoint& added = *quality.add_curve();
    added.set_recall(point.recall);
    added.set_precision(point.precision);
    added.set_score(point.score);
  }
  return quality;
}

void AddMatchCounts(const Matched& matched, v1::ModelQuality& quality) {
  std::map<std::tuple<int, uint32_t, uint32_t>, uint64_t> counts;
  for (const evaluation::BoxMatch& match : matched.matches) {
    const MatchLabels labels = matched.LabelsOf(match);
    ++counts[{KindMessage(match.kind), labels.truth, labels.predicted}];
  }
  for (const auto& [key, boxes] : counts) {
    v1::MatchCount& count = *quality.add_matches();
    count.set_kind(static_cast<v1::MatchKind>(std::get<0>(key)));
    count.set_true_label(std::get<1>(key));
    count.set_predicted_label(std::get<2>(key));
    count.set_boxes(boxes);
  }
}

// As BoxMatch.severity says.
double SeverityOf(const JudgedModel& judged, const Matched& matched, const evaluation::BoxMatch& match) {
  switch (match.kind) {
    case MatchKind::kMatched:
      return 1 - match.iou;
    case MatchKind::kBadlyPlaced:
      return matched.DetectionOf(match)->score * (1 - match.iou);
    case MatchKind::kMissed:
      return std::sqrt(matched.TrueBoxOf(match)->area / judged.images[matched.ImageOf(match)].area) *
             (1 - match.near_score);
    default:
      return matched.DetectionOf(match)->score;
  }
}

// The truth boxes in the order of TruthOf.
std::vector<const v1::LabelBox*> LabelBoxesOf(std::span<const JudgedImage> images) {
  std::vector<const v1::LabelBox*> boxes;
  for (const JudgedImage& image : images) {
    for (const v1::LabelBox& box : image.truth) boxes.push_back(&box);
  }
  return boxes;
}

struct RankedMatch {
  double severity = 0;
  const evaluation::BoxMatch* match = nullptr;
};

// Those that the request asks for, the worst first.
std::vector<RankedMatch> RankMatches(const JudgedModel& judged, const Matched& matched,
                                     const v1::ListBoxMatchesRequest& request) {
  std::vector<RankedMatch> ranked;
  for (const evaluation::BoxMatch& match : matched.matches) {
    if (KindMessage(match.kind) != request.kind()) continue;
    const MatchLabels labels = matched.LabelsOf(match);
    if (request.true_label() != 0 && request.true_label() != labels.truth) continue;
    if (request.predicted_label() != 0 && request.predicted_label() != labels.predicted) continue;
    ranked.push_back({SeverityOf(judged, matched, match), &match});
  }
  std::stable_sort(ranked.begin(), ranked.end(),
                   [](const RankedMatch& a, const RankedMatch& b) { return a.severity > b.severity; });
  return ranked;
}

}  // namespace

absl::StatusOr<JudgedModel> ReadJudgedModel(Transaction& transaction, const std::string& project_name,
                                            const std::string& name, v1::Side side) {
  const absl::StatusOr<ProjectId> project = FindProject(transaction, project_name);
  if (!project.ok()) return project.status();
  absl::StatusOr<ModelRow> model = ReadNamedModel(transaction, *project, name);
  if (!model.ok()) return model.status();
  JudgedModel judged;
  judged.project = *project;
  judged.model = *std::move(model);
  judged.classes = ReadClasses(transaction, *project);
  if (side != v1::POOL) {
    judged.predictions = ReadHoldoutDetections(transaction, *project, judged.model.id);
    judged.images = ReadJudgedImages(transaction, *project, judged.predictions);
  }
  judged.holdout_images = judged.images.size();
  if (side == v1::HOLDOUT) return judged;
  std::vector<ImageId> pool;
  for (JudgedImage& image :
       JudgedImagesOf(ReadUnlearnedTruth(transaction, *project, judged.model.id, kLatestRevisions))) {
    pool.emplace_back(image.image_id);
    judged.images.push_back(std::move(image));
  }
  std::set<uint32_t> retired;
  for (const v1::Class& known : judged.classes) {
    if (known.retired()) retired.insert(known.label());
  }
  judged.predictions.merge(ReadDetections(transaction, judged.model.id, pool, retired));
  return judged;
}

v1::ModelQuality MeasureQuality(const JudgedModel& judged, double score_threshold) {
  v1::ModelQuality quality;
  quality.set_model(judged.model.message.number());
  quality.set_score_threshold(score_threshold);
  *quality.mutable_evaluation() = EvaluateModel(judged.images, judged.predictions, ClassCount(judged),
                                                judged.model.message.evaluation().random_sample());
  const Matched matched = MatchImages(judged.images, judged.predictions, ClassCount(judged), score_threshold);
  const evaluation::Ap50Matches ap50(matched.truth, matched.detections);
  const evaluation::ClassEstimates estimates =
      evaluation::BootstrapAp50PerClass(ap50, {.seed = kIntervalSeed});
  if (estimates.mean.value >= 0) SetInterval(estimates.mean, *quality.mutable_ap50());
  const std::vector<uint64_t> boxes = BoxesPerClass(matched.truth);
  for (const v1::Class& known : judged.classes) {
    if (known.retired()) continue;
    v1::ClassQuality& added = *quality.add_classes();
    added = QualityOf(known.label(), quality.evaluation(), ap50, estimates);
    added.set_boxes(boxes[ClassIndexOf(known.label())]);
  }
  AddMatchCounts(matched, quality);
  return quality;
}

v1::ListBoxMatchesResponse FindMatches(const JudgedModel& judged, const v1::ListBoxMatchesRequest& request,
                                       double score_threshold, size_t first, size_t size) {
  const Matched matched = MatchImages(judged.images, judged.predictions, ClassCount(judged), score_threshold);
  const std::vector<const v1::LabelBox*> truth = LabelBoxesOf(judged.images);
  const std::vector<RankedMatch> ranked = RankMatches(judged, matched, request);
  v1::ListBoxMatchesResponse page;
  page.set_holdout_images(judged.holdout_images);
  page.set_pool_images(judged.images.size() - judged.holdout_images);
  page.set_total(ranked.size());
  for (size_t i = first; i < std::min(ranked.size(), first + size); ++i) {
    const evaluation::BoxMatch& match = *ranked[i].match;
    v1::BoxMatch& added = *page.add_matches();
    added.set_kind(KindMessage(match.kind));
    added.mutable_image()->set_id(judged.images[matched.ImageOf(match)].image_id);
    if (match.truth >= 0) *added.mutable_true_box() = *truth[static_cast<size_t>(match.truth)];
    if (const evaluation::DetectedBox* box = matched.DetectionOf(match)) {
      *added.mutable_predicted_box() = CornersOf(box->box);
      added.set_predicted_label(LabelOf(static_cast<size_t>(box->class_index)));
      added.set_score(box->score);
    }
    added.set_iou(match.iou);
    added.set_near_score(match.near_score);
    added.set_severity(ranked[i].severity);
  }
  if (first + size < ranked.size()) page.set_next_page_token(absl::StrCat(first + size));
  return page;
}

void DescribeImages(Transaction& transaction, ProjectId project, v1::ListBoxMatchesResponse& page) {
  std::vector<int64_t> ids;
  for (const v1::BoxMatch& match : page.matches()) ids.push_back(match.image().id());
  const auto images = ReadMatchedImages(transaction, project, ids);
  for (v1::BoxMatch& match : *page.mutable_matches()) {
    const auto found = images.find(match.image().id());
    if (found == images.end()) continue;
    *match.mutable_image() = found->second.image;
    match.set_second_look_asked(found->second.second_look_asked);
  }
}

}  // namespace loupe
