#include "coco/imported_labels.h"

#include <map>

#include "absl/strings/str_cat.h"
#include "coco/category_labels.h"

namespace loupe {
namespace {

v1::ImportedBox ImportedBoxOf(const CocoAnnotation& annotation, uint32_t label) {
  v1::ImportedBox box;
  const auto [x, y, width, height] = annotation.bbox;
  box.mutable_box()->set_x1(static_cast<float>(x));
  box.mutable_box()->set_y1(static_cast<float>(y));
  box.mutable_box()->set_x2(static_cast<float>(x + width));
  box.mutable_box()->set_y2(static_cast<float>(y + height));
  box.set_label(label);
  box.set_ignore(annotation.iscrowd);
  box.set_source_id(annotation.id);
  return box;
}

}  // namespace

std::vector<std::string> AddImportedLabels(const CocoFile& coco, const std::vector<std::string>& class_names,
                                           const std::string& class_listing,
                                           const std::unordered_map<int64_t, v1::ImportedLabels*>& labels) {
  const CategoryLabels label_of = CategoryLabels::ByName(coco.categories, class_names);
  std::map<std::string, int> unknown;  // boxes by name of category
  for (const CocoAnnotation& annotation : coco.annotations) {
    const auto target = labels.find(annotation.image_id);
    if (target == labels.end()) continue;
    if (const auto label = label_of.LabelOf(annotation.category_id)) {
      *target->second->add_boxes() = ImportedBoxOf(annotation, *label);
    } else {
      ++unknown[label_of.NameOf(annotation.category_id)];
    }
  }
  std::vector<std::string> problems;
  for (const auto& [category, boxes] : unknown) {
    problems.push_back(absl::StrCat("category \"", category, "\" (", boxes, boxes == 1 ? " box" : " boxes",
                                    ") is no class of the project, which has: ", class_listing,
                                    ". A class that was renamed has its new name in files, too"));
  }
  return problems;
}

}  // namespace loupe
