// The boxes and rejections of a new revision, as the parallel arrays that the SQL functions take.
#pragma once

#include <string>
#include <vector>

#include "db/ids.h"
#include "loupe/v1/annotation.pb.h"

namespace loupe {

struct NewBox {
  v1::LabelBox box;  // box, label, origin and ignore; the database gives it its box_id
  int predicted_index =
      -1;  // index of the predicted box it was made from (accepted, adjusted, relabelled); -1: none
};

// One entry per box; four corners per box.
struct BoxColumns {
  explicit BoxColumns(const std::vector<NewBox>& boxes);

  std::vector<float> corners;
  std::vector<uint32_t> labels;
  std::vector<std::string> origins;
  std::vector<bool> ignores;
  std::vector<int> predicted;
};

// One entry per rejection; four corners per rejection.
struct RejectionColumns {
  explicit RejectionColumns(const std::vector<v1::PredictedBox>& rejections);

  std::vector<uint32_t> indexes;
  std::vector<uint32_t> labels;
  std::vector<float> scores;
  std::vector<float> corners;
};

}  // namespace loupe
