// Images and what is known of them.
#pragma once

#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "content/sha256.h"
#include "db/ids.h"
#include "db/rows/image_outcome.h"
#include "loupe/v1/annotation.pb.h"

namespace loupe {

class Transaction;

struct ImageFilter {
  v1::Side side = v1::SIDE_UNSPECIFIED;  // unspecified: both
  std::optional<bool> labelled = std::nullopt;
  std::optional<bool> unusable = std::nullopt;
};

// At most `limit` images with ids above `after`, in order of id.
std::vector<v1::Image> ListImages(Transaction& transaction, ProjectId project, const ImageFilter& filter,
                                  ImageId after, int limit);

std::optional<v1::Image> FindImage(Transaction& transaction, ProjectId project, ImageId image);
// Those that the project has, by id.
std::unordered_map<int64_t, v1::Image> ReadImages(Transaction& transaction, ProjectId project,
                                                  const std::vector<ImageId>& images);
// Of the picture with this hash, which some project has, e.g. `image/png`. nullopt: none has it.
std::optional<std::string> FindMediaType(Transaction& transaction, const Sha256& hash);
// At most 10 images of this name, in order of id.
std::vector<v1::Image> FindImages(Transaction& transaction, ProjectId project, const std::string& file_name);

// Adds those images whose bytes the project doesn't hold yet. `images`: all fields but id and revisions.
// Requires: no two have the same hash. Returns the hashes that were new.
std::vector<Sha256> InsertImages(Transaction& transaction, ProjectId project,
                                 const std::vector<v1::Image>& images);

// Images that a round set aside.
struct SetAsideImages {
  std::vector<v1::Image> first;  // in order of id, at most as many as asked for
  uint64_t total = 0;
};
SetAsideImages ReadSetAside(Transaction& transaction, RoundId round, int limit);

// A few names of images that are this name within a folder.
std::vector<std::string> FindNamesInFolders(Transaction& transaction, ProjectId project,
                                            const std::string& file_name);

// Each change of an image's state is an event, caused by `by`.
//
// Sets an image aside, on behalf of a round. Does nothing if it is set aside already, or removed.
void SetImageAside(Transaction& transaction, ImageId image, const std::string& reason, RoundId round,
                   PrincipalId by);
// False: the image is removed.
bool ExcludeImage(Transaction& transaction, ImageId image, const std::string& reason, PrincipalId by);
// Makes an image usable again, unless it was removed, and puts it back where the queue has gone past it.
// Locks: the active rankings.
void RestoreImage(Transaction& transaction, ImageId image, PrincipalId by);
// The same for many images of a project. Problems: as ExcludeImagesResponse and RestoreImagesResponse say.
std::vector<ImageOutcome> ExcludeImages(Transaction& transaction, ProjectId project,
                                        const std::vector<ImageId>& images, const std::string& reason,
                                        PrincipalId by);
std::vector<ImageOutcome> RestoreImages(Transaction& transaction, ProjectId project,
                                        const std::vector<ImageId>& images, PrincipalId by);
// Erases predictions and names of an image and ends its task; its blob is left to the caller. Does nothing if
// it was removed before. by: none if it goes with its project. Locks: the image.
void RemoveImage(Transaction& transaction, ImageId image, const std::string& reason, PrincipalId by);

struct KnownImage {
  ImageId id;
  Sha256 sha256{};
  v1::Side side = v1::SIDE_UNSPECIFIED;
  v1::ImageState state = v1::IMAGE_STATE_UNSPECIFIED;
  std::string group;
  bool labelled = false;
  bool imported = false;  // its truth is an import
  bool blind = false;     // its truth was drawn blind
};

// Those of the project's images that have one of these hashes, in any order.
std::vector<KnownImage> FindImages(Transaction& transaction, ProjectId project,
                                   const std::vector<Sha256>& hashes);

}  // namespace loupe
