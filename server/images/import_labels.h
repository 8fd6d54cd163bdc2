// Checks imported labels against their picture.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <google/protobuf/repeated_ptr_field.h>

#include "db/rows/revision_columns.h"
#include "loupe/v1/image.pb.h"

namespace loupe {

using Classes = google::protobuf::RepeatedPtrField<v1::Class>;

struct CheckedLabels {
  std::vector<NewBox> boxes;          // of origin IMPORTED, inside the picture
  uint64_t clipped = 0;               // boxes that reached at most a pixel beyond the picture
  uint64_t repeated = 0;              // boxes left out, since one before them is the same
  std::vector<std::string> problems;  // each names its annotation; at most `max_problems`
};

// `width` and `height` of the picture in pixels. `classes`: of the project, in order of label.
CheckedLabels CheckImportedLabels(const v1::ImportedLabels& labels, uint32_t width, uint32_t height,
                                  const Classes& classes, size_t max_problems);

// Whether both hold the same boxes. Order, box_id and origin don't matter.
bool SameTruth(const std::vector<v1::LabelBox>& a, const std::vector<v1::LabelBox>& b);

}  // namespace loupe
