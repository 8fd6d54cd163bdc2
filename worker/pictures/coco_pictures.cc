#include "worker/pictures/coco_pictures.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "content/picture_header.h"
#include "worker/pictures/image_decode.h"

namespace loupe {
namespace {

constexpr size_t kMaxProblems = 20;

class Problems {
 public:
  void Add(std::string_view problem) {
    if (++count_ <= kMaxProblems) absl::StrAppend(&text_, text_.empty() ? "" : "\n", std::string(problem));
  }
  absl::Status ToStatus() const {
    if (count_ == 0) return absl::OkStatus();
    const std::string rest =
        count_ > kMaxProblems ? absl::StrCat("\nand ", count_ - kMaxProblems, " more") : "";
    return absl::InvalidArgumentError(text_ + rest);
  }

 private:
  size_t count_ = 0;
  std::string text_;
};

}  // namespace

absl::Status FitToPictures(CocoFile& coco) {
  Problems problems;
  std::unordered_map<int64_t, const CocoImage*> usable;
  for (CocoImage& image : coco.images) {
    const absl::StatusOr<PictureHeader> header = LoadPictureHeader(coco.images_dir / image.file_name);
    if (!header.ok()) {
      problems.Add(std::string(header.status().message()));
      continue;
    }
    if (const std::string wrong = SizeProblem(*header, image.width, image.height); !wrong.empty()) {
      problems.Add(absl::StrCat(image.file_name, ": ", wrong));
      continue;
    }
    image.width = header->width();
    image.height = header->height();
    usable[image.id] = &image;
  }
  for (CocoAnnotation& annotation : coco.annotations) {
    const auto found = usable.find(annotation.image_id);
    if (found == usable.end()) continue;
    const CocoImage& image = *found->second;
    const ClipResult clip = ClipOverhang(image.width, image.height, annotation.bbox);
    if (clip.fits) continue;
    problems.Add(absl::StrFormat("%s: annotation %d reaches %.9g pixels beyond the picture of %d x %d",
                                 image.file_name, annotation.id, clip.overhang, image.width, image.height));
  }
  return problems.ToStatus();
}

}  // namespace loupe
