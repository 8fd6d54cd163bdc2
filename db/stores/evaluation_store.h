// What models are judged on, and the judgements.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "db/ids.h"
#include "loupe/v1/annotation.pb.h"
#include "loupe/v1/round.pb.h"

namespace loupe {

class Transaction;

// A labelled image of the holdout. Its labels count when they were drawn blind; others are not here.
struct HoldoutImage {
  ImageId id;
  double sampling_key = 0;
  std::vector<v1::LabelBox> boxes;
};

// In order of id.
std::vector<HoldoutImage> ReadHoldoutTruth(Transaction& transaction, ProjectId project);

// How many images of the holdout come no later than this one in the order in which the holdout is labelled.
uint64_t CountHoldoutUpTo(Transaction& transaction, ProjectId project, double sampling_key, ImageId image);

// Keeps the first evaluation of a model in a round. `gate`: null for a model that the round didn't train.
void InsertEvaluation(Transaction& transaction, ModelId model, RoundId round,
                      const v1::Evaluation& evaluation, const v1::Gate* gate);

}  // namespace loupe
