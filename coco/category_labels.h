// The labels of a COCO file's categories. COCO names a class by a category id, which may be any number;
// everywhere else a class has a label, from 1. Legend: C: classes, of labels 1 to C.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "coco/coco_file.h"

namespace loupe {

class CategoryLabels {
 public:
  // A category has the label of the class with its name. `class_names`: [C]. Categories that are no class
  // have no label, and classes without a category have no category id.
  static CategoryLabels ByName(const std::vector<CocoCategory>& categories,
                               const std::vector<std::string>& class_names);

  // Every category is a class, labelled in order of ascending id: for a file without a project.
  static CategoryLabels ByAscendingId(const std::vector<CocoCategory>& categories);

  // nullopt: the category is no class, or the file has no such category.
  std::optional<uint32_t> LabelOf(int64_t category_id) const;

  // nullopt: no category is this class, or there is no such label.
  std::optional<int64_t> CategoryIdOf(uint32_t label) const;

  // Empty: the file has no such category.
  std::string NameOf(int64_t category_id) const;

  // [C].
  const std::vector<std::string>& class_names() const { return class_names_; }

 private:
  struct Category {
    std::string name;
    std::optional<uint32_t> label;
  };

  absl::flat_hash_map<int64_t, Category> categories_;  // by category id
  std::vector<std::string> class_names_;
  std::vector<std::optional<int64_t>> category_ids_;  // [C]
};

}  // namespace loupe
