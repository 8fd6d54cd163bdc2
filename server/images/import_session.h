// One Import stream. Pictures are checked and stored as they come; rows are written at the end.
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

// A picture that was accepted, and its labels.
struct TakenPicture {
  v1::Image image;  // all fields but id and revisions
  bool labelled = false;
  std::vector<NewBox> boxes;
};

class ImportSession {
 public:
  // The stream is refused when it has this many problems.
  static constexpr size_t kMaxProblems = 20;
  static constexpr uint64_t kMaxPictureBytes = 256ULL << 20;
  static constexpr size_t kMaxPictures = 100'000;

  // `start`: says how labels are taken.
  ImportSession(const BlobStore& blobs, v1::Project project, const v1::ImportStart& start)
      : blobs_(blobs), project_(std::move(project)), start_(start) {}

  // Takes a message that follows the start. Problems of pictures and labels are collected, and the stream
  // goes on until there are kMaxProblems of them. Errors: INVALID_ARGUMENT (messages in a wrong order, or
  // kMaxProblems problems), RESOURCE_EXHAUSTED, INTERNAL.
  absl::Status Take(const v1::ImportRequest& message);

  // Takes a picture whose bytes are in the blob store under this hash. Errors: as Take.
  absl::Status TakeStored(const v1::PictureHeader& header, std::string bytes, const Sha256& hash);

  // Ends the last picture and makes all pictures durable. Requires: called once, after the last message.
  // Errors: as Take, INVALID_ARGUMENT (BAD_PICTURE, BAD_LABELS: the list of problems), and CANCELLED when the
  // client did not send the end: the stream broke off, or one of its messages could not be read.
  absl::Status EndOfStream();

  // Blobs that came with this stream alone, so far. Those that no image names after it must not stay.
  const std::vector<Sha256>& new_blobs() const { return new_blobs_; }

  // A hash of everything in the stream: equal for the same pictures and labels. Requires: called once.
  Sha256 Fingerprint() { return fingerprint_.Finish(); }

  // Adds images, labels and, while no model has ranked, ranking entries. May be called again when the
  // transaction runs again. Requires: EndOfStream() was OK. Locks: the project.
  absl::StatusOr<v1::ImportResponse> Write(Transaction& transaction, PrincipalId author) const;

 private:
  absl::Status Begin(const v1::PictureHeader& header);
  absl::Status FinishPicture();
  // stored: the blob that holds the current picture; nullopt: it is to be written.
  absl::Status CheckAndStore(const std::optional<Sha256>& stored);
  absl::StatusOr<Sha256> Store();
  absl::Status Note(const char* reason, const std::string& problem);
  absl::Status Problems() const;

  const BlobStore& blobs_;
  const v1::Project project_;
  const v1::ImportStart start_;
  Sha256Stream fingerprint_;
  std::optional<v1::PictureHeader> header_;  // of the current picture
  std::string bytes_;                        // of the current picture, so far
  bool dropping_ = false;                    // the current picture's bytes, since it is too large
  std::vector<TakenPicture> pictures_;
  std::vector<Sha256> new_blobs_;
  uint64_t begun_ = 0;                 // pictures
  std::optional<uint64_t> announced_;  // pictures, by the end of the stream
  uint64_t boxes_clipped_ = 0;
  uint64_t boxes_repeated_ = 0;
  std::vector<std::string> problems_;
  std::vector<std::string> skipped_;  // the first kMaxProblems, with skip_bad
  uint64_t skipped_total_ = 0;
  const char* first_reason_ = "";
};

}  // namespace loupe
