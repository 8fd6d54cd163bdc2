// Pictures, and what is known of them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "content/sha256.h"
#include "db/ids.h"
#include "loupe/v1/annotation.pb.h"

namespace loupe {

class Transaction;

struct ImageFilter {
  v1::Side side = v1::SIDE_UNSPECIFIED;  // unspecified: both
  std::optional<bool> labelled;
};

// With ids above `after`, in order, at most `limit`.
std::vector<v1::Image> ListImages(Transaction& transaction, ProjectId project, const ImageFilter& filter,
                                  ImageId after, int limit);

std::optional<v1::Image> FindImage(Transaction& transaction, ProjectId project, ImageId image);
// The first of that name.
std::optional<v1::Image> FindImage(Transaction& transaction, ProjectId project, const std::string& file_name);

// Adds the images whose bytes the project doesn't hold yet. No two of `images` have the same hash. Fields
// without an id or revisions. Returns the hashes that were new.
std::vector<Sha256> InsertImages(Transaction& transaction, ProjectId project,
                                 const std::vector<v1::Image>& images);

struct KnownImage {
  ImageId id;
  Sha256 sha256{};
  bool labelled = false;
};

std::vector<KnownImage> FindImages(Transaction& transaction, ProjectId project,
                                   const std::vector<Sha256>& hashes);

}  // namespace loupe
