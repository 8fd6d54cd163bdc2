// loupe model compare
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

struct CompareOptions {
  std::string first;
  std::string second;
  std::optional<double> score;  // the coordinator has the default
  bool json = false;
};

struct FetchedComparison {
  v1::ModelComparison figures;
  v1::ListModelDifferencesResponse first_better;  // the first page
  v1::ListModelDifferencesResponse second_better;
};

absl::StatusOr<v1::ListModelDifferencesResponse> FetchDifferences(const Context& context,
                                                                  const CompareOptions& options,
                                                                  bool first_better) {
  v1::ListModelDifferencesRequest request;
  request.set_project(context.project());
  request.set_first(options.first);
  request.set_second(options.second);
  if (options.score.has_value()) request.set_score_threshold(*options.score);
  request.set_first_better(first_better);
  return Ask(context, &v1::InsightService::Stub::ListModelDifferences, request, kFigures);
}

absl::StatusOr<FetchedComparison> FetchComparison(const Context& context, const CompareOptions& options) {
  v1::CompareModelsRequest request;
  request.set_project(context.project());
  request.set_first(options.first);
  request.set_second(options.second);
  if (options.score.has_value()) request.set_score_threshold(*options.score);
  auto figures = Ask(context, &v1::InsightService::Stub::CompareModels, request, kFigures);
  if (!figures.ok()) return figures.status();
  auto first_better = FetchDifferences(context, options, true);
  if (!first_better.ok()) return first_better.status();
  auto second_better = FetchDifferences(context, options, false);
  if (!second_better.ok()) return second_better.status();
  return FetchedComparison{*std::move(figures), *std::move(first_better), *std::move(second_better)};
}

Json BoxCountsJson(const v1::BoxCounts& counts) {
  return {{"true_positives", counts.true_positives()},
          {"false_positives", counts.false_positives()},
          {"false_negatives", counts.false_negatives()}};
}

Json ApDifferenceJson(bool there, const v1::ApDifference& ap50) {
  if (!there) return Json();
  return {{"difference", ap50.difference()},
          {"low", ap50.has_low() ? Json(ap50.low()) : Json()},
          {"high", ap50.has_high() ? Json(ap50.high()) : Json()}};
}

Json DifferencesJson(const v1::ListModelDifferencesResponse& page) {
  Json json = Json::array();
  for (const v1::ModelDifference& difference : page.images()) {
    json.push_back({{"image_id", difference.image().id()},
                    {"file_name", difference.image().file_name()},
                    {"first", BoxCountsJson(difference.first().counts())},
                    {"second", BoxCountsJson(difference.second().counts())}});
  }
  return json;
}

Json ComparisonJson(const FetchedComparison& comparison, const ClassNames& classes) {
  const v1::ModelComparison& figures = comparison.figures;
  Json json = {{"first", figures.first()},
               {"second", figures.second()},
               {"score_threshold", figures.score_threshold()},
               {"images", figures.images()},
               {"first_evaluation", EvaluationJson(figures.first_evaluation(), classes)},
               {"second_evaluation", EvaluationJson(figures.second_evaluation(), classes)},
               {"ap50", ApDifferenceJson(figures.has_ap50(), figures.ap50())}};
  json["classes"] = Json::array();
  for (const v1::ClassDifference& one : figures.classes()) {
    json["classes"].push_back({{"label", one.label()},
                               {"class", classes.Name(one.label())},
                               {"boxes", one.boxes()},
                               {"ap50", ApDifferenceJson(one.has_ap50(), one.ap50())}});
  }
  json["first_counts"] = BoxCountsJson(figures.first_counts());
  json["second_counts"] = BoxCountsJson(figures.second_counts());
  json["first_better_images"] = figures.first_better_images();
  json["second_better_images"] = figures.second_better_images();
  json["first_better"] = DifferencesJson(comparison.first_better);
  json["second_better"] = DifferencesJson(comparison.second_better);
  return json;
}

std::string DifferenceText(bool there, const v1::ApDifference& ap50) {
  if (!there) return "-";
  if (!ap50.has_low()) return absl::StrFormat("%+.4f", ap50.difference());
  return absl::StrFormat("%+.4f (%+.4f to %+.4f)", ap50.difference(), ap50.low(), ap50.high());
}

std::string BoxCountsText(const v1::BoxCounts& counts) {
  return absl::StrCat(counts.true_positives(), " right, ", counts.false_positives(), " false, ",
                      counts.false_negatives(), " missed");
}

void PrintDifferences(uint32_t better, uint64_t images, const v1::ListModelDifferencesResponse& page) {
  std::printf("\nmodel %u is better on %s\n", better, Counted(images, "image").c_str());
  if (page.images().empty()) return;
  Table table({"image", "file", "first", "second"});
  for (const v1::ModelDifference& difference : page.images()) {
    table.Add({absl::StrCat(difference.image().id()), Printable(difference.image().file_name()),
               BoxCountsText(difference.first().counts()), BoxCountsText(difference.second().counts())});
  }
  table.Print();
}

void PrintComparison(const FetchedComparison& comparison, const ClassNames& classes) {
  const v1::ModelComparison& figures = comparison.figures;
  const v1::Evaluation& first = figures.first_evaluation();
  const v1::Evaluation& second = figures.second_evaluation();
  Table table({absl::StrCat("on ", Counted(figures.images(), "image")),
               absl::StrCat("model ", figures.first()), absl::StrCat("model ", figures.second()),
               "difference (90 % interval)"});
  table.Add({"AP50", Fixed(first.ap50(), 4), Fixed(second.ap50(), 4),
             DifferenceText(figures.has_ap50(), figures.ap50())});
  table.Add({"AP", Fixed(first.ap(), 4), Fixed(second.ap(), 4), ""});
  for (int c = 0; c < figures.classes_size(); ++c) {
    const v1::ClassDifference& one = figures.classes(c);
    table.Add({absl::StrCat("AP50 ", classes.Name(one.label())), Fixed(first.per_class(c).ap50(), 4),
               Fixed(second.per_class(c).ap50(), 4), DifferenceText(one.has_ap50(), one.ap50())});
  }
  table.Print();
  std::printf("\nboxes with a score of %g and more\n", figures.score_threshold());
  std::printf("model %u: %s\n", figures.first(), BoxCountsText(figures.first_counts()).c_str());
  std::printf("model %u: %s\n", figures.second(), BoxCountsText(figures.second_counts()).c_str());
  PrintDifferences(figures.first(), figures.first_better_images(), comparison.first_better);
  PrintDifferences(figures.second(), figures.second_better_images(), comparison.second_better);
}

absl::Status Compare(const Context& context, const CompareOptions& options) {
  const auto classes = FetchClasses(context);
  if (!classes.ok()) return classes.status();
  const absl::StatusOr<FetchedComparison> comparison = FetchComparison(context, options);
  if (!comparison.ok()) return comparison.status();
  options.json ? PrintJson(ComparisonJson(*comparison, *classes)) : PrintComparison(*comparison, *classes);
  return absl::OkStatus();
}

}  // namespace

void AddCompareCommand(CLI::App& model, Action& action) {
  auto options = std::make_shared<CompareOptions>();
  CLI::App* command =
      model.add_subcommand("compare", "Two models on the labelled images of the holdout that both predicted");
  command->add_option("first", options->first, "Its name or number")->required();
  command->add_option("second", options->second, "Its name or number")->required();
  command->add_option("--score", options->score, "Lowest score of the boxes that are counted (0.5)");
  command->add_flag("--json", options->json, "Print JSON");
  OnChosen(command, action, options, Compare);
}

}  // namespace loupe
