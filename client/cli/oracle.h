// An annotator that knows the truth. It corrects predictions as a careful person would; for rehearsals and
// tests.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/status/statusor.h"
#include "client/cli/message_json.h"
#include "coco/coco_file.h"
#include "loupe/v1/labeling.pb.h"

namespace loupe {

struct TruthBox {
  v1::Box box;
  uint32_t label = 0;
  bool ignore = false;

  friend bool operator==(const TruthBox& a, const TruthBox& b) {
    return a.label == b.label && a.ignore == b.ignore && a.box.x1() == b.box.x1() &&
           a.box.y1() == b.box.y1() && a.box.x2() == b.box.x2() && a.box.y2() == b.box.y2();
  }
};

// The truth of images, by file name. Annotations that say the same are one.
class Oracle {
 public:
  // Errors: INVALID_ARGUMENT (a box of a category that is no class of the project).
  static absl::StatusOr<Oracle> FromCoco(const CocoFile& coco, const ClassNames& classes);

  // nullptr: the file has no such image.
  const std::vector<TruthBox>* Find(const std::string& file_name) const;

 private:
  std::unordered_map<std::string, std::vector<TruthBox>> truth_;
};

// Intersection over union, in [0, 1].
double IouOf(const v1::Box& a, const v1::Box& b);

// The correction of an assisted task.
// Predictions and true boxes are matched one to one, from IoU 0.5 up: pairs of the same class first, then by
// falling IoU. A matched prediction gets the true class. It keeps its corners when its IoU is at least 0.9
// and gets the true corners otherwise. True boxes without a match are drawn; predictions without a match are
// removed. Regions to ignore are drawn as they are.
std::vector<v1::CorrectedBox> Review(const std::vector<v1::PredictedBox>& predictions,
                                     const std::vector<TruthBox>& truth);

// The correction of a blind task: the truth with errors. Each box has an error with probability `error_rate`:
// half of these boxes are missing, the others have each side moved by up to a fifth of the box's size, within
// the image.
std::vector<v1::CorrectedBox> DrawBlind(const std::vector<TruthBox>& truth, const v1::Image& image,
                                        double error_rate, std::mt19937_64& random);

}  // namespace loupe
