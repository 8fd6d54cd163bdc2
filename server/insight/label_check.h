// Whether what is labelled represents the rest of the pool.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "db/stores/label_check_store.h"
#include "loupe/v1/insight.pb.h"
#include "server/ranking/calibration.h"

namespace loupe {

// Of a model's boxes, their calibrated scores added up by class and scaled to all images that the sample
// stands for. maps [classes], or empty. Returns [class_count].
std::vector<double> ExpectedBoxes(const PoolSample& sample, std::span<const ranking::CalibrationMap> maps,
                                  size_t class_count);

struct LabelCheckInput {
  uint32_t model = 0;  // 0: none serves
  std::vector<std::string> class_names;
  std::vector<int64_t> labelled_boxes;  // [classes]
  std::vector<double> expected_boxes;   // [classes]
  std::vector<ImageTraits> labelled;
  std::vector<ImageTraits> rest;
  std::vector<ImageTraits> random_slice;
  std::vector<ImageTraits> random_rest;
  SetAside set_aside;
  std::vector<PictureHash> holdout;
  std::vector<PictureHash> pool;
};

// Errors: INTERNAL when a comparison can't be made of what is kept.
absl::StatusOr<v1::LabelCheck> MakeLabelCheck(const LabelCheckInput& input);

}  // namespace loupe
