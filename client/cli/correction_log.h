// A log of the corrections that the coordinator acknowledged, kept outside of it. Tests compare the database
// with it after a crash.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "google/protobuf/repeated_ptr_field.h"
#include "loupe/v1/labeling.pb.h"

namespace loupe {

// The boxes as text: one line `LABEL X1 Y1 X2 Y2 IGNORE` per box. Numbers as printf's %.9g, which reads back
// to the same float; IGNORE is 0 or 1. Lines are sorted, and each ends with a line feed.
std::string CanonicalBoxes(const google::protobuf::RepeatedPtrField<v1::CorrectedBox>& boxes);

// One JSON object per line: {"image_id", "task_id", "revision_id", "revision", "boxes_sha256"}. The last is
// the SHA-256 of CanonicalBoxes() in hexadecimal.
class CorrectionLog {
 public:
  // Appends to an existing file. Errors: FAILED_PRECONDITION (can't be written).
  static absl::StatusOr<CorrectionLog> Open(const std::filesystem::path& path);
  ~CorrectionLog();
  CorrectionLog(CorrectionLog&& other) noexcept;
  CorrectionLog& operator=(CorrectionLog&&) = delete;

  // Call it after the acknowledgement. The line is on the disk when it returns.
  // Errors: FAILED_PRECONDITION (can't be written).
  absl::Status Append(int64_t image_id, const v1::SubmitRequest& request, const v1::SubmitResponse& response);

 private:
  explicit CorrectionLog(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace loupe
