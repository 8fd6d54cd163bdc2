// The check of a worker's prediction of one image before it is stored.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "db/stores/prediction_store.h"
#include "loupe/v1/worker.pb.h"

namespace loupe {

// Why a prediction can't be used.
struct PredictionFault {
  std::string reason;     // empty: it can be used
  bool of_image = false;  // the image can't be used: a box lies outside it
};

// Clips corners that are at most one pixel outside the image, and scores that rounding put outside [0, 1]. A
// score or a number of the embedding that is not finite is the prediction's fault; corners that are not
// finite, out of order or more than one pixel outside the image are the image's, whose picture then is
// another one than its header tells. Errors: INVALID_ARGUMENT (BAD_PREDICTION): lists of different lengths,
// too many boxes, unknown labels, scores outside [0, 1] or not best first, a brightness outside [0, 1], an
// embedding of an impossible size.
absl::StatusOr<PredictionFault> CheckPrediction(const ImageBounds& bounds, uint32_t class_count,
                                                v1::ImagePrediction& prediction);

}  // namespace loupe
