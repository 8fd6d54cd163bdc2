// loupe estimate
#include <cstdio>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cli/commands.h"
#include "client/cli/message_json.h"
#include "loupe/v1/insight.grpc.pb.h"

namespace loupe {
namespace {

struct EstimateOptions {
  std::optional<double> score;  // the coordinator has the default
  std::string model;
  bool json = false;
};

Json EstimateJson(const v1::PoolFigure& figure) {
  return {{"value", figure.value()},
          {"low", figure.has_low() ? Json(figure.low()) : Json()},
          {"high", figure.has_high() ? Json(figure.high()) : Json()}};
}

Json FiguresJson(const v1::PoolFigures& figures) {
  return {{"precision", figures.has_precision() ? EstimateJson(figures.precision()) : Json()},
          {"recall", figures.has_recall() ? EstimateJson(figures.recall()) : Json()},
          {"ap50", figures.has_ap50() ? EstimateJson(figures.ap50()) : Json()},
          {"prevalence", figures.has_prevalence() ? EstimateJson(figures.prevalence()) : Json()},
          {"boxes_left", figures.has_boxes_left() ? EstimateJson(figures.boxes_left()) : Json()}};
}

Json EstimatesJson(const v1::PoolEstimates& estimates, const ClassNames& classes) {
  const bool drawn = estimates.slice_images() > 0;
  const bool judged = estimates.model() != 0;
  Json json = {{"generation", drawn ? Json(estimates.generation()) : Json()},
               {"model", judged ? Json(estimates.model()) : Json()},
               {"not_judged", estimates.not_judged().empty() ? Json() : Json(estimates.not_judged())},
               {"score_threshold", estimates.score_threshold()},
               {"slice_images", estimates.slice_images()},
               {"answered_images", estimates.answered_images()},
               {"open_image", estimates.open_image().empty() ? Json() : Json(estimates.open_image())},
               {"answered_behind", estimates.answered_behind()},
               {"skipped_images", estimates.skipped_images()},
               {"answers_missing", estimates.answers_missing()},
               {"population", estimates.population()},
               {"known_images", estimates.known_images()},
               {"images_not_covered", estimates.images_not_covered()},
               {"withdrawn_labels", estimates.withdrawn_labels()},
               {"no_figures", estimates.no_figures().empty() ? Json() : Json(estimates.no_figures())}};
  if (!estimates.has_all_classes()) return json;
  json["all_classes"] = FiguresJson(estimates.all_classes());
  json["averaged_classes"] = estimates.averaged_classes();
  json["classes"] = Json::array();
  for (const v1::ClassFigures& one : estimates.classes()) {
    Json of_class = {{"label", one.label()},
                     {"class", classes.Name(one.label())},
                     {"images_to_look_at", one.images_to_look_at()}};
    of_class.update(FiguresJson(one.figures()));
    json["classes"].push_back(std::move(of_class));
  }
  return json;
}

std::string FigureText(bool there, const v1::PoolFigure& figure, int digits) {
  if (!there) return "-";
  if (!figure.has_low()) return absl::StrFormat("%.*f", digits, figure.value());
  return absl::StrFormat("%.*f (%.*f to %.*f)", digits, figure.value(), digits, figure.low(), digits,
                         figure.high());
}

void AddFigures(const std::string& name, const v1::PoolFigures& figures, Table& table) {
  table.Add({name, FigureText(figures.has_precision(), figures.precision(), 3),
             FigureText(figures.has_recall(), figures.recall(), 3),
             FigureText(figures.has_ap50(), figures.ap50(), 3),
             FigureText(figures.has_prevalence(), figures.prevalence(), 3),
             FigureText(figures.has_boxes_left(), figures.boxes_left(), 0)});
}

// One line for each thing that the figures rest on.
std::vector<std::string> NotesOn(const v1::PoolEstimates& estimates) {
  std::vector<std::string> notes;
  if (!estimates.no_figures().empty()) {
    notes.push_back(absl::StrCat("no estimate: ", estimates.no_figures()));
  }
  if (estimates.slice_images() == 0) return notes;
  notes.push_back(absl::StrFormat(
      "random slice of generation %d: %d of %d images answered in order, drawn from %d unlabelled ones",
      estimates.generation(), estimates.answered_images(), estimates.slice_images(), estimates.population()));
  notes.push_back(
      estimates.model() == 0
          ? absl::StrCat("no model is judged: ", estimates.not_judged())
          : absl::StrFormat("precision and recall: of model %d's boxes with a score of %g and more",
                            estimates.model(), estimates.score_threshold()));
  if (estimates.answered_behind() > 0) {
    notes.push_back(absl::StrFormat("once %s is answered, these count, too: %s", estimates.open_image(),
                                    Counted(estimates.answered_behind(), "answered image")));
  }
  if (estimates.skipped_images() > 0) {
    notes.push_back(
        absl::StrFormat("%d images of the slice were skipped and are left out, as if like the others",
                        estimates.skipped_images()));
  }
  if (estimates.withdrawn_labels() > 0) {
    notes.push_back(absl::StrFormat("model %d learned from labels that were withdrawn since: %d",
                                    estimates.model(), estimates.withdrawn_labels()));
  }
  if (estimates.images_not_covered() > 0) {
    notes.push_back(absl::StrFormat("%d images came after the draw: the figures do not cover them",
                                    estimates.images_not_covered()));
  }
  return notes;
}

void PrintEstimates(const v1::PoolEstimates& estimates, const ClassNames& classes) {
  if (estimates.has_all_classes()) {
    Table table({"class", "precision", "recall", "AP50", "share of images", "boxes left"});
    AddFigures("all", estimates.all_classes(), table);
    for (const v1::ClassFigures& one : estimates.classes()) {
      AddFigures(classes.Name(one.label()), one.figures(), table);
    }
    table.Print();
    for (const v1::ClassFigures& one : estimates.classes()) {
      if (one.images_to_look_at() == 0) continue;
      std::printf("%s was added: %s still to be looked at for it\n", classes.Name(one.label()).c_str(),
                  Counted(one.images_to_look_at(), "labelled image").c_str());
    }
    std::printf("in brackets 95 %% intervals, where the answered images hold enough boxes for one\n\n");
  }
  for (const std::string& note : NotesOn(estimates)) std::printf("%s\n", Printable(note).c_str());
}

absl::Status ShowEstimates(const Context& context, const EstimateOptions& options) {
  const auto classes = FetchClasses(context);
  if (!classes.ok()) return classes.status();
  v1::EstimatePoolRequest request;
  request.set_project(context.project());
  request.set_model(options.model);
  if (options.score.has_value()) request.set_score_threshold(*options.score);
  const auto estimates = Ask(context, &v1::InsightService::Stub::EstimatePool, request, kFigures);
  if (!estimates.ok()) return estimates.status();
  options.json ? PrintJson(EstimatesJson(*estimates, *classes)) : PrintEstimates(*estimates, *classes);
  return absl::OkStatus();
}

}  // namespace

void AddEstimateCommand(CLI::App& parent, Action& action) {
  auto estimate = std::make_shared<EstimateOptions>();
  CLI::App* command = parent.add_subcommand(
      "estimate", "What a random slice says of the pool: how good a model is on it, how many boxes are left");
  command->add_option("--score", estimate->score, "Lowest score of the boxes that are judged (0.5)");
  command->add_option("--model", estimate->model, "Name or number (the one that ranked the slice)");
  command->add_flag("--json", estimate->json, "Print JSON");
  OnChosen(command, action, estimate, ShowEstimates);
}

}  // namespace loupe
