// `loupe-worker eval`: COCO's metrics from two files.
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
  bool json = false;                   // one JSON object with full precision instead of tables
};

struct EvaluateReport {
  evaluation::CocoSummary overall;
  std::map<int64_t, evaluation::ClassMetrics> per_category;  // by category id
  std::map<int64_t, std::string> category_names;
  int64_t left_out_detections = 0;  // of categories that the ground truth doesn't have; not evaluated
  bool zero_id = false;             // an annotation has id 0, which pycocotools never matches
};

// Errors: those of ReadCocoFile and ReadCocoResults; INVALID_ARGUMENT when a detection refers to an image
// that the ground truth doesn't have.
absl::StatusOr<EvaluateReport> EvaluateFiles(const std::filesystem::path& ground_truth,
                                             const std::filesystem::path& detections);

// Prints the 12 metrics in pycocotools' order, then AP and AP50 per category. Warnings go to `remarks`.
absl::Status RunEvaluateCommand(const EvaluateOptions& options, std::ostream& out, std::ostream& remarks);

}  // namespace loupe
