// Judging a trained model on the labelled holdout, and against the serving model.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "db/stores/evaluation_store.h"
#include "evaluation/bootstrap.h"
#include "evaluation/coco_metrics.h"
#include "loupe/v1/recipe.pb.h"
#include "loupe/v1/round.pb.h"
#include "loupe/v1/worker.pb.h"

namespace loupe {

// A labelled image with its truth: of the holdout, drawn blind, or of the pool for models that did not learn
// from it.
struct JudgedImage {
  int64_t image_id = 0;
  std::vector<v1::LabelBox> truth;
  // Labels from 1 to this: boxes of other classes are neither right nor wrong, since nobody looked for them.
  uint32_t known_classes = std::numeric_limits<uint32_t>::max();
  double area = 0;  // in square pixels
};

// By image id. An image that was set aside has a prediction without boxes.
using PredictionsById = std::unordered_map<int64_t, v1::ImagePrediction>;

// In the order given.
std::vector<JudgedImage> JudgedImagesOf(std::vector<HoldoutImage> holdout);

// The images that all of these models have predicted, in the order given: they can be judged on those.
std::vector<JudgedImage> JudgedByAll(std::vector<JudgedImage> images,
                                     std::span<const PredictionsById* const> predictions);

// The labelled images of the holdout that one model has predicted. predictions: the model's.
std::vector<JudgedImage> ReadJudgedImages(Transaction& transaction, ProjectId project,
                                          const PredictionsById& predictions);

// Input of evaluation/, where an image is its index in `images`.
evaluation::GroundTruth TruthOf(std::span<const JudgedImage> images, int class_count);
// Of the classes that an image knows. Requires: a prediction for every image.
std::vector<evaluation::DetectedBox> DetectionsOf(std::span<const JudgedImage> images,
                                                  const PredictionsById& predictions);

// [classes] True boxes but regions to ignore.
std::vector<uint64_t> BoxesPerClass(const evaluation::GroundTruth& truth);
v1::Box CornersOf(const evaluation::Box& box);

// For intervals of a model's figures. Any number: everybody who tells the same figure tells the same
// interval. It is the seed of a recipe that says nothing else, so that the interval is that of the gate, too.
inline constexpr uint64_t kIntervalSeed = 1;

// COCO's metrics of one model. Requires: a prediction for every image; labels from 1 to class_count.
v1::Evaluation EvaluateModel(std::span<const JudgedImage> images, const PredictionsById& predictions,
                             int class_count, bool random_sample);

struct ServingModel {
  uint32_t number = 0;
  const PredictionsById* predictions = nullptr;
};

// Decides whether a model may serve; GateRecipe and Gate in the protocol say how. With fewer than
// `min_images` images, or when no image holds a box, the model is not judged and may serve. The same seed
// gives the same interval. Requires: as EvaluateModel, for both models.
v1::Gate JudgeGate(std::span<const JudgedImage> images, const PredictionsById& candidate,
                   const std::optional<ServingModel>& serving, int class_count, const v1::GateRecipe& recipe,
                   uint64_t seed);

// Whether a model with this gate may be promoted automatically: no outcome, or one that a later release
// knows, is a no.
bool MayServe(const v1::Gate& gate);

}  // namespace loupe
