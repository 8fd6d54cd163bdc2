// Annotations as the labels of an import.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "coco/coco_file.h"
#include "loupe/v1/image.pb.h"

namespace loupe {

// Adds the boxes of annotations to `labels`, by the image's id in the COCO file; those of other images are
// left out. `class_names`: in order of label. Returns a problem for each category that has boxes there and is
// no class; `class_listing` tells a person which classes there are.
std::vector<std::string> AddImportedLabels(const CocoFile& coco, const std::vector<std::string>& class_names,
                                           const std::string& class_listing,
                                           const std::unordered_map<int64_t, v1::ImportedLabels*>& labels);

}  // namespace loupe
