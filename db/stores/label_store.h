// The truth of images and its history, which is append-only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "db/ids.h"
#include "db/rows/revision_columns.h"
#include "loupe/v1/image.pb.h"
#include "loupe/v1/labeling.pb.h"
#include "loupe/v1/provenance.pb.h"

namespace loupe {

class Transaction;

// Makes imported labels the truth of an image. Returns false and changes nothing if the image has a truth and
// `replace` doesn't ask for another. Locks: the image.
bool ImportLabels(Transaction& transaction, ImageId image, PrincipalId author, bool blind, bool replace,
                  const std::vector<NewBox>& boxes);

// What an image's truth is.
struct Truth {
  v1::ImageState state = v1::IMAGE_STATE_UNSPECIFIED;
  std::optional<PrincipalId> author;  // of the revision that is the truth; none: the image has none
};

// nullopt: the project has no such image. Locks: the image.
std::optional<Truth> LockTruth(Transaction& transaction, ProjectId project, ImageId image);

// Image id -> the boxes of its truth. Clean and unlabelled images are left out.
std::unordered_map<int64_t, std::vector<v1::LabelBox>> ReadTruth(Transaction& transaction,
                                                                 const std::vector<ImageId>& images);

// Usable images with the boxes of their truth: at most `limit` with ids above `after`, in order
// of id.
std::vector<v1::LabelledImage> ReadLabelledImages(Transaction& transaction, ProjectId project, v1::Side side,
                                                  ImageId after, int limit);

// Revisions that were written as the truth, of one project: all of them that match each of these.
struct LabelsToWithdraw {
  ProjectId project;
  std::optional<PrincipalId> author;
  std::optional<ModelId> model;  // they hold a box that was accepted as it predicted it
  std::optional<absl::Time> from;
  std::optional<absl::Time> to;  // not included
};

// What WithdrawLabels would change.
v1::WithdrawResponse SummarizeWithdrawal(Transaction& transaction, const LabelsToWithdraw& labels);

// Takes labels back, by further revisions. Locks: the images, then the active rankings.
v1::WithdrawResponse WithdrawLabels(Transaction& transaction, const LabelsToWithdraw& labels, PrincipalId by);

// An image's whole history. `image`: from FindImage.
v1::ImageProvenance ReadProvenance(Transaction& transaction, const v1::Image& image);

// The image with a revision that holds the box; nullopt: the project has none.
std::optional<ImageId> FindImageOfBox(Transaction& transaction, ProjectId project, int64_t box_id);

// Where a box comes from. `image`: of FindImageOfBox.
v1::BoxProvenance ReadBoxProvenance(Transaction& transaction, ProjectId project, const v1::Image& image,
                                    int64_t box_id);

// The result of checking a part of a project's history.
struct ChainCheck {
  ImageId last_image;   // the next part begins after it; none: nothing was left to check
  uint64_t images = 0;  // that have a history
  uint64_t revisions = 0;
  uint64_t boxes = 0;
  std::vector<std::string> breaks;  // one sentence per place where the history was changed
};

// Recomputes the hashes of at most `limit` images with ids above `after`, in order of id.
ChainCheck CheckChain(Transaction& transaction, ProjectId project, ImageId after, int limit);

}  // namespace loupe
