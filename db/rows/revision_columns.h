// The boxes of a new revision, as the parallel arrays that the SQL functions take.
#pragma once

#include <string>
#include <vector>

#include "db/ids.h"
#include "loupe/v1/annotation.pb.h"

namespace loupe {

struct NewBox {
  v1::LabelBox box;        // with box_id 0, the database gives it a new one
  int shown_ordinal = -1;  // of the shown box that it was made from; -1: none
  int spent_ms = -1;       // -1: not known
};

// One entry per box; four corners per box.
struct BoxColumns {
  explicit BoxColumns(const std::vector<NewBox>& boxes);

  std::vector<float> corners;
  std::vector<uint32_t> labels;
  std::vector<std::string> origins;
  std::vector<bool> ignores;
  std::vector<int> shown;
  std::vector<int64_t> ids;
  std::vector<int> spent;
};

}  // namespace loupe
