#include "server/images/import_session.h"

#include <map>
#include <unordered_map>
#include <unordered_set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "content/picture_header.h"
#include "db/stores/image_store.h"
#include "db/stores/label_store.h"
#include "db/stores/ranking_store.h"
#include "db/stores/round_store.h"
#include "proto/error_info.h"
#include "server/images/import_labels.h"
#include "server/labeling/queue_growth.h"
#include "server/ranking/sampling_key.h"

namespace loupe {
namespace {

constexpr uint32_t kMaxConflictsListed = 20;

std::string HashKey(const v1::Image& image) { return image.sha256(); }

// Writes the labels of pictures in the order in which they came. The first labels of an image are kept; other
// ones that come later are counted as a conflict.
class LabelWriter {
 public:
  LabelWriter(Transaction& transaction, PrincipalId author, bool blind, v1::ImportResponse& response)
      : transaction_(transaction), author_(author), blind_(blind), response_(response) {}

  void Know(const std::vector<KnownImage>& images) {
    std::vector<ImageId> labelled;
    for (const KnownImage& image : images) {
      ids_[ToBytes(image.sha256)] = image.id;
      if (image.labelled) labelled.push_back(image.id);
    }
    const auto boxes = ReadTruth(transaction_, labelled);
    for (const ImageId image : labelled) {
      const auto found = boxes.find(image.value());
      truth_[image] = found == boxes.end() ? std::vector<v1::LabelBox>() : found->second;
    }
  }

  void Take(const TakenPicture& picture) {
    const ImageId image = ids_.at(HashKey(picture.image));
    std::vector<v1::LabelBox> boxes;
    for (const NewBox& box : picture.boxes) boxes.push_back(box.box);
    const auto kept = truth_.find(image);
    if (kept == truth_.end()) {
      AppendImport(transaction_, image, author_, blind_, picture.boxes);
      response_.set_labelled(response_.labelled() + 1);
      response_.set_boxes(response_.boxes() + boxes.size());
      truth_[image] = std::move(boxes);
    } else if (!SameTruth(kept->second, boxes)) {
      response_.set_conflicts_total(response_.conflicts_total() + 1);
      if (response_.conflicts_total() <= kMaxConflictsListed)
        response_.add_conflicts(picture.image.file_name());
    }
  }

