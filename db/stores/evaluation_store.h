// The labelled holdout, on which models are judged, and the results.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "db/ids.h"
#include "loupe/v1/annotation.pb.h"
#include "loupe/v1/round.pb.h"

namespace loupe {

class Transaction;

// A holdout image that was labelled blind.
struct HoldoutImage {
  ImageId id;
  double sampling_key = 0;
  uint32_t known_classes = 0;  // labels from 1 to this; of classes added later the truth says nothing
  std::vector<v1::LabelBox> boxes;
};

// In order of id, without boxes of retired classes.
std::vector<HoldoutImage> ReadHoldoutTruth(Transaction& transaction, ProjectId project);

// How many images of the holdout that the model predicted have labels that were written, corrected or
// withdrawn since its own round evaluated it.
uint64_t CountRelabelledSince(Transaction& transaction, ProjectId project, ModelId model);

// Counts the holdout images up to and including this one, in the order in which the holdout is labelled.
uint64_t CountHoldoutUpTo(Transaction& transaction, ProjectId project, double sampling_key, ImageId image);

// Stores the evaluation of a model in a round; a later one is ignored. gate: null for a model that the round
// didn't train.
void InsertEvaluation(Transaction& transaction, ModelId model, RoundId round,
                      const v1::Evaluation& evaluation, const v1::Gate* gate);

}  // namespace loupe
