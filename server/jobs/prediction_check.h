// What a worker's prediction of one image is held to before it is stored.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "db/stores/prediction_store.h"
#include "loupe/v1/worker.pb.h"

namespace loupe {

// Clips corners that overhang the image by at most a pixel.
// Returns an empty text, or why the image is to be set aside: a score that is no number.
// Errors: INVALID_ARGUMENT (BAD_PREDICTION: lists of different lengths, unknown labels, scores outside [0, 1]
// or not best first, corners that are no numbers, out of order or further outside the image).
absl::StatusOr<std::string> CheckPrediction(const ImageBounds& bounds, uint32_t class_count,
                                            v1::ImagePrediction& prediction);

}  // namespace loupe
