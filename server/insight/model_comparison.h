// Two models side by side, on the labelled images of the holdout that both predicted.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "db/ids.h"
#include "db/stores/model_store.h"
#include "loupe/v1/insight.pb.h"
#include "server/rounds/round_evaluation.h"

namespace loupe {

struct ComparedModel {
  ModelRow row;
  PredictionsById predictions;  // of the holdout
};

struct ComparisonInput {
  ProjectId project;
  ComparedModel first;
  ComparedModel second;
  std::vector<JudgedImage> images;  // that both predicted
  int class_count = 0;              // with those that are retired
};

// `first` and `second`: names or numbers; empty: the serving model. Errors: NOT_FOUND (NO_SUCH_PROJECT,
// NO_SUCH_MODEL), INVALID_ARGUMENT (SAME_MODEL), FAILED_PRECONDITION (NO_PREDICTIONS).
absl::StatusOr<ComparisonInput> ReadComparisonInput(Transaction& transaction, const std::string& project,
                                                    const std::string& first, const std::string& second);

// Metrics and their differences. May take long: call it outside the transaction. The same predictions and
// labels give the same intervals.
v1::ModelComparison CompareModels(const ComparisonInput& input, double score_threshold);

// All images on which one model makes fewer mistakes, in the order of ListModelDifferences; their `image` has
// the id alone.
std::vector<v1::ModelDifference> FindDifferences(const ComparisonInput& input, double score_threshold,
                                                 bool first_better);

}  // namespace loupe
