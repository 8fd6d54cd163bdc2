#include "server/rounds/round_evaluation.h"

#include <algorithm>
#include <utility>

#include "proto/class_index.h"

namespace loupe {
namespace {

evaluation::Box CornerBox(double x1, double y1, double x2, double y2) { return {x1, y1, x2 - x1, y2 - y1}; }

}  // namespace

std::vector<JudgedImage> ReadJudgedImages(Transaction& transaction, ProjectId project,
                                          const PredictionsById& predictions) {
  const PredictionsById* const own = &predictions;
  return JudgedByAll(JudgedImagesOf(ReadHoldoutTruth(transaction, project)), {&own, 1});
}

evaluation::GroundTruth TruthOf(std::span<const JudgedImage> images, int class_count) {
  evaluation::GroundTruth truth;
  truth.image_count = static_cast<int>(images.size());
  truth.num_classes = class_count;
  for (size_t i = 0; i < images.size(); ++i) {
    for (const v1::LabelBox& label : images[i].truth) {
      const v1::Box& corners = label.box();
      evaluation::TrueBox box;
      box.image = static_cast<int32_t>(i);
      box.class_index = static_cast<int32_t>(ClassIndexOf(label.label()));
      box.box = CornerBox(corners.x1(), corners.y1(), corners.x2(), corners.y2());
      box.area = box.box.width * box.box.height;
      box.crowd = label.ignore();
      truth.boxes.push_back(box);
    }
  }
  return truth;
}

std::vector<evaluation::DetectedBox> DetectionsOf(std::span<const JudgedImage> images,
                                                  const PredictionsById& predictions) {
  std::vector<evaluation::DetectedBox> detections;
  for (size_t i = 0; i < images.size(); ++i) {
    const v1::ImagePrediction& prediction = predictions.at(images[i].image_id);
    for (int b = 0; b < prediction.scores_size(); ++b) {
      if (prediction.labels(b) > images[i].known_classes) continue;
      evaluation::DetectedBox box;
      box.image = static_cast<int32_t>(i);
      box.class_index = static_cast<int32_t>(ClassIndexOf(prediction.labels(b)));
      box.box = CornerBox(prediction.corners(4 * b), prediction.corners(4 * b + 1),
                          prediction.corners(4 * b + 2), prediction.corners(4 * b + 3));
      box.score = prediction.scores(b);
      detections.push_back(box);
    }
  }
  return detections;
}

std::vector<JudgedImage> JudgedImagesOf(std::vector<HoldoutImage> holdout) {
  std::vector<JudgedImage> images;
  images.reserve(holdout.size());
  for (HoldoutImage& image : holdout) {
    images.push_back({image.id.value(), std::move(image.boxes), image.known_classes, image.area});
  }
  return images;
}

std::vector<JudgedImage> JudgedByAll(std::vector<JudgedImage> images,
                                     std::span<const PredictionsById* const> predictions) {
  std::erase_if(images, [&](const JudgedImage& image) {
    return !std::all_of(predictions.begin(), predictions.end(),
                        [&](const PredictionsById* known) { return known->contains(image.image_id); });
  });
  return images;
}

std::vector<uint64_t> BoxesPerClass(const evaluation::GroundTruth& truth) {
  std::vector<uint64_t> boxes(static_cast<size_t>(truth.num_classes));
  for (const evaluation::TrueBox& box : truth.boxes) {
    if (!box.crowd) ++boxes[static_cast<size_t>(box.class_index)];
  }
  return boxes;
}

v1::Box CornersOf(const evaluation::Box& box) {
  v1::Box corners;
  corners.set_x1(static_cast<float>(box.x));
  corners.set_y1(static_cast<float>(box.y));
  corners.set_x2(static_cast<float>(box.x + box.width));
  corners.set_y2(static_cast<float>(box.y + box.height));
  return corners;
}

v1::Evaluation EvaluateModel(std::span<const JudgedImage> images, const PredictionsById& predictions,
                             int class_count, bool random_sample) {
  const evaluation::CocoMetrics metrics =
      evaluation::EvaluateCoco(TruthOf(images, class_count), DetectionsOf(images, predictions));
  v1::Evaluation evaluation;
  evaluation.set_images(images.size());
  evaluation.set_ap(metrics.overall.ap);
  evaluation.set_ap50(metrics.overall.ap50);
  evaluation.set_ap75(metrics.overall.ap75);
  evaluation.set_random_sample(random_sample);
  for (size_t c = 0; c < metrics.per_class.size(); ++c) {
    v1::ClassAp* of_class = evaluation.add_per_class();
    of_class->set_label(LabelOf(c));
    of_class->set_ap(metrics.per_class[c].ap);
    of_class->set_ap50(metrics.per_class[c].ap50);
  }
  return evaluation;
}

v1::Gate JudgeGate(std::span<const JudgedImage> images, const PredictionsById& candidate,
                   const std::optional<ServingModel>& serving, int class_count, const v1::GateRecipe& recipe,
                   uint64_t seed) {
  v1::Gate gate;
  gate.set_images(images.size());
  if (serving.has_value()) gate.set_against_model(serving->number);
  if (images.empty() || images.size() < recipe.min_images()) {
    gate.set_outcome(v1::GATE_NOT_JUDGED);
    return gate;
  }
  if (!serving.has_value()) {
    gate.set_outcome(v1::GATE_FIRST);
    return gate;
  }
  const evaluation::GroundTruth truth = TruthOf(images, class_count);
  const evaluation::PairedEstimate paired = evaluation::PairedBootstrap(
      evaluation::Ap50Matches(truth, DetectionsOf(images, *serving->predictions)),
      evaluation::Ap50Matches(truth, DetectionsOf(images, candidate)), {.seed = seed});
  gate.set_against_ap50(paired.baseline);
  gate.set_difference(paired.difference);
  gate.set_difference_low(paired.low);
  gate.set_difference_high(paired.high);
  const bool has_boxes = paired.baseline >= 0;
  gate.set_outcome(!has_boxes                          ? v1::GATE_NOT_JUDGED
                   : paired.high < -recipe.tolerance() ? v1::GATE_HELD
                                                       : v1::GATE_PASSED);
  return gate;
}

bool MayServe(const v1::Gate& gate) {
  switch (gate.outcome()) {
    case v1::GATE_FIRST:
    case v1::GATE_PASSED:
    case v1::GATE_NOT_JUDGED:
      return true;
    default:
      return false;
  }
}

}  // namespace loupe
