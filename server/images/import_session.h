// One Import stream on its way in: pictures checked and stored one by one, rows written at the end.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "db/database.h"
#include "db/ids.h"
#include "db/rows/revision_columns.h"
#include "db/stores/request_store.h"
#include "loupe/v1/image.pb.h"
#include "loupe/v1/project.pb.h"
#include "server/blobs/blob_store.h"

namespace loupe {

// A picture that was taken, and its labels.
struct TakenPicture {
  v1::Image image;  // all but id and revisions
  bool labelled = false;
  std::vector<NewBox> boxes;
};

class ImportSession {
 public:
  // Problems that are listed before a stream is given up.
  static constexpr size_t kMaxProblems = 20;
  static constexpr uint64_t kMaxPictureBytes = 256ULL << 20;
  static constexpr size_t kMaxPictures = 100'000;

  ImportSession(const BlobStore& blobs, v1::Project project, bool blind)
      : blobs_(blobs), project_(std::move(project)), blind_(blind) {}

  // A message of the stream after the start. What is wrong with pictures and labels is noted; the stream goes
  // on until there are kMaxProblems. Errors: INVALID_ARGUMENT (the order of messages, or a full list of
  // problems), RESOURCE_EXHAUSTED, INTERNAL.
  absl::Status Take(const v1::ImportRequest& message);

  // After the last message: makes the pictures durable. Errors: as Take, and INVALID_ARGUMENT (BAD_PICTURE,
  // BAD_LABELS: the list of problems).
  absl::Status EndOfStream();

  // Everything the stream said: the same pictures and labels have the same one.
  Sha256 Fingerprint() { return fingerprint_.Finish(); }

  // Adds images, labels and entries of the first ranking. Runs in one transaction, perhaps several times.
  // Requires: EndOfStream() was OK. Locks: the project.
  absl::StatusOr<v1::ImportResponse> Write(Transaction& transaction, PrincipalId author) const;

 private:
  absl::Status Begin(const v1::PictureHeader& header);
  absl::Status FinishPicture();
  absl::Status CheckAndStore();
  absl::Status Note(const char* reason, const std::string& problem);
  absl::Status Problems() const;

  const BlobStore& blobs_;
  const v1::Project project_;
  const bool blind_;
  Sha256Stream fingerprint_;
  std::optional<v1::PictureHeader> header_;  // of the picture that is coming in
  std::string bytes_;                        // of it, so far
  std::vector<TakenPicture> pictures_;
  uint64_t boxes_clipped_ = 0;
  std::vector<std::string> problems_;
  const char* first_reason_ = "";
};

}  // namespace loupe
