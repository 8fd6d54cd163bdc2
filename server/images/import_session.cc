#include "server/images/import_session.h"

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "content/picture_header.h"
#include "db/stores/image_store.h"
#include "db/stores/label_store.h"
#include "db/stores/needed_blob_store.h"
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

// Writes the labels of pictures in the order in which they came. An image keeps the truth that it has, unless
// the import asks to replace it; other labels are counted as a conflict.
class LabelWriter {
 public:
  LabelWriter(Transaction& transaction, PrincipalId author, const v1::ImportStart& start,
              v1::ImportResponse& response)
      : transaction_(transaction), author_(author), start_(start), response_(response) {}

  void Know(const std::vector<KnownImage>& images) {
    std::vector<ImageId> labelled;
    for (const KnownImage& image : images) {
      images_[ToBytes(image.sha256)] = image;
      if (image.labelled) labelled.push_back(image.id);
    }
    const auto boxes = ReadTruth(transaction_, labelled);
    for (const ImageId image : labelled) {
      const auto found = boxes.find(image.value());
      truth_[image] = found == boxes.end() ? std::vector<v1::LabelBox>() : found->second;
    }
  }

  void Take(const TakenPicture& picture) {
    KnownImage& image = images_.at(HashKey(picture.image));
    std::vector<v1::LabelBox> boxes;
    for (const NewBox& box : picture.boxes) boxes.push_back(box.box);
    const auto kept = truth_.find(image.id);
    const bool same = kept != truth_.end() && SameTruth(kept->second, boxes);
    const bool declares_blind = same && image.imported && !image.blind && start_.blind();
    if (kept == truth_.end() || declares_blind || (!same && start_.replace())) {
      const bool replaces = kept != truth_.end();
      if (!ImportLabels(transaction_, image.id, author_, start_.blind(), replaces, picture.boxes)) {
        return AddConflict(picture);  // somebody answered meanwhile
      }
      response_.set_labelled(response_.labelled() + 1);
      response_.set_boxes(response_.boxes() + boxes.size());
      if (declares_blind) response_.set_declared_blind(response_.declared_blind() + 1);
      if (replaces && !declares_blind) response_.set_replaced(response_.replaced() + 1);
      truth_[image.id] = std::move(boxes);
      image.imported = true;
      image.blind = start_.blind();
    } else if (!same) {
      AddConflict(picture);
    }
    if (image.side == v1::HOLDOUT && !image.blind) not_blind_.insert(image.id);
    response_.set_holdout_not_blind(not_blind_.size());
  }

 private:
  void AddConflict(const TakenPicture& picture) {
    response_.set_conflicts_total(response_.conflicts_total() + 1);
    if (response_.conflicts_total() <= kMaxConflictsListed) {
      response_.add_conflicts(picture.image.file_name());
    }
  }

  Transaction& transaction_;
  const PrincipalId author_;
  const v1::ImportStart& start_;
  v1::ImportResponse& response_;
  std::unordered_map<std::string, KnownImage> images_;  // by hash
  std::map<ImageId, std::vector<v1::LabelBox>> truth_;
  std::set<ImageId> not_blind_;  // in the holdout
};

using PicturesByHash = std::unordered_map<std::string, const TakenPicture*>;

// The error that names pictures whose hashes are among `removed`.
absl::Status RefuseRemoved(const std::vector<TakenPicture>& pictures,
                           const std::unordered_set<std::string>& removed) {
  std::vector<std::string> names;
  for (const TakenPicture& picture : pictures) {
    if (names.size() == ImportSession::kMaxProblems) break;
    if (removed.contains(HashKey(picture.image))) names.push_back(picture.image.file_name());
  }
  return Error(absl::StatusCode::kInvalidArgument, "REMOVED_PICTURE",
               absl::StrCat("nothing was imported: these pictures were removed from the project for good; "
                            "leave them out, or import with --skip-bad:\n",
                            absl::StrJoin(names, "\n")));
}

uint64_t CountGroupsKept(const std::vector<KnownImage>& known, const PicturesByHash& pictures) {
  return static_cast<uint64_t>(std::count_if(known.begin(), known.end(), [&](const KnownImage& image) {
    const std::string& group = pictures.at(ToBytes(image.sha256))->image.group();
    return !group.empty() && group != image.group;
  }));
}

}  // namespace

