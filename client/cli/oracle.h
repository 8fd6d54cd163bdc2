// An annotator that knows the truth: corrects predictions as a careful person would, for rehearsals and
// tests.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/status/statusor.h"
#include "client/cli/message_json.h"
#include "client/lib/coco_file.h"
#include "loupe/v1/labeling.pb.h"

namespace loupe {

struct TruthBox {
  v1::Box box;
  uint32_t label = 0;
  bool ignore = false;
};

// The truth of images, by file name.
class Oracle {
 public:
  // Errors: INVALID_ARGUMENT (a category with boxes that is no class of the project).
  static absl::StatusOr<Oracle> FromCoco(const CocoFile& coco, const ClassNames& classes);

  // Null when the file doesn't have the image.
  const std::vector<TruthBox>* Find(const std::string& file_name) const;

 private:
  std::unordered_map<std::string, std::vector<TruthBox>> truth_;
};

// Intersection over union, in [0, 1].
double IouOf(const v1::Box& a, const v1::Box& b);

// Corrections of an assisted task. Predictions are matched one to one with the truth, IoU >= 0.5, those of
// the same class first, best IoU first. A matched prediction keeps its corners when its IoU is at least 0.9
// and takes the truth's otherwise, and takes the truth's class; truth without a match is drawn; other
// predictions go. Regions to ignore are drawn as they are.
std::vector<v1::CorrectedBox> Review(const std::vector<v1::PredictedBox>& predictions,
                                     const std::vector<TruthBox>& truth);

// Corrections of a blind task: all of the truth, but with probability `error_rate` a box is missed or, as
// likely, has each corner moved by up to a fifth of its size, within the image.
std::vector<v1::CorrectedBox> DrawBlind(const std::vector<TruthBox>& truth, const v1::Image& image,
                                        double error_rate, std::mt19937_64& random);

}  // namespace loupe
