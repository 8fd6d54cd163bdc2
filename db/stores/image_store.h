// Images and what is known of them.
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

// At most `limit` images with ids above `after`, in order of id.
std::vector<v1::Image> ListImages(Transaction& transaction, ProjectId project, const ImageFilter& filter,
                                  ImageId after, int limit);

std::optional<v1::Image> FindImage(Transaction& transaction, ProjectId project, ImageId image);
// Several images may have the same name: returns the one with the lowest id.
std::optional<v1::Image> FindImage(Transaction& transaction, ProjectId project, const std::string& file_name);

// Adds those images whose bytes the project doesn't hold yet. `images`: all fields but id and revisions.
// Requires: no two have the same hash. Returns the hashes that were new.
std::vector<Sha256> InsertImages(Transaction& transaction, ProjectId project,
                                 const std::vector<v1::Image>& images);

struct KnownImage {
  ImageId id;
  Sha256 sha256{};
  bool labelled = false;
};

// Those of the project's images that have one of these hashes, in any order.
std::vector<KnownImage> FindImages(Transaction& transaction, ProjectId project,
                                   const std::vector<Sha256>& hashes);

}  // namespace loupe
