// The labelled holdout, on which models are judged, and the results.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "content/sha256.h"
#include "db/ids.h"
#include "loupe/v1/annotation.pb.h"
#include "loupe/v1/insight.pb.h"
#include "loupe/v1/round.pb.h"

namespace loupe {

class Transaction;

// A labelled image that a model is judged on; of the holdout, one that was labelled blind.
struct HoldoutImage {
  ImageId id;
  double sampling_key = 0;
  uint32_t known_classes = 0;  // labels from 1 to this; of classes added later the truth says nothing
  std::vector<v1::LabelBox> boxes;
  double area = 0;  // of the image, in square pixels
};

// In order of id, without boxes of retired classes.
std::vector<HoldoutImage> ReadHoldoutTruth(Transaction& transaction, ProjectId project);

// The same of pool images that the model predicted and that neither it nor a model that its weights come from
// was trained on: those whose truth is among the project's `revisions` latest label revisions.
std::vector<HoldoutImage> ReadUnlearnedTruth(Transaction& transaction, ProjectId project, ModelId model,
                                             int revisions);

// An image, and whether a second look at it is open.
struct MatchedImage {
  v1::Image image;
  bool second_look_asked = false;
};
std::unordered_map<int64_t, MatchedImage> ReadMatchedImages(Transaction& transaction, ProjectId project,
                                                            const std::vector<int64_t>& images);

// How many images of the holdout that the model predicted have labels that were written, corrected or
// withdrawn since its own round evaluated it.
uint64_t CountRelabelledSince(Transaction& transaction, ProjectId project, ModelId model);

// A model's point on the learning curve as it was computed: judged_images, ap50 with its interval, agreement.
struct StoredCurvePoint {
  Sha256 holdout{};        // of the labels that it was judged by
  uint64_t predicted = 0;  // images of the holdout that the model has predicted by now
  v1::CurvePoint point;
};
// By model; only of those that have one. `holdout`: ids of the images that are labelled now.
std::unordered_map<int64_t, StoredCurvePoint> ReadCurvePoints(Transaction& transaction,
                                                              const std::vector<ModelId>& models,
                                                              const std::vector<int64_t>& holdout);
void PutCurvePoint(Transaction& transaction, ModelId model, const Sha256& holdout,
                   const v1::CurvePoint& point);

// Counts the holdout images up to and including this one, in the order in which the holdout is labelled.
uint64_t CountHoldoutUpTo(Transaction& transaction, ProjectId project, double sampling_key, ImageId image);

// Stores the evaluation of a model in a round; a later one is ignored. gate: null for a model that the round
// didn't train.
void InsertEvaluation(Transaction& transaction, ModelId model, RoundId round,
                      const v1::Evaluation& evaluation, const v1::Gate* gate);

}  // namespace loupe
