// `loupe-worker eval`: COCO's numbers from two files.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <ostream>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "evaluation/coco_metrics.h"

namespace loupe {

struct EvaluateOptions {
  std::filesystem::path ground_truth;  // COCO annotation file
  std::filesystem::path detections;    // COCO results file
  bool json = false;                   // one JSON object, numbers in full precision, instead of tables
};

struct EvaluateReport {
  evaluation::CocoSummary overall;
  std::map<int64_t, evaluation::ClassMetrics> per_category;  // by category id
  std::map<int64_t, std::string> category_names;
  int64_t left_out_detections = 0;  // of categories that the ground truth doesn't have: not judged
  bool zero_id = false;             // an annotation has id 0, which pycocotools never counts as found
};

// Errors: those of ReadCocoFile and ReadCocoResults; INVALID_ARGUMENT when a detection is of an image that
// the ground truth doesn't have.
absl::StatusOr<EvaluateReport> EvaluateFiles(const std::filesystem::path& ground_truth,
                                             const std::filesystem::path& detections);

// Prints the 12 numbers in pycocotools' order, then AP and AP50 of each category. Remarks go to `remarks`.
absl::Status RunEvaluateCommand(const EvaluateOptions& options, std::ostream& out, std::ostream& remarks);

}  // namespace loupe
