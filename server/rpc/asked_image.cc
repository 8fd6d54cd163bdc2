#include "server/rpc/asked_image.h"

#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "db/stores/image_store.h"
#include "proto/error_info.h"

namespace loupe {
namespace {

// What to say of images whose names end with this one, in a folder.
std::string NamesLike(Transaction& transaction, ProjectId project, const std::string& file_name) {
  const std::vector<std::string> names = FindNamesInFolders(transaction, project, file_name);
  return names.empty() ? "" : absl::StrCat(": did you mean ", absl::StrJoin(names, " or "), "?");
}

}  // namespace

absl::StatusOr<v1::Image> FindAskedImage(Transaction& transaction, ProjectId project, int64_t image_id,
                                         const std::string& file_name) {
  if (file_name.empty()) {
    std::optional<v1::Image> image = FindImage(transaction, project, ImageId(image_id));
    if (image.has_value()) return *std::move(image);
    return Error(absl::StatusCode::kNotFound, "NO_SUCH_IMAGE", absl::StrCat("there is no image ", image_id));
  }
  const std::vector<v1::Image> named = FindImages(transaction, project, file_name);
  if (named.size() == 1) return named.front();
  if (named.empty()) {
    return Error(
        absl::StatusCode::kNotFound, "NO_SUCH_IMAGE",
        absl::StrCat("there is no image named ", file_name, NamesLike(transaction, project, file_name)));
  }
  const std::string ids = absl::StrJoin(
      named, ", ", [](std::string* out, const v1::Image& image) { absl::StrAppend(out, image.id()); });
  return Error(absl::StatusCode::kInvalidArgument, "AMBIGUOUS_NAME",
               absl::StrCat("several images are named ", file_name, ": give the id of one (", ids, ")"));
}

}  // namespace loupe
