// How the models of a project's rounds grew, and whether to go on labelling.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "evaluation/box_matching.h"
#include "loupe/v1/insight.pb.h"
#include "loupe/v1/worker.pb.h"
#include "server/ranking/learning_curve.h"
#include "server/ranking/stop_advice.h"
#include "server/rounds/round_evaluation.h"

namespace loupe {

struct CurveInput {
  std::vector<v1::CurvePoint> points;  // whole, oldest first
  uint64_t pool_images = 0;
  uint64_t next_images = 0;      // that the next round would add
  double seconds_per_image = 0;  // people's, of the images of the last point whose time is known
  std::vector<ranking::ClassBoxes> classes;
  ranking::StopThresholds thresholds;
};

// ap50 with its interval and judged_images of a point. Leaves ap50 out where no image holds a box.
// Requires: as EvaluateModel.
void JudgePoint(std::span<const JudgedImage> images, const PredictionsById& predictions, int class_count,
                v1::CurvePoint& point);

// MatchedF1 of two models' predictions of the same images; nullopt without images.
std::optional<double> AgreementOf(std::span<const v1::ImagePrediction> earlier,
                                  std::span<const v1::ImagePrediction> later);

// Errors: INTERNAL when the points are none.
absl::StatusOr<v1::Curve> MakeCurve(const CurveInput& input);

}  // namespace loupe
