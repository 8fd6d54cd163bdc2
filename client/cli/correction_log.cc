#include "client/cli/correction_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "content/sha256.h"

namespace loupe {

std::string CanonicalBoxes(const google::protobuf::RepeatedPtrField<v1::CorrectedBox>& boxes) {
  std::vector<std::string> lines;
  for (const v1::CorrectedBox& box : boxes) {
    lines.push_back(absl::StrFormat("%u %.9g %.9g %.9g %.9g %d\n", box.label(), box.box().x1(),
                                    box.box().y1(), box.box().x2(), box.box().y2(), box.ignore()));
  }
  std::sort(lines.begin(), lines.end());
  return absl::StrJoin(lines, "");
}

absl::StatusOr<CorrectionLog> CorrectionLog::Open(const std::filesystem::path& path) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd < 0)
    return absl::FailedPreconditionError(
        absl::StrCat("can't write ", path.string(), ": ", std::strerror(errno)));
  return CorrectionLog(fd);
}

CorrectionLog::~CorrectionLog() {
  if (fd_ >= 0) close(fd_);
}

CorrectionLog::CorrectionLog(CorrectionLog&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

absl::Status CorrectionLog::Append(int64_t image_id, const v1::SubmitRequest& request,
                                   const v1::SubmitResponse& response) {
  const std::string line = absl::StrFormat(
      "{\"image_id\": %d, \"task_id\": %d, \"revision_id\": %d, \"revision\": %u, \"boxes_sha256\": "
      "\"%s\"}\n",
      image_id, request.task_id(), response.revision_id(), response.revision(),
      ToHex(HashOf(CanonicalBoxes(request.boxes()))));
  // A single write, so that lines of annotators that share a file don't mix.
  if (write(fd_, line.data(), line.size()) != static_cast<ssize_t>(line.size()) || fsync(fd_) != 0) {
    return absl::FailedPreconditionError(absl::StrCat("can't write the log: ", std::strerror(errno)));
  }
  return absl::OkStatus();
}

}  // namespace loupe
