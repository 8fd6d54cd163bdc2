// Calls that take many images: each is changed, or named with a problem.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "db/rows/image_outcome.h"
#include "google/protobuf/repeated_field.h"
#include "loupe/v1/annotation.pb.h"

namespace loupe {

constexpr int kMaxImagesPerCall = 1000;

// Errors: INVALID_ARGUMENT: none, or more than kMaxImagesPerCall.
absl::Status CheckImageCount(const google::protobuf::RepeatedField<int64_t>& images);

std::vector<ImageId> ImageIds(const google::protobuf::RepeatedField<int64_t>& images);

v1::ImageProblem ProblemOf(const ImageOutcome& outcome);

// Response: with `image_ids` and `problems`.
template <typename Response>
Response ResponseOf(const std::vector<ImageOutcome>& outcomes) {
  Response response;
  for (const ImageOutcome& outcome : outcomes) {
    if (outcome.problem.empty()) {
      response.add_image_ids(outcome.image.value());
    } else {
      *response.add_problems() = ProblemOf(outcome);
    }
  }
  return response;
}

}  // namespace loupe
