// Any bytes as a COCO file, for labels and for evaluation: refused with a status, or read, and then what is
// written of it reads as equal.

#include "coco/coco_file.h"

#include <tuple>

#include "tests/fuzz/fuzz.h"

namespace loupe {
namespace {

auto Fields(const CocoImage& image) { return std::tie(image.id, image.file_name, image.width, image.height); }
auto Fields(const CocoAnnotation& annotation) {
  return std::tie(annotation.id, annotation.image_id, annotation.category_id, annotation.bbox,
                  annotation.area, annotation.iscrowd);
}
auto Fields(const CocoCategory& category) { return std::tie(category.id, category.name); }

template <typename Item>
bool Same(const std::vector<Item>& a, const std::vector<Item>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const Item& left, const Item& right) { return Fields(left) == Fields(right); });
}

void RoundTrip(std::string_view text, CocoPurpose purpose) {
  CocoReadOptions options;
  options.purpose = purpose;
  const auto file = ParseCocoFile(text, "input", options);
  if (!file.ok()) {
    fuzz::Require(file.status().code() == absl::StatusCode::kInvalidArgument, "bad bytes are bad input");
    return;
  }
  const std::string path = fuzz::ScratchFolder::Path("written");
  fuzz::Require(WriteCocoFile(*file, path).ok(), "what was read can be written");
  const auto again = ReadCocoFile(path, options);
  fuzz::Require(again.ok(), "what was written can be read");
  fuzz::Require(again->clipped_boxes == 0, "boxes are clipped once");
  fuzz::Require(Same(again->images, file->images), "the images are the same");
  fuzz::Require(Same(again->annotations, file->annotations), "the annotations are the same");
  fuzz::Require(Same(again->categories, file->categories), "the categories are the same");
}

}  // namespace
}  // namespace loupe

FUZZ_TARGET(coco) {
  loupe::RoundTrip(bytes, loupe::CocoPurpose::kTruth);
  loupe::RoundTrip(bytes, loupe::CocoPurpose::kEvaluation);
}
