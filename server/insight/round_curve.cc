#include "server/insight/round_curve.h"

#include <algorithm>
#include <utility>

#include "evaluation/bootstrap.h"

namespace loupe {
namespace {

// Any number: the same points give the same band.
constexpr uint64_t kSeed = 1;

using Amount = double (*)(const v1::CurvePoint& point);

double Images(const v1::CurvePoint& point) { return static_cast<double>(point.images()); }
double Seconds(const v1::CurvePoint& point) { return point.seconds(); }

absl::StatusOr<ranking::LearningCurve> Fit(const CurveInput& input, Amount amount) {
  std::vector<ranking::CurvePoint> points;
  for (const v1::CurvePoint& point : input.points) {
    if (!point.has_ap50() || amount(point) <= 0) continue;
    points.push_back(
        {amount(point), point.ap50(), ranking::StandardError(point.ap50_low(), point.ap50_high())});
  }
  ranking::CurveOptions options;
  options.seed = kSeed;
  return ranking::FitLearningCurve(points, options);
}

// Labelled images after the next round, as far as the pool reaches. Requires: a point.
double NextImages(const CurveInput& input) {
  const double now = Images(input.points.back());
  const auto pool = static_cast<double>(input.pool_images);
  return std::max(now, std::min(now + static_cast<double>(input.next_images), pool));
}

// What can be asked of a curve, as labelled images.
std::vector<std::pair<const char*, double>> Milestones(const CurveInput& input) {
  const double now = Images(input.points.back());
  const auto pool = static_cast<double>(input.pool_images);
  std::vector<std::pair<const char*, double>> milestones = {{"now", now}};
  if (NextImages(input) > now) milestones.emplace_back("next round", NextImages(input));
  for (const auto& [name, share] :
       {std::pair{"40 % labelled", 0.4}, std::pair{"60 % labelled", 0.6}, std::pair{"all labelled", 1.0}}) {
    if (share * pool > now) milestones.emplace_back(name, share * pool);
  }
  return milestones;
}

// `per_image`: what an image that is still to be labelled adds to the amount.
v1::CurveFit FitMessage(const ranking::LearningCurve& curve, const CurveInput& input, Amount amount,
                        double per_image) {
  v1::CurveFit fit;
  fit.set_a(curve.law.a);
  fit.set_beta(curve.law.beta);
  fit.set_c(curve.law.c);
  fit.set_c_fixed(curve.c_fixed);
  const v1::CurvePoint& last = input.points.back();
  for (const auto& [name, images] : Milestones(input)) {
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

std::vector<evaluation::DetectedBox> BoxesOf(std::span<const v1::ImagePrediction> predictions) {
  std::vector<JudgedImage> images;
  PredictionsById by_id;
  for (const v1::ImagePrediction& prediction : predictions) {
    images.push_back({prediction.image_id(), {}});
    by_id.emplace(prediction.image_id(), prediction);
  }
  return DetectionsOf(images, by_id);
}

ranking::StopEvidence EvidenceOf(const CurveInput& input,
                                 const absl::StatusOr<ranking::LearningCurve>& curve) {
  ranking::StopEvidence evidence;
  evidence.classes = input.classes;
  for (const v1::CurvePoint& point : input.points) {
    if (point.has_agreement()) evidence.agreements.push_back(point.agreement());
  }
  if (input.points.empty()) return evidence;
  const v1::CurvePoint& last = input.points.back();
  if (last.has_ap50()) evidence.ap = ranking::Band{last.ap50(), last.ap50_low(), last.ap50_high()};
  if (curve.ok()) evidence.gain = curve->ForecastGain(Images(last), NextImages(input));
  return evidence;
}

}  // namespace

void JudgePoint(std::span<const JudgedImage> images, const PredictionsById& predictions, int class_count,
                v1::CurvePoint& point) {
  point.set_judged_images(images.size());
  const evaluation::Estimate estimate = evaluation::BootstrapAp50(
      evaluation::Ap50Matches(TruthOf(images, class_count), DetectionsOf(images, predictions)),
      {.seed = kSeed});
  if (estimate.value < 0) return;
  point.set_ap50(estimate.value);
  point.set_ap50_low(estimate.low);
  point.set_ap50_high(estimate.high);
}

std::optional<double> AgreementOf(std::span<const v1::ImagePrediction> earlier,
                                  std::span<const v1::ImagePrediction> later) {
  if (earlier.empty()) return std::nullopt;
  return ranking::MatchedF1(BoxesOf(earlier), BoxesOf(later));
}

absl::StatusOr<v1::Curve> MakeCurve(const CurveInput& input) {
  v1::Curve curve;
  for (const v1::CurvePoint& point : input.points) *curve.add_points() = point;
  const absl::StatusOr<ranking::LearningCurve> by_images = Fit(input, Images);
  if (by_images.ok()) {
    *curve.mutable_by_images() = FitMessage(*by_images, input, Images, 1);
    const absl::StatusOr<ranking::LearningCurve> by_seconds = Fit(input, Seconds);
    if (by_seconds.ok()) {
      *curve.mutable_by_seconds() = FitMessage(*by_seconds, input, Seconds, input.seconds_per_image);
    }
  } else if (absl::IsFailedPrecondition(by_images.status())) {
    curve.set_no_fit(std::string(by_images.status().message()));
  } else {
    return absl::InternalError(by_images.status().message());
  }
  const ranking::StopAdvice advice = ranking::AdviseStop(EvidenceOf(input, by_images), input.thresholds);
  curve.set_verdict(std::string(ranking::VerdictName(advice.verdict)));
  for (const ranking::Reason& reason : advice.reasons) {
    v1::CurveReason& message = *curve.add_reasons();
    message.set_speaks_for(std::string(ranking::VerdictName(reason.verdict)));
    message.set_text(reason.text);
  }
  return curve;
}

}  // namespace loupe