 private:
  Transaction& transaction_;
  const PrincipalId author_;
  const bool blind_;
  v1::ImportResponse& response_;
  std::unordered_map<std::string, ImageId> ids_;
  std::map<ImageId, std::vector<v1::LabelBox>> truth_;
};

}  // namespace

absl::Status ImportSession::Take(const v1::ImportRequest& message) {
  switch (message.part_case()) {
    case v1::ImportRequest::kPicture: {
      if (const absl::Status finished = FinishPicture(); !finished.ok()) return finished;
      return Begin(message.picture());
    }
    case v1::ImportRequest::kChunk:
      if (!header_.has_value()) return InvalidArgument("bytes came before the header of their picture");
      // Once there are more bytes than announced, the rest is dropped: CheckAndStore refuses the picture.
      if (bytes_.size() <= header_->size_bytes()) bytes_ += message.chunk();
      return absl::OkStatus();
    default:
      return InvalidArgument("after the start come pictures, each followed by its bytes");
  }
}

absl::Status ImportSession::Begin(const v1::PictureHeader& header) {
  if (header.file_name().empty() || header.file_name().size() > 1000) {
    return InvalidArgument("file_name must have 1 to 1000 bytes");
  }
  if (header.size_bytes() > kMaxPictureBytes) {
    return Note("BAD_PICTURE", absl::StrCat(header.file_name(), ": it is larger than 256 MiB"));
  }
  if (pictures_.size() == kMaxPictures) {
    return InvalidArgument("a stream holds at most 100,000 pictures: send the others in another one");
  }
  header_ = header;
  bytes_.clear();
  return absl::OkStatus();
}

absl::Status ImportSession::FinishPicture() {
  if (!header_.has_value()) return absl::OkStatus();
  const absl::Status stored = CheckAndStore();
  header_.reset();
  return stored;
}

absl::Status ImportSession::CheckAndStore() {
  const std::string& name = header_->file_name();
  if (bytes_.size() != header_->size_bytes()) {
    return Note("BAD_PICTURE", absl::StrCat(name, ": ", bytes_.size(), " bytes came where ",
                                            header_->size_bytes(), " were announced"));
  }
  const absl::StatusOr<PictureHeader> header = ReadPictureHeader(bytes_);
  if (!header.ok()) return Note("BAD_PICTURE", absl::StrCat(name, ": ", header.status().message()));
  const auto width = static_cast<uint32_t>(header->width());
  const auto height = static_cast<uint32_t>(header->height());
  TakenPicture picture;
  picture.image.set_file_name(name);
  picture.image.set_width(width);
  picture.image.set_height(height);
  picture.image.set_media_type(header->media_type);
  picture.image.set_size_bytes(bytes_.size());
  picture.image.set_group(header_->group());
  picture.labelled = header_->has_labels();
  CheckedLabels labels =
      CheckImportedLabels(header_->labels(), width, height, static_cast<uint32_t>(project_.classes_size()),
                          kMaxProblems - problems_.size());
  for (const std::string& problem : labels.problems) {
    if (const absl::Status noted = Note("BAD_LABELS", absl::StrCat(name, ": ", problem)); !noted.ok())
      return noted;
  }
  if (!labels.problems.empty()) return absl::OkStatus();
  boxes_clipped_ += labels.clipped;
  picture.boxes = std::move(labels.boxes);

  absl::StatusOr<BlobWriter> writer = blobs_.NewWriter(kMaxPictureBytes);
  if (!writer.ok()) return writer.status();
  if (const absl::Status written = writer->Append(bytes_); !written.ok()) return written;
  const absl::StatusOr<BlobInfo> blob = writer->Commit(std::nullopt, std::nullopt, Durability::kLater);
  if (!blob.ok()) return blob.status();
  picture.image.set_sha256(ToBytes(blob->hash));
  picture.image.set_sampling_key(ranking::SamplingKey(project_.seed(), blob->hash));
  const ranking::Side side =
      ranking::SideOf(project_.seed(), blob->hash, header_->group(), project_.holdout_fraction());
  picture.image.set_side(side == ranking::Side::kHoldout ? v1::HOLDOUT : v1::POOL);
  fingerprint_.Update(header_->SerializeAsString());
  fingerprint_.Update(picture.image.sha256());
  pictures_.push_back(std::move(picture));
  return absl::OkStatus();
}

absl::Status ImportSession::Note(const char* reason, const std::string& problem) {
  if (problems_.empty()) first_reason_ = reason;
  problems_.push_back(problem);
  return problems_.size() < kMaxProblems ? absl::OkStatus() : Problems();
}

absl::Status ImportSession::Problems() const {
  return Error(absl::StatusCode::kInvalidArgument, first_reason_,
               absl::StrCat("nothing was imported:\n", absl::StrJoin(problems_, "\n")));
}

absl::Status ImportSession::EndOfStream() {
  if (const absl::Status finished = FinishPicture(); !finished.ok()) return finished;
  if (!problems_.empty()) return Problems();
  return blobs_.Sync();
}

absl::StatusOr<v1::ImportResponse> ImportSession::Write(Transaction& transaction, PrincipalId author) const {
  const ProjectId project(project_.id());
  LockProject(transaction, project);
  v1::ImportResponse response;
  response.set_boxes_clipped(boxes_clipped_);

  // Two pictures with the same bytes in one stream are one image.
  std::unordered_set<std::string> seen;
  std::vector<v1::Image> images;
  std::vector<Sha256> labelled;
  for (const TakenPicture& picture : pictures_) {
    const bool first = seen.insert(HashKey(picture.image)).second;
    if (first) images.push_back(picture.image);
    if (picture.labelled) labelled.push_back(*FromBytes(picture.image.sha256()));
  }
  std::unordered_set<std::string> added;
  for (const Sha256& hash : InsertImages(transaction, project, images)) added.insert(ToBytes(hash));
  for (const v1::Image& image : images) {
    if (!added.contains(HashKey(image))) continue;
    if (image.side() == v1::POOL) response.set_added_to_pool(response.added_to_pool() + 1);
    if (image.side() == v1::HOLDOUT) response.set_added_to_holdout(response.added_to_holdout() + 1);
  }
  response.set_added(added.size());
  response.set_known(pictures_.size() - added.size());

  LabelWriter labels(transaction, author, blind_, response);
  labels.Know(FindImages(transaction, project, labelled));
  for (const TakenPicture& picture : pictures_) {
    if (picture.labelled) labels.Take(picture);
  }

  const std::optional<ActiveRanking> ranking = FindActiveRanking(transaction, project);
  if (ranking.has_value() && ranking->generation == 0) {
    const auto appended =
        AppendUnranked(transaction, project, *ranking, LockRankingEnd(transaction, ranking->id),
                       project_.holdout_target(), pictures_.size());
    if (!appended.ok()) return appended.status();
  }
  return response;
}

}  // namespace loupe