absl::Status ImportSession::Take(const v1::ImportRequest& message) {
  if (announced_.has_value()) return InvalidArgument("something came after the end of the stream");
  switch (message.part_case()) {
    case v1::ImportRequest::kPicture: {
      if (const absl::Status finished = FinishPicture(); !finished.ok()) return finished;
      return Begin(message.picture());
    }
    case v1::ImportRequest::kChunk:
      if (dropping_) return absl::OkStatus();
      if (!header_.has_value()) return InvalidArgument("bytes came before the header of their picture");
      // Once there are more bytes than announced, the rest is dropped: CheckAndStore refuses the picture.
      if (bytes_.size() <= header_->size_bytes()) bytes_ += message.chunk();
      return absl::OkStatus();
    case v1::ImportRequest::kEnd:
      announced_ = message.end().pictures();
      return absl::OkStatus();
    default:
      return InvalidArgument("after the start come pictures, each followed by its bytes, and then the end");
  }
}

absl::Status ImportSession::Begin(const v1::PictureHeader& header) {
  if (header.file_name().empty() || header.file_name().size() > 1000) {
    return InvalidArgument("file_name must have 1 to 1000 bytes");
  }
  if (pictures_.size() == kMaxPictures) {
    return InvalidArgument("a stream holds at most 100,000 pictures: send the others in another one");
  }
  ++begun_;
  dropping_ = header.size_bytes() > kMaxPictureBytes;
  if (dropping_) return Note("BAD_PICTURE", absl::StrCat(header.file_name(), ": it is larger than 256 MiB"));
  header_ = header;
  bytes_.clear();
  bytes_.reserve(header.size_bytes());  // else growing would hold nearly twice as many
  return absl::OkStatus();
}

absl::Status ImportSession::FinishPicture() {
  if (!header_.has_value()) return absl::OkStatus();
  const absl::Status stored = CheckAndStore(std::nullopt);
  header_.reset();
  return stored;
}

absl::Status ImportSession::TakeStored(const v1::PictureHeader& header, std::string bytes,
                                       const Sha256& hash) {
  if (const absl::Status begun = Begin(header); !begun.ok() || dropping_) return begun;
  bytes_ = std::move(bytes);
  const absl::Status taken = CheckAndStore(hash);
  header_.reset();
  return taken;
}

absl::Status ImportSession::CheckAndStore(const std::optional<Sha256>& stored) {
  const std::string& name = header_->file_name();
  if (bytes_.size() != header_->size_bytes()) {
    return Note("BAD_PICTURE", absl::StrCat(name, ": ", bytes_.size(), " bytes came where ",
                                            header_->size_bytes(), " were announced"));
  }
  const absl::StatusOr<PictureHeader> header = ReadPictureHeader(bytes_);
  if (!header.ok()) return Note("BAD_PICTURE", absl::StrCat(name, ": ", header.status().message()));
  if (const std::string problem =
          SizeProblem(*header, header_->annotated_width(), header_->annotated_height());
      !problem.empty()) {
    return Note("BAD_LABELS", absl::StrCat(name, ": ", problem));
  }
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
  CheckedLabels labels = CheckImportedLabels(header_->labels(), width, height, project_.classes(),
                                             kMaxProblems - problems_.size());
  if (start_.skip_bad() && !labels.problems.empty()) {
    return Note("BAD_LABELS", absl::StrCat(name, ": ", labels.problems.front()));
  }
  for (const std::string& problem : labels.problems) {
    if (const absl::Status noted = Note("BAD_LABELS", absl::StrCat(name, ": ", problem)); !noted.ok())
      return noted;
  }
  if (!labels.problems.empty()) return absl::OkStatus();
  boxes_clipped_ += labels.clipped;
  boxes_repeated_ += labels.repeated;
  picture.boxes = std::move(labels.boxes);

  const absl::StatusOr<Sha256> hash = stored.has_value() ? absl::StatusOr<Sha256>(*stored) : Store();
  if (!hash.ok()) return hash.status();
  picture.image.set_sha256(ToBytes(*hash));
  picture.image.set_sampling_key(ranking::SamplingKey(project_.seed(), *hash));
  const ranking::Side side =
      ranking::SideOf(project_.seed(), *hash, header_->group(), project_.holdout_fraction());
  picture.image.set_side(side == ranking::Side::kHoldout ? v1::HOLDOUT : v1::POOL);
  fingerprint_.Update(header_->SerializeAsString());
  fingerprint_.Update(picture.image.sha256());
  pictures_.push_back(std::move(picture));
  return absl::OkStatus();
}

