// The truth of images and its history, which is append-only.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/status/statusor.h"
#include "db/ids.h"
#include "db/rows/revision_columns.h"
#include "loupe/v1/image.pb.h"
#include "loupe/v1/provenance.pb.h"

namespace loupe {

class Transaction;

// Adds imported truth as a revision. Requires: boxes of origin IMPORTED. Locks: the image.
void AppendImport(Transaction& transaction, ImageId image, PrincipalId author, bool blind,
                  const std::vector<NewBox>& boxes);

// Image id -> the boxes of its latest revision. Clean and unlabelled images are left out.
std::unordered_map<int64_t, std::vector<v1::LabelBox>> ReadTruth(Transaction& transaction,
                                                                 const std::vector<ImageId>& images);

// Labelled images with the boxes of their latest revision: at most `limit` with ids above `after`, in order
// of id.
std::vector<v1::LabelledImage> ReadLabelledImages(Transaction& transaction, ProjectId project, v1::Side side,
                                                  ImageId after, int limit);

// An image's whole history. `image`: from FindImage.
v1::ImageProvenance ReadProvenance(Transaction& transaction, const v1::Image& image);

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
