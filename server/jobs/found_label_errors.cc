#include "server/jobs/found_label_errors.h"

#include <cmath>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "db/label_errors/label_error_store.h"
#include "db/stores/project_store.h"
#include "proto/error_info.h"

namespace loupe {
namespace {

constexpr int kMaxLabelErrors = 10'000;

absl::Status BadLabelError(int64_t image, absl::string_view what) {
  return Error(absl::StatusCode::kInvalidArgument, "BAD_LABEL_ERROR",
               absl::StrCat("a label error of image ", image, " ", what));
}

absl::Status Check(const v1::LabelError& error, size_t class_count) {
  const int64_t image = error.image_id();
  if (error.kind() == v1::LABEL_ERROR_KIND_UNSPECIFIED || !v1::LabelErrorKind_IsValid(error.kind()))
    return BadLabelError(image, "has no kind");
  if ((error.box_id() == 0) != (error.kind() == v1::LABEL_MISSING))
    return BadLabelError(image, "must name the box that is wrong, unless one is missing");
  if (!std::isfinite(error.log_odds()) || error.log_odds() <= 0)
    return BadLabelError(image, "must have log_odds above 0");
  const bool proposes = error.kind() != v1::LABEL_INVENTED;
  if (error.has_box() != proposes || (error.label() != 0) != proposes)
    return BadLabelError(image, "must say what should be there, unless nothing should");
  if (!proposes) return absl::OkStatus();
  if (error.label() > class_count) return BadLabelError(image, "is of an unknown class");
  const v1::Box& box = error.box();  // NaN fails every comparison
  const bool sound = box.x1() >= 0 && box.y1() >= 0 && box.x2() > box.x1() && box.y2() > box.y1() &&
                     std::isfinite(box.x2()) && std::isfinite(box.y2());
  return sound ? absl::OkStatus() : BadLabelError(image, "has a box without an area");
}

}  // namespace

absl::Status TakeLabelErrors(Transaction& transaction, const JobRow& job,
                             const v1::CompleteJobRequest& request) {
  if (request.label_errors_size() > kMaxLabelErrors) {
    return Error(absl::StatusCode::kInvalidArgument, "BAD_LABEL_ERROR",
                 absl::StrCat("a fold has at most ", kMaxLabelErrors, " label errors"));
  }
  const size_t class_count = ReadClassesOfJob(transaction, job).size();
  for (const v1::LabelError& error : request.label_errors()) {
    if (absl::Status sound = Check(error, class_count); !sound.ok()) return sound;
  }
  const std::vector<v1::LabelError> errors(request.label_errors().begin(), request.label_errors().end());
  const uint64_t unknown = InsertLabelErrors(transaction, job.round, job.snapshot, errors);
  if (unknown == 0) return absl::OkStatus();
  return Error(absl::StatusCode::kInvalidArgument, "BAD_LABEL_ERROR",
               absl::StrCat(unknown, " label errors name images or boxes that aren't of the snapshot"));
}

}  // namespace loupe
