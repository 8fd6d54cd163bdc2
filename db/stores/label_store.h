// The truth of images and its history, which only grows.
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

// Adds imported truth as a revision. Locks: the image. Requires: boxes of origin IMPORTED.
void AppendImport(Transaction& transaction, ImageId image, PrincipalId author, bool blind,
                  const std::vector<NewBox>& boxes);

// The latest boxes of labelled images by image id; clean and unlabelled images are not in it.
std::unordered_map<int64_t, std::vector<v1::LabelBox>> ReadTruth(Transaction& transaction,
                                                                 const std::vector<ImageId>& images);

// Labelled images with their latest boxes: ids above `after`, in order, at most `limit`.
std::vector<v1::LabelledImage> ReadLabelledImages(Transaction& transaction, ProjectId project, v1::Side side,
                                                  ImageId after, int limit);

// All of an image's history. `image`: as FindImage gives it.
v1::ImageProvenance ReadProvenance(Transaction& transaction, const v1::Image& image);

// What was found in a part of a project's history.
struct ChainCheck {
  ImageId last_image;   // where the next part begins; none: it was the last
  uint64_t images = 0;  // with a history
  uint64_t revisions = 0;
  uint64_t boxes = 0;
  std::vector<std::string> breaks;
};

// Recomputes the hashes of the `limit` images with ids above `after`.
ChainCheck CheckChain(Transaction& transaction, ProjectId project, ImageId after, int limit);

}  // namespace loupe
