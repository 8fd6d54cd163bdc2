#include "server/insight/pool_estimates.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "db/stores/model_store.h"
#include "db/stores/project_store.h"
#include "evaluation/weighted_estimates.h"
#include "proto/class_index.h"
#include "server/rounds/round_calibration.h"

namespace loupe {
namespace {

constexpr uint64_t kEstimateSeed = 1;  // the same labels give the same intervals

// [images] true boxes, and the right and wrong detections of the judged model, if there is one.
std::vector<evaluation::SampledImage> SampledImages(const ChosenSlice& chosen, int class_count) {
  std::vector<evaluation::SampledImage> images(chosen.images.size());
  for (size_t i = 0; i < images.size(); ++i) {
    images[i].true_boxes.resize(static_cast<size_t>(class_count));
    for (const v1::LabelBox& box : chosen.images[i].truth) {
      if (!box.ignore()) ++images[i].true_boxes[ClassIndexOf(box.label())];
    }
  }
  if (chosen.model == 0) return images;
  const auto judged = JudgeByImage(chosen.images, chosen.predictions, class_count);
  for (size_t i = 0; i < images.size(); ++i) {
    for (const ranking::JudgedDetection& one : judged[i]) {
      images[i].detections.push_back({one.class_index, static_cast<float>(one.score), one.correct});
    }
  }
  return images;
}

evaluation::PoolSample SampleOf(const ChosenSlice& chosen, int class_count) {
  const PoolParts& parts = chosen.parts;
  evaluation::PoolSample sample;
  sample.num_classes = class_count;
  sample.drawn = SampledImages(chosen, class_count);
  sample.population = parts.population;
  sample.boxes_labelled_since = parts.boxes_labelled_since;
  for (const evaluation::SampledImage& drawn : sample.drawn) {
    for (size_t c = 0; c < drawn.true_boxes.size(); ++c) {
      sample.boxes_labelled_since[c] -= drawn.true_boxes[c];
    }
  }
  sample.known_images = parts.known_images;
  sample.known_images_with_boxes = parts.known_images_with_boxes;
  sample.known_images_with_class = parts.known_images_with_class;
  return sample;
}

v1::PoolFigure FigureMessage(const evaluation::PoolEstimate& estimate) {
  v1::PoolFigure figure;
  figure.set_value(estimate.value);
  if (!estimate.has_interval) return figure;
  figure.set_low(estimate.low);
  figure.set_high(estimate.high);
  return figure;
}

v1::PoolFigures FiguresMessage(const evaluation::PoolFigures& figures, const ChosenSlice& chosen) {
  v1::PoolFigures message;
  *message.mutable_prevalence() = FigureMessage(figures.prevalence);
  // When nothing is left, that is known without an estimate.
  *message.mutable_boxes_left() = FigureMessage(
      chosen.parts.open_images > 0 ? figures.boxes_left : evaluation::PoolEstimate{0, true, 0, 0});
  if (chosen.model == 0) return message;
  if (figures.precision.value >= 0) *message.mutable_precision() = FigureMessage(figures.precision);
  if (figures.recall.value >= 0) *message.mutable_recall() = FigureMessage(figures.recall);
  if (figures.ap50.value >= 0) *message.mutable_ap50() = FigureMessage(figures.ap50);
  return message;
}

std::string WhyNoFigures(const ChosenSlice& chosen) {
  if (!chosen.slice.answered.empty()) return "";
  if (chosen.slice.open_image.empty()) return "no image of the random slice is left to estimate from";
  return absl::StrCat("none of the ", chosen.slice.size,
                      " images of the random slice counts yet: ", chosen.slice.open_image,
                      ", the first of them, is not answered");
}

}  // namespace

absl::StatusOr<PoolEstimatesInput> ReadPoolEstimatesInput(Transaction& transaction,
                                                          const v1::EstimatePoolRequest& request) {
  const absl::StatusOr<ProjectId> project = FindProject(transaction, request.project());
  if (!project.ok()) return project.status();
  std::optional<ModelRow> asked;
  if (!request.model().empty()) {
    absl::StatusOr<ModelRow> model = ReadNamedModel(transaction, *project, request.model());
    if (!model.ok()) return model.status();
    asked = *std::move(model);
  }
  absl::StatusOr<std::optional<ChosenSlice>> chosen = ChooseSlice(transaction, *project, asked);
  if (!chosen.ok()) return chosen.status();
  PoolEstimatesInput input;
  input.class_count = static_cast<int>(ReadClasses(transaction, *project).size());
  input.chosen = *std::move(chosen);
  if (input.chosen.has_value()) {
    input.withdrawn_labels = CountWithdrawnLabels(transaction, *project)[input.chosen->model];
  }
  return input;
}

v1::PoolEstimates MakePoolEstimates(const PoolEstimatesInput& input, double score_threshold) {
  v1::PoolEstimates message;
  message.set_score_threshold(score_threshold);
  if (!input.chosen.has_value()) {
    message.set_no_figures("no image of the pool was drawn at random");
    return message;
  }
  const ChosenSlice& chosen = *input.chosen;
  message.set_generation(chosen.generation);
  message.set_model(chosen.model);
  message.set_withdrawn_labels(input.withdrawn_labels);
  message.set_not_judged(chosen.not_judged);
  message.set_slice_images(chosen.slice.size);
  message.set_answered_images(chosen.slice.answered.size());
  message.set_answered_behind(chosen.slice.answered_behind);
  message.set_open_image(chosen.slice.open_image);
  message.set_skipped_images(chosen.slice.skipped);
  message.set_population(chosen.parts.population);
  message.set_known_images(chosen.parts.known_images);
  message.set_images_not_covered(chosen.parts.images_not_covered);
  message.set_no_figures(WhyNoFigures(chosen));
  if (chosen.slice.answered.empty()) return message;
  const evaluation::PoolEstimates estimates = evaluation::EstimatePool(
      SampleOf(chosen, input.class_count), {.score_threshold = score_threshold, .seed = kEstimateSeed});
  *message.mutable_all_classes() = FiguresMessage(estimates.pooled, chosen);
  message.set_averaged_classes(static_cast<uint32_t>(estimates.averaged_classes));
  for (size_t c = 0; c < estimates.classes.size(); ++c) {
    const uint32_t label = LabelOf(c);
    const auto to_look_at = chosen.to_look_at.find(label);
    if (to_look_at == chosen.to_look_at.end() && chosen.left_out.contains(label)) continue;  // retired
    v1::ClassFigures& of_class = *message.add_classes();
    of_class.set_label(label);
    if (to_look_at != chosen.to_look_at.end()) {
      of_class.set_images_to_look_at(to_look_at->second);
      continue;
    }
    *of_class.mutable_figures() = FiguresMessage(estimates.classes[c], chosen);
  }
  return message;
}

void WithholdUncertain(const PoolEstimatesInput& input, v1::PoolEstimates& message) {
  if (!message.has_all_classes() || input.chosen->parts.open_images == 0) return;
  const uint64_t images = input.chosen->images.size();
  uint64_t boxes = 0;
  for (const JudgedImage& image : input.chosen->images) {
    for (const v1::LabelBox& box : image.truth) boxes += box.ignore() ? 0 : 1;
  }
  if (images < kFewestImages || boxes < evaluation::kFewestBoxes) {
    uint64_t missing = images < kFewestImages ? kFewestImages - images : 0;
    if (boxes > 0 && boxes < evaluation::kFewestBoxes) {
      // At the rate so far.
      missing = std::max(missing, ((evaluation::kFewestBoxes - boxes) * images + boxes - 1) / boxes);
    }
    message.clear_all_classes();
    message.clear_classes();
    message.clear_averaged_classes();
    message.set_answers_missing(missing);
    message.set_no_figures(absl::StrCat("figures need ", kFewestImages, " answered images of the slice with ",
                                        evaluation::kFewestBoxes, " boxes; there are ", images, " with ",
                                        boxes, ": about ", missing, " more answers are missing"));
    return;
  }
  for (v1::ClassFigures& of_class : *message.mutable_classes()) {
    if (!of_class.has_figures()) continue;
    v1::PoolFigures& figures = *of_class.mutable_figures();
    if (!figures.precision().has_low()) figures.clear_precision();
    if (!figures.recall().has_low()) figures.clear_recall();
    if (!figures.ap50().has_low()) figures.clear_ap50();
    if (!figures.prevalence().has_low()) figures.clear_prevalence();
    if (!figures.boxes_left().has_low()) figures.clear_boxes_left();
  }
}

}  // namespace loupe
