// The check of a worker's prediction of one image before it is stored.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "db/stores/prediction_store.h"
#include "loupe/v1/worker.pb.h"

namespace loupe {

// Clips corners that are at most one pixel outside the image, and scores that rounding put outside [0, 1].
// Returns an empty text when the prediction can be stored. Otherwise the image must be set aside, and the
// text is the reason: a score or a number of the embedding is not finite. Errors: INVALID_ARGUMENT
// (BAD_PREDICTION): lists of different lengths, too many boxes, unknown labels, scores outside [0, 1] or not
// best first, a brightness outside [0, 1], an embedding of an impossible size, or corners that are not
// finite, out of order or more than one pixel outside the image.
absl::StatusOr<std::string> CheckPrediction(const ImageBounds& bounds, uint32_t class_count,
                                            v1::ImagePrediction& prediction);

}  // namespace loupe
