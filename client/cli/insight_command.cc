// loupe curve, loupe check
#include <cstdio>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cli/commands.h"
#include "client/cli/message_json.h"
#include "loupe/v1/insight.grpc.pb.h"

namespace loupe {
namespace {

struct CurveOptions {
  std::optional<double> gain;  // the coordinator has the defaults
  std::optional<uint32_t> boxes;
  std::optional<double> interval;
  bool json = false;
};

Json FitJson(const v1::CurveFit& fit) {
  Json json = {{"a", fit.a()}, {"beta", fit.beta()}, {"c", fit.c()}, {"c_fixed", fit.c_fixed()}};
  json["forecasts"] = Json::array();
  for (const v1::CurveForecast& forecast : fit.forecasts()) {
    json["forecasts"].push_back({{"at", forecast.at()},
                                 {"n", forecast.n()},
                                 {"ap50", forecast.ap50()},
                                 {"ap50_low", forecast.ap50_low()},
                                 {"ap50_high", forecast.ap50_high()}});
  }
  return json;
}

Json CurveJson(const v1::Curve& curve) {
  Json json = {{"points", Json::array()}};
  for (const v1::CurvePoint& point : curve.points()) {
    const bool judged = point.has_ap50();
    json["points"].push_back({{"round", point.round()},
                              {"model", point.model()},
                              {"images", point.images()},
                              {"boxes", point.boxes()},
                              {"seconds", point.seconds()},
                              {"judged_images", point.judged_images()},
                              {"random_sample", point.random_sample()},
                              {"ap50", judged ? Json(point.ap50()) : Json()},
                              {"ap50_low", judged ? Json(point.ap50_low()) : Json()},
                              {"ap50_high", judged ? Json(point.ap50_high()) : Json()},
                              {"agreement", point.has_agreement() ? Json(point.agreement()) : Json()},
                              {"withdrawn_labels", point.withdrawn_labels()}});
  }
  json["by_images"] = curve.has_by_images() ? FitJson(curve.by_images()) : Json();
  json["by_seconds"] = curve.has_by_seconds() ? FitJson(curve.by_seconds()) : Json();
  json["no_fit"] = curve.no_fit().empty() ? Json() : Json(curve.no_fit());
  json["verdict"] = curve.verdict();
  json["reasons"] = Json::array();
  for (const v1::CurveReason& reason : curve.reasons()) {
    json["reasons"].push_back({{"speaks_for", reason.speaks_for()}, {"text", reason.text()}});
  }
  return json;
}

std::string BandText(double value, double low, double high) {
  return absl::StrFormat("%.3f (%.3f to %.3f)", value, low, high);
}

void PrintForecasts(const v1::CurveFit& fit, const char* unit, double size) {
  Table forecasts({"forecast", unit, "AP50 (90 % band)"});
  for (const v1::CurveForecast& forecast : fit.forecasts()) {
    forecasts.Add({forecast.at(), absl::StrFormat("%.0f", forecast.n() / size),
                   BandText(forecast.ap50(), forecast.ap50_low(), forecast.ap50_high())});
  }
  std::printf("\n");
  forecasts.Print();
}

void PrintCurve(const v1::Curve& curve) {
  Table points({"round", "images", "boxes", "minutes", "AP50 (90 % interval)", "judged on", "agreement"});
  for (const v1::CurvePoint& point : curve.points()) {
    points.Add({absl::StrCat(point.round()), absl::StrCat(point.images()), absl::StrCat(point.boxes()),
                absl::StrFormat("%.1f", point.seconds() / 60),
                point.has_ap50() ? BandText(point.ap50(), point.ap50_low(), point.ap50_high()) : "-",
                absl::StrCat(point.judged_images(), point.random_sample() ? "" : ", imported"),
                point.has_agreement() ? Fixed(point.agreement(), 3) : "-"});
  }
  if (curve.points_size() > 0) points.Print();
  for (const v1::CurvePoint& point : curve.points()) {
    if (point.withdrawn_labels() == 0) continue;
    std::printf("round %u learned from labels that were withdrawn since: %lu\n", point.round(),
                point.withdrawn_labels());
  }
  if (curve.has_by_images()) {
    PrintForecasts(curve.by_images(), "images", 1);
    if (curve.has_by_seconds()) PrintForecasts(curve.by_seconds(), "minutes", 60);
    if (curve.by_images().c_fixed()) {
      std::printf(
          "there are too few rounds to tell where the curve ends, so AP50 1 is assumed: "
          "forecasts far ahead are too high\n");
    }
  }
  if (!curve.no_fit().empty()) std::printf("\nno forecast: %s\n", Printable(curve.no_fit()).c_str());
  std::printf("\n%s\n", Printable(curve.verdict()).c_str());
  const bool judged = std::any_of(curve.points().begin(), curve.points().end(),
                                  [](const v1::CurvePoint& point) { return point.has_ap50(); });
  if (!judged) return;  // there is nothing to weigh yet
  for (const v1::CurveReason& reason : curve.reasons()) {
    std::printf("  %s: %s\n", Printable(reason.speaks_for()).c_str(), Printable(reason.text()).c_str());
  }
}

absl::Status ShowCurve(const Context& context, const CurveOptions& options) {
  v1::GetCurveRequest request;
  request.set_project(context.project());
  if (options.gain.has_value()) request.set_worthwhile_gain(*options.gain);
  if (options.boxes.has_value()) request.set_boxes_per_class(*options.boxes);
  if (options.interval.has_value()) request.set_interval_width(*options.interval);
  const auto curve = Ask(context, &v1::InsightService::Stub::GetCurve, request, kFigures);
  if (!curve.ok()) return curve.status();
  options.json ? PrintJson(CurveJson(*curve)) : PrintCurve(*curve);
  return absl::OkStatus();
}

struct CheckOptions {
  bool json = false;
};

Json CheckJson(const v1::LabelCheck& check, const ClassNames& classes) {
  Json json = {{"model", check.model() == 0 ? Json() : Json(check.model())}, {"findings", Json::array()}};
  for (const std::string& finding : check.findings()) json["findings"].push_back(finding);
  json["classes"] = Json::array();
  for (const v1::ClassCoverage& coverage : check.classes()) {
    json["classes"].push_back(
        {{"label", coverage.label()},
         {"class", classes.Name(coverage.label())},
         {"boxes", coverage.boxes()},
         {"expected_boxes", coverage.has_expected_boxes() ? Json{{"value", coverage.expected_boxes()},
                                                                 {"low", coverage.expected_low()},
                                                                 {"high", coverage.expected_high()}}
                                                          : Json()},
         {"missing", coverage.missing()},
         {"thin", coverage.thin()},
         {"underrepresented", coverage.underrepresented()},
         {"images_to_look_at", coverage.images_to_look_at()}});
  }
  json["comparisons"] = Json::array();
  for (const v1::Comparison& comparison : check.comparisons()) {
    json["comparisons"].push_back({{"of", comparison.of()},
                                   {"what", comparison.what()},
                                   {"images", comparison.images()},
                                   {"others", comparison.others()},
                                   {"statistic", comparison.statistic()},
                                   {"p_value", comparison.p_value()}});
  }
  const v1::DuplicateImages& duplicates = check.holdout_duplicates();
  json["holdout_duplicates"] = {{"pairs", duplicates.pairs()},
                                {"holdout_images", duplicates.holdout_images()},
                                {"compared_holdout_images", duplicates.compared_holdout_images()},
                                {"compared_pool_images", duplicates.compared_pool_images()}};
  json["holdout_duplicates"]["examples"] = Json::array();
  for (const v1::DuplicatePair& pair : duplicates.examples()) {
    json["holdout_duplicates"]["examples"].push_back(
        {{"holdout_image", pair.holdout_image()}, {"pool_image", pair.pool_image()}, {"bits", pair.bits()}});
  }
  return json;
}

void PrintCheck(const v1::LabelCheck& check, const ClassNames& classes) {
  Table coverage({"class", "boxes in the pool", "expected in the rest"});
  for (const v1::ClassCoverage& one : check.classes()) {
    coverage.Add({classes.Name(one.label()), absl::StrCat(one.boxes()),
                  one.has_expected_boxes() ? absl::StrFormat("%.0f (%.0f to %.0f)", one.expected_boxes(),
                                                             one.expected_low(), one.expected_high())
                                           : "-"});
  }
  coverage.Print();
  if (!check.comparisons().empty()) {
    Table comparisons({"compared", "by", "images", "others", "difference", "p"});
    for (const v1::Comparison& one : check.comparisons()) {
      comparisons.Add({one.what(), one.of(), absl::StrCat(one.images()), absl::StrCat(one.others()),
                       absl::StrFormat("%.4f", one.statistic()), absl::StrFormat("%.3f", one.p_value())});
    }
    std::printf("\n");
    comparisons.Print();
    std::printf("labelled images that a model chose are meant to differ; the random slice is not\n");
  }
  const v1::DuplicateImages& duplicates = check.holdout_duplicates();
  std::printf(
      "\nsearched for near-duplicates: %lu holdout and %lu pool images, those that a worker has read in a "
      "round\n",
      duplicates.compared_holdout_images(), duplicates.compared_pool_images());
  for (const v1::DuplicatePair& pair : duplicates.examples()) {
    std::printf("%s (holdout) nearly repeats %s\n", Printable(pair.holdout_image()).c_str(),
                Printable(pair.pool_image()).c_str());
  }
  std::printf("\n");
  for (const std::string& finding : check.findings()) std::printf("! %s\n", Printable(finding).c_str());
  if (check.findings().empty()) std::printf("nothing stands out\n");
}

absl::Status ShowCheck(const Context& context, const CheckOptions& options) {
  const auto classes = FetchClasses(context);
  if (!classes.ok()) return classes.status();
  v1::CheckLabelsRequest request;
  request.set_project(context.project());
  const auto check = Ask(context, &v1::InsightService::Stub::CheckLabels, request, kFigures);
  if (!check.ok()) return check.status();
  options.json ? PrintJson(CheckJson(*check, *classes)) : PrintCheck(*check, *classes);
  return absl::OkStatus();
}

}  // namespace

void AddInsightCommands(CLI::App& parent, Action& action) {
  auto curve = std::make_shared<CurveOptions>();
  CLI::App* command =
      parent.add_subcommand("curve", "AP50 by labels, a forecast, and whether to go on labelling");
  command->add_option("--gain", curve->gain, "A round that brings less AP50 isn't worth it (0.01)");
  command->add_option("--boxes", curve->boxes, "Boxes that each class should have (30)");
  command->add_option("--interval", curve->interval, "Width of AP50's interval that is narrow enough (0.1)");
  command->add_flag("--json", curve->json, "Print JSON");
  OnChosen(command, action, curve, ShowCurve);

  auto check = std::make_shared<CheckOptions>();
  command = parent.add_subcommand("check", "Whether the labelled images represent the rest of the pool");
  command->add_flag("--json", check->json, "Print JSON");
  OnChosen(command, action, check, ShowCheck);
}

}  // namespace loupe
