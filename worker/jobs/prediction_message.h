// A prediction as the message that a worker uploads.
#pragma once

#include <cstdint>

#include "loupe/v1/worker.pb.h"
#include "worker/prediction/predictor.h"

namespace loupe {

// All but perceptual hash and brightness. The fields are described in proto/loupe/v1/worker.proto.
v1::ImagePrediction PredictionMessage(int64_t image_id, const Prediction& prediction);

}  // namespace loupe
