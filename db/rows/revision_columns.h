// A revision on its way in, and as the arrays that the SQL functions take.
#pragma once

#include <string>
#include <vector>

#include "db/ids.h"
#include "loupe/v1/annotation.pb.h"

namespace loupe {

struct NewBox {
  v1::LabelBox box;          // box, label, origin and ignore; its identity is given by the database
  int predicted_index = -1;  // of an accepted, adjusted or relabelled box; -1: none
};

// Parallel arrays; corners four a box.
struct BoxColumns {
  explicit BoxColumns(const std::vector<NewBox>& boxes);

  std::vector<float> corners;
  std::vector<uint32_t> labels;
  std::vector<std::string> origins;
  std::vector<bool> ignores;
  std::vector<int> predicted;
};

struct RejectionColumns {
  explicit RejectionColumns(const std::vector<v1::PredictedBox>& rejections);

  std::vector<uint32_t> indexes;
  std::vector<uint32_t> labels;
  std::vector<float> scores;
  std::vector<float> corners;
};

}  // namespace loupe
