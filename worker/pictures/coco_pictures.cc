#include "worker/pictures/coco_pictures.h"

#include <algorithm>
#include <array>
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
constexpr double kMaxOverhang = 1;  // in pixels

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

// Empty: the box was clipped, or is inside.
std::string Clip(double width, double height, std::array<double, 4>& bbox) {
  const double x1 = bbox[0], y1 = bbox[1], x2 = x1 + bbox[2], y2 = y1 + bbox[3];
  const double overhang = std::max({-x1, -y1, x2 - width, y2 - height});
  if (overhang <= 0) return "";
  const double left = std::clamp(x1, 0.0, width), top = std::clamp(y1, 0.0, height);
  const double right = std::clamp(x2, 0.0, width), bottom = std::clamp(y2, 0.0, height);
  if (overhang > kMaxOverhang || left >= right || top >= bottom) {
    return absl::StrFormat("reaches %.9g pixels beyond the picture of %.0f x %.0f", overhang, width, height);
  }
  bbox = {left, top, right - left, bottom - top};
  return "";
}

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
    const std::string wrong = Clip(image.width, image.height, annotation.bbox);
    if (!wrong.empty())
      problems.Add(absl::StrCat(image.file_name, ": annotation ", annotation.id, " ", wrong));
  }
  return problems.ToStatus();
}

}  // namespace loupe
