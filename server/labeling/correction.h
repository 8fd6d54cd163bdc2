// A person's correction, checked: the origin of each box, and what became of each shown box. Pure functions.
#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "db/stores/task_store.h"
#include "loupe/v1/labeling.pb.h"

namespace loupe {

// A box counts as unchanged when no corner coordinate moved by more than this, in pixels.
constexpr float kKeptTolerance = 0.5F;

struct CheckedCorrection {
  NewCorrection correction;  // without lease_ended
  uint32_t clipped = 0;      // boxes
};

// Errors: INVALID_ARGUMENT (BAD_BOX: names the box and what is wrong with it; INVALID_ARGUMENT: the field).
absl::StatusOr<CheckedCorrection> CheckCorrection(const v1::SubmitRequest& request, const LockedTask& task);

}  // namespace loupe
