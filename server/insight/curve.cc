#include "server/insight/curve.h"

#include <algorithm>
#include <map>
#include <optional>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "db/search/image_counts.h"
#include "db/stores/evaluation_store.h"
#include "db/stores/model_store.h"
#include "db/stores/project_store.h"
#include "db/stores/round_store.h"
#include "evaluation/bootstrap.h"
#include "proto/class_index.h"
#include "recipe/recipe.h"
#include "server/ranking/learning_curve.h"

namespace loupe {
namespace {

// Rounds that a curve looks back on.
constexpr uint32_t kMaxRounds = 100;
// Unlabelled images on which the agreement of two models is measured.
constexpr int kAgreementImages = 500;
// Any number: the same points give the same band.
constexpr uint64_t kCurveSeed = 1;

v1::CurvePoint PointOf(const v1::Round& round, double seconds) {
  v1::CurvePoint point;
  point.set_round(round.number());
  point.set_model(round.model());
  point.set_images(round.snapshot_images());
  point.set_boxes(round.snapshot_boxes());
  point.set_seconds(seconds);
  point.set_random_sample(round.evaluation().random_sample());
  return point;
}

Sha256 HashOfTruth(const std::vector<JudgedImage>& images, const std::vector<v1::Class>& classes) {
  Sha256Stream hash;
  for (const v1::Class& one : classes) hash.Update(one.retired() ? "retired " : "used ");
  for (const JudgedImage& image : images) {
    hash.Update(absl::StrCat("\n", image.image_id, " ", image.known_classes, " ", image.truth.size()));
    for (const v1::LabelBox& box : image.truth) {
      const std::string bytes = box.SerializeAsString();
      hash.Update(absl::StrCat(" ", bytes.size(), " "));
      hash.Update(bytes);
    }
  }
  return hash.Finish();
}

void CopyAp50(const v1::CurvePoint& from, v1::CurvePoint& point) {
  point.set_judged_images(from.judged_images());
  if (!from.has_ap50()) return;
  point.set_ap50(from.ap50());
  point.set_ap50_low(from.ap50_low());
  point.set_ap50_high(from.ap50_high());
}

// Adds a finished round. `before`: the model of the round before; none for the first. `stored`: null, or what
// was stored of its model.
absl::Status AddRound(Transaction& transaction, const RoundRow& row, ModelId before,
                      const StoredCurvePoint* stored, CurveInput& input) {
  const absl::StatusOr<v1::Recipe> recipe = ParseStoredRecipe(row.recipe);
  if (!recipe.ok()) return recipe.status();
  input.next_images = recipe->ranking().budget();
  const AnnotationTime time = TimeOfSnapshot(transaction, row.snapshot);
  if (time.images > 0) input.seconds_per_image = time.seconds / static_cast<double>(time.images);
  CurveRound& round = input.rounds.emplace_back();
  round.model = row.model;
  round.point = PointOf(row.message, time.seconds);
  if (stored != nullptr && stored->holdout == input.holdout_hash &&
      stored->predicted == stored->point.judged_images()) {
    CopyAp50(stored->point, round.point);
  } else {
    round.predictions = ReadHoldoutDetections(transaction, row.project, row.model);
  }
  if (stored != nullptr) {
    if (stored->point.has_agreement()) round.point.set_agreement(stored->point.agreement());
  } else {
    round.common = before
                       ? ReadCommonDetections(transaction, row.project, before, row.model, kAgreementImages)
                       : CommonDetections();
  }
  return absl::OkStatus();
}

// ap50 with its interval, and judged_images. Leaves ap50 out where no image holds a box.
// Requires: as EvaluateModel.
void JudgePoint(std::span<const JudgedImage> images, const PredictionsById& predictions, int class_count,
                v1::CurvePoint& point) {
  point.set_judged_images(images.size());
  const evaluation::Estimate estimate = evaluation::BootstrapAp50(
      evaluation::Ap50Matches(TruthOf(images, class_count), DetectionsOf(images, predictions)),
      {.seed = kIntervalSeed});
  if (estimate.value < 0) return;
  point.set_ap50(estimate.value);
  point.set_ap50_low(estimate.low);
  point.set_ap50_high(estimate.high);
}

std::vector<evaluation::DetectedBox> BoxesOf(std::span<const v1::ImagePrediction> predictions) {
  std::vector<JudgedImage> images;
  PredictionsById by_id;
  for (const v1::ImagePrediction& prediction : predictions) {
    images.emplace_back().image_id = prediction.image_id();
    by_id.emplace(prediction.image_id(), prediction);
  }
  return DetectionsOf(images, by_id);
}

// MatchedF1 of two models' predictions of the same images; nullopt without images.
std::optional<double> AgreementOf(const CommonDetections& common) {
  if (common.first.empty()) return std::nullopt;
  return ranking::MatchedF1(BoxesOf(common.first), BoxesOf(common.second));
}

bool IsNew(const CurveRound& round) { return round.predictions.has_value() || round.common.has_value(); }

using Points = std::vector<v1::CurvePoint>;

// Points with all their figures, oldest first.
Points PointsOf(const CurveInput& input) {
  Points points;
  for (const CurveRound& round : input.rounds) {
    v1::CurvePoint& point = points.emplace_back(round.point);
    if (round.predictions.has_value()) {
      const PredictionsById* const predictions = &*round.predictions;
      JudgePoint(JudgedByAll(input.holdout, {&predictions, 1}), *predictions, input.class_count, point);
    }
    if (!round.common.has_value()) continue;
    if (const std::optional<double> agreement = AgreementOf(*round.common)) point.set_agreement(*agreement);
  }
  return points;
}

using Amount = double (*)(const v1::CurvePoint& point);

double Images(const v1::CurvePoint& point) { return static_cast<double>(point.images()); }
double Seconds(const v1::CurvePoint& point) { return point.seconds(); }

absl::StatusOr<ranking::LearningCurve> Fit(const Points& points, Amount amount) {
  std::vector<ranking::CurvePoint> fitted;
  for (const v1::CurvePoint& point : points) {
    if (!point.has_ap50() || amount(point) <= 0) continue;
    fitted.push_back(
        {amount(point), point.ap50(), ranking::StandardError(point.ap50_low(), point.ap50_high())});
  }
  ranking::CurveOptions options;
  options.seed = kCurveSeed;
  return ranking::FitLearningCurve(fitted, options);
}

// Labelled images after the next round, at most the whole pool.
double NextImages(const CurveInput& input, const v1::CurvePoint& last) {
  const double now = Images(last);
  const auto pool = static_cast<double>(input.pool_images);
  return std::max(now, std::min(now + static_cast<double>(input.next_images), pool));
}

// Where the curve is read off: names and labelled images.
std::vector<std::pair<const char*, double>> Milestones(const CurveInput& input, const v1::CurvePoint& last) {
  const double now = Images(last);
  const auto pool = static_cast<double>(input.pool_images);
  std::vector<std::pair<const char*, double>> milestones = {{"now", now}};
  if (NextImages(input, last) > now) milestones.emplace_back("next round", NextImages(input, last));
  for (const auto& [name, share] :
       {std::pair{"40 % labelled", 0.4}, std::pair{"60 % labelled", 0.6}, std::pair{"all labelled", 1.0}}) {
    if (share * pool > now) milestones.emplace_back(name, share * pool);
  }
  return milestones;
}

// per_image: what each further labelled image adds to the amount.
v1::CurveFit FitMessage(const ranking::LearningCurve& curve, const CurveInput& input,
                        const v1::CurvePoint& last, Amount amount, double per_image) {
  v1::CurveFit fit;
  fit.set_a(curve.law.a);
  fit.set_beta(curve.law.beta);
  fit.set_c(curve.law.c);
  fit.set_c_fixed(curve.c_fixed);
  for (const auto& [name, images] : Milestones(input, last)) {
    const double n = amount(last) + per_image * (images - Images(last));
    const ranking::Band band = curve.Forecast(n);
    v1::CurveForecast& forecast = *fit.add_forecasts();
    forecast.set_at(name);
    forecast.set_n(n);
    forecast.set_ap50(band.value);
    forecast.set_ap50_low(band.low);
    forecast.set_ap50_high(band.high);
  }
  return fit;
}

ranking::StopEvidence EvidenceOf(const CurveInput& input, const Points& points,
                                 const absl::StatusOr<ranking::LearningCurve>& curve) {
  ranking::StopEvidence evidence;
  evidence.classes = input.classes;
  for (const v1::CurvePoint& point : points) {
    if (point.has_agreement()) evidence.agreements.push_back(point.agreement());
  }
  if (points.empty()) return evidence;
  const v1::CurvePoint& last = points.back();
  if (last.has_ap50()) evidence.ap = ranking::Band{last.ap50(), last.ap50_low(), last.ap50_high()};
  if (curve.ok()) evidence.gain = curve->ForecastGain(Images(last), NextImages(input, last));
  return evidence;
}

}  // namespace

absl::StatusOr<CurveInput> ReadCurveInput(Transaction& transaction, const std::string& project_name) {
  const absl::StatusOr<ProjectId> project = FindProject(transaction, project_name);
  if (!project.ok()) return project.status();
  CurveInput input;
  const ImageCounts counts(transaction, *project);
  input.pool_images = counts.ImagesOf(v1::POOL);
  input.pool_labelled = counts.LabelledOf(v1::POOL);
  const std::vector<v1::Class> classes = ReadClasses(transaction, *project);
  const std::vector<int64_t> boxes = counts.PoolBoxes(classes.size());
  for (const v1::Class& one : classes) {
    ++input.class_count;
    if (!one.retired()) input.classes.push_back({one.name(), boxes[ClassIndexOf(one.label())]});
  }
  input.holdout = JudgedImagesOf(ReadHoldoutTruth(transaction, *project));
  input.holdout_hash = HashOfTruth(input.holdout, classes);
  std::vector<RoundRow> rounds = ListRounds(transaction, *project, 0, kMaxRounds);
  std::reverse(rounds.begin(), rounds.end());
  std::map<uint32_t, uint64_t> withdrawn = CountWithdrawnLabels(transaction, *project);
  std::erase_if(rounds, [](const RoundRow& round) { return round.state != RoundState::kDone; });
  std::vector<ModelId> models;
  for (const RoundRow& round : rounds) models.push_back(round.model);
  std::vector<int64_t> images;
  for (const JudgedImage& image : input.holdout) images.push_back(image.image_id);
  const auto stored = ReadCurvePoints(transaction, models, images);
  ModelId before;
  for (const RoundRow& round : rounds) {
    const auto point_of_model = stored.find(round.model.value());
    const absl::Status added =
        AddRound(transaction, round, before,
                 point_of_model == stored.end() ? nullptr : &point_of_model->second, input);
    if (!added.ok()) return added;
    before = round.model;
    v1::CurvePoint& point = input.rounds.back().point;
    point.set_withdrawn_labels(withdrawn[point.model()]);
  }
  return input;
}

absl::StatusOr<v1::Curve> MakeCurve(const CurveInput& input, const ranking::StopThresholds& thresholds) {
  const Points points = PointsOf(input);
  v1::Curve curve;
  for (const v1::CurvePoint& point : points) *curve.add_points() = point;
  const absl::StatusOr<ranking::LearningCurve> by_images = Fit(points, Images);
  if (by_images.ok()) {
    *curve.mutable_by_images() = FitMessage(*by_images, input, points.back(), Images, 1);
    const absl::StatusOr<ranking::LearningCurve> by_seconds = Fit(points, Seconds);
    if (by_seconds.ok()) {
      *curve.mutable_by_seconds() =
          FitMessage(*by_seconds, input, points.back(), Seconds, input.seconds_per_image);
    }
  } else if (absl::IsFailedPrecondition(by_images.status())) {
    curve.set_no_fit(std::string(by_images.status().message()));
  } else {
    return absl::InternalError(by_images.status().message());
  }
  const bool judged =
      std::any_of(points.begin(), points.end(), [](const v1::CurvePoint& point) { return point.has_ap50(); });
  const ranking::StopAdvice advice = ranking::AdviseStop(EvidenceOf(input, points, by_images), thresholds);
  curve.set_verdict(!judged ? "no model was judged yet"
                    : input.pool_labelled == input.pool_images
                        ? "all images are labelled"
                        : std::string(ranking::VerdictName(advice.verdict)));
  for (const ranking::Reason& reason : advice.reasons) {
    v1::CurveReason& message = *curve.add_reasons();
    message.set_speaks_for(std::string(ranking::VerdictName(reason.verdict)));
    message.set_text(reason.text);
  }
  return curve;
}

bool HasNewPoints(const CurveInput& input) { return std::ranges::any_of(input.rounds, IsNew); }

void KeepPoints(Transaction& transaction, const CurveInput& input, const v1::Curve& curve) {
  for (size_t i = 0; i < input.rounds.size(); ++i) {
    const CurveRound& round = input.rounds[i];
    if (!IsNew(round)) continue;
    const v1::CurvePoint& made = curve.points(static_cast<int>(i));
    v1::CurvePoint point;
    CopyAp50(made, point);
    if (made.has_agreement()) point.set_agreement(made.agreement());
    PutCurvePoint(transaction, round.model, input.holdout_hash, point);
  }
}

}  // namespace loupe
