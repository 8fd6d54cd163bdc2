// A person's correction, checked: the origin of each box, and which shown boxes were removed. Pure functions.
#pragma once

#include <cstdint>
#include <vector>

#include <google/protobuf/repeated_field.h>

#include "absl/status/statusor.h"
#include "db/rows/revision_columns.h"
#include "loupe/v1/labeling.pb.h"

namespace loupe {

// A predicted box counts as accepted when no corner coordinate moved by more than this, in pixels.
constexpr float kKeptTolerance = 0.5F;

struct CheckedCorrection {
  std::vector<NewBox> boxes;                 // the given boxes with their origins
  std::vector<v1::PredictedBox> rejections;  // shown boxes that no given box names
  uint32_t accepted = 0;
  uint32_t adjusted = 0;
  uint32_t relabelled = 0;
  uint32_t drawn = 0;
};

struct CorrectionBounds {
  uint32_t width = 0;  // of the image, in pixels
  uint32_t height = 0;
  uint32_t classes = 0;  // how many; labels are 1 to this
};

// `shown`: the predicted boxes that the annotator saw; none on a blind task.
// Errors: INVALID_ARGUMENT (BAD_BOX: names the box and what is wrong with it).
absl::StatusOr<CheckedCorrection> CheckCorrection(
    const google::protobuf::RepeatedPtrField<v1::CorrectedBox>& boxes,
    const std::vector<v1::PredictedBox>& shown, const CorrectionBounds& bounds);

}  // namespace loupe
