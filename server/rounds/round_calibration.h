// Calibration of a trained model's scores on the labelled holdout.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "loupe/v1/round.pb.h"
#include "server/ranking/calibration.h"
#include "server/rounds/round_evaluation.h"

namespace loupe {

// [images] all boxes that a model predicted, each right or wrong at IoU 0.5. Boxes on regions to ignore are
// left out. Requires: as CalibrateModel.
std::vector<std::vector<ranking::JudgedDetection>> JudgeByImage(std::span<const JudgedImage> images,
                                                                const PredictionsById& predictions,
                                                                int class_count);
// The same, all images in one list.
std::vector<ranking::JudgedDetection> JudgeDetections(std::span<const JudgedImage> images,
                                                      const PredictionsById& predictions, int class_count);

// Fits one map per class on half of the images and tests the maps on the other half. An image is in the same
// half for every model. Requires: a prediction for every image; labels from 1 to class_count.
v1::Calibration CalibrateModel(std::span<const JudgedImage> images, const PredictionsById& predictions,
                               int class_count);

// [classes] in order of label; empty when nothing was fitted.
std::vector<ranking::CalibrationMap> CalibrationMapsOf(const v1::Calibration& calibration);

// Probability that a box is right. maps: of CalibrationMapsOf. nullopt: the class isn't calibrated.
std::optional<double> CalibratedScore(std::span<const ranking::CalibrationMap> maps, uint32_t label,
                                      double score);

}  // namespace loupe