absl::StatusOr<Sha256> ImportSession::Store() {
  absl::StatusOr<BlobWriter> writer = blobs_.NewWriter(kMaxPictureBytes, bytes_.size());
  if (!writer.ok()) return writer.status();
  if (const absl::Status written = writer->Append(bytes_); !written.ok()) return written;
  const absl::StatusOr<BlobInfo> blob = writer->Commit(std::nullopt, std::nullopt, Durability::kLater);
  if (!blob.ok()) return blob.status();
  if (blob->is_new) new_blobs_.push_back(blob->hash);
  return blob->hash;
}

absl::Status ImportSession::Note(const char* reason, const std::string& problem) {
  if (start_.skip_bad()) {
    ++skipped_total_;
    if (skipped_.size() < kMaxProblems) skipped_.push_back(problem);
    return absl::OkStatus();
  }
  if (problems_.empty()) first_reason_ = reason;
  problems_.push_back(problem);
  return problems_.size() < kMaxProblems ? absl::OkStatus() : Problems();
}

absl::Status ImportSession::Problems() const {
  const bool all = problems_.size() < kMaxProblems;
  const std::string which = all ? "" : absl::StrCat("; the first ", kMaxProblems, " problems");
  return Error(absl::StatusCode::kInvalidArgument, first_reason_,
               absl::StrCat("nothing was imported", which, ":\n", absl::StrJoin(problems_, "\n")));
}

absl::Status ImportSession::EndOfStream() {
  if (!announced_.has_value()) {
    return absl::CancelledError("the stream ended without its end: nothing was imported");
  }
  if (const absl::Status finished = FinishPicture(); !finished.ok()) return finished;
  if (!problems_.empty()) return Problems();
  if (*announced_ != begun_) {
    return InvalidArgument(absl::StrCat("the stream held ", begun_, " pictures where its end tells of ",
                                        *announced_, ": nothing was imported"));
  }
  return blobs_.Sync();
}

absl::StatusOr<v1::ImportResponse> ImportSession::Write(Transaction& transaction, PrincipalId author) const {
  const ProjectId project(project_.id());
  LockBlobsForUse(transaction);
  for (const TakenPicture& picture : pictures_) {
    if (blobs_.Exists(*FromBytes(picture.image.sha256()))) continue;
    // The same bytes were removed from another project meanwhile.
    return Error(absl::StatusCode::kUnavailable, "BLOB_ERASED",
                 absl::StrCat(picture.image.file_name(), " was erased while it came in: import it again"));
  }
  LockProject(transaction, project);
  v1::ImportResponse response;
  response.set_boxes_clipped(boxes_clipped_);
  response.set_boxes_repeated(boxes_repeated_);
  response.mutable_skipped()->Assign(skipped_.begin(), skipped_.end());

  // Two pictures with the same bytes in one stream are one image.
  PicturesByHash pictures;
  std::vector<v1::Image> images;
  std::vector<Sha256> hashes;
  for (const TakenPicture& picture : pictures_) {
    if (!pictures.emplace(HashKey(picture.image), &picture).second) continue;
    images.push_back(picture.image);
    hashes.push_back(*FromBytes(picture.image.sha256()));
  }
  std::unordered_set<std::string> added;
  for (const Sha256& hash : InsertImages(transaction, project, images)) added.insert(ToBytes(hash));
  for (const v1::Image& image : images) {
    if (!added.contains(HashKey(image))) continue;
    if (image.side() == v1::POOL) response.set_added_to_pool(response.added_to_pool() + 1);
    if (image.side() == v1::HOLDOUT) response.set_added_to_holdout(response.added_to_holdout() + 1);
  }
  response.set_added(added.size());

  const std::vector<KnownImage> known = FindImages(transaction, project, hashes);
  std::unordered_set<std::string> removed;
  for (const KnownImage& image : known) {
    if (image.state == v1::REMOVED) removed.insert(ToBytes(image.sha256));
  }
  if (!removed.empty() && !start_.skip_bad()) return RefuseRemoved(pictures_, removed);
  uint64_t left_out = 0;
  for (const TakenPicture& picture : pictures_) {
    if (!removed.contains(HashKey(picture.image))) continue;
    ++left_out;
    if (static_cast<size_t>(response.skipped_size()) == kMaxProblems) continue;
    response.add_skipped(
        absl::StrCat(picture.image.file_name(), ": it was removed from the project for good"));
  }
  response.set_skipped_total(skipped_total_ + left_out);
  response.set_known(pictures_.size() - added.size() - left_out);
  response.set_groups_kept(CountGroupsKept(known, pictures));
  LabelWriter labels(transaction, author, start_, response);
  labels.Know(known);
  for (const TakenPicture& picture : pictures_) {
    if (picture.labelled && !removed.contains(HashKey(picture.image))) labels.Take(picture);
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
