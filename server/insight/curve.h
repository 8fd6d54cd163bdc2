// How the models of a project's rounds improved, and whether to go on labelling.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "content/sha256.h"
#include "db/stores/prediction_store.h"
#include "loupe/v1/insight.pb.h"
#include "server/ranking/stop_advice.h"
#include "server/rounds/round_evaluation.h"

namespace loupe {

// A finished round: its model and what the model is judged by.
struct CurveRound {
  ModelId model;
  v1::CurvePoint point;                        // without the figures that are computed from the rest
  std::optional<PredictionsById> predictions;  // of the holdout; nullopt: the point has ap50 already
  // With the model of the round before; empty for the first round. nullopt: the point has agreement already,
  // as it was when the curve was asked for first after the round.
  std::optional<CommonDetections> common;
};

struct CurveInput {
  std::vector<CurveRound> rounds;            // oldest first
  std::vector<JudgedImage> holdout;          // labelled images
  Sha256 holdout_hash{};                     // of their labels
  int class_count = 0;                       // with those that are retired
  std::vector<ranking::ClassBoxes> classes;  // in use
  uint64_t pool_images = 0;
  uint64_t pool_labelled = 0;
  uint64_t next_images = 0;      // that the next round would add: the budget of the last one
  double seconds_per_image = 0;  // of people's time, in the last round where it is known
};

// Everything that the curve is made of. Errors: NOT_FOUND (NO_SUCH_PROJECT), INTERNAL (a stored recipe can't
// be read).
absl::StatusOr<CurveInput> ReadCurveInput(Transaction& transaction, const std::string& project_name);

// Judges the models, fits the curve and advises. May take long: call it outside the transaction.
// Errors: INTERNAL (the figures can't be those of a curve).
absl::StatusOr<v1::Curve> MakeCurve(const CurveInput& input, const ranking::StopThresholds& thresholds);

// Whether there is something for KeepPoints to store.
bool HasNewPoints(const CurveInput& input);

// Stores what took long to compute, for the next time.
void KeepPoints(Transaction& transaction, const CurveInput& input, const v1::Curve& curve);

}  // namespace loupe
