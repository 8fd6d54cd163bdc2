#include "coco/category_labels.h"

#include <algorithm>

#include "proto/class_index.h"

namespace loupe {

CategoryLabels CategoryLabels::ByName(const std::vector<CocoCategory>& categories,
                                      const std::vector<std::string>& class_names) {
  CategoryLabels labels;
  labels.class_names_ = class_names;
  labels.category_ids_.resize(class_names.size());
  absl::flat_hash_map<std::string, size_t> class_indices;
  for (size_t class_index = 0; class_index < class_names.size(); ++class_index) {
    class_indices.emplace(class_names[class_index], class_index);
  }
  for (const CocoCategory& category : categories) {
    const auto found = class_indices.find(category.name);
    if (found == class_indices.end()) {
      labels.categories_[category.id] = {category.name, std::nullopt};
    } else {
      labels.categories_[category.id] = {category.name, loupe::LabelOf(found->second)};
      labels.category_ids_[found->second] = category.id;
    }
  }
  return labels;
}

CategoryLabels CategoryLabels::ByAscendingId(const std::vector<CocoCategory>& categories) {
  std::vector<CocoCategory> sorted = categories;
  std::sort(sorted.begin(), sorted.end(),
            [](const CocoCategory& a, const CocoCategory& b) { return a.id < b.id; });
  CategoryLabels labels;
  for (const CocoCategory& category : sorted) {
    labels.categories_[category.id] = {category.name, loupe::LabelOf(labels.class_names_.size())};
    labels.class_names_.push_back(category.name);
    labels.category_ids_.emplace_back(category.id);
  }
  return labels;
}

std::optional<uint32_t> CategoryLabels::LabelOf(int64_t category_id) const {
  const auto category = categories_.find(category_id);
  return category == categories_.end() ? std::nullopt : category->second.label;
}

std::optional<int64_t> CategoryLabels::CategoryIdOf(uint32_t label) const {
  if (label < 1 || label > category_ids_.size()) return std::nullopt;
  return category_ids_[ClassIndexOf(label)];
}

std::string CategoryLabels::NameOf(int64_t category_id) const {
  const auto category = categories_.find(category_id);
  return category == categories_.end() ? "" : category->second.name;
}

}  // namespace loupe
