// The truth of images and its history, which is append-only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "db/ids.h"
#include "db/rows/revision_columns.h"
#include "loupe/v1/image.pb.h"

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
  bool has_planted_answer = false;    // the person who asks answered a planted task there
};

// nullopt: the project has no such image. Locks: the image.
std::optional<Truth> LockTruth(Transaction& transaction, ProjectId project, ImageId image,
                               PrincipalId principal);

// Image id -> the boxes of its truth. Clean and unlabelled images are left out.
std::unordered_map<int64_t, std::vector<v1::LabelBox>> ReadTruth(Transaction& transaction,
                                                                 const std::vector<ImageId>& images);

// Usable images with the boxes of their truth: at most `limit` with ids above `after`, in order of id.
// `only`: of these; empty: of all.
std::vector<v1::LabelledImage> ReadLabelledImages(Transaction& transaction, ProjectId project, v1::Side side,
                                                  const std::vector<ImageId>& only, ImageId after, int limit);

}  // namespace loupe
