// How far labels and reviewers can be trusted.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "db/opinions/opinion_pairs.h"
#include "db/planted/planted_tasks.h"
#include "loupe/v1/insight.pb.h"

namespace loupe {

struct LabelQualityInput {
  uint64_t waiting = 0;
  std::vector<v1::Class> classes;
  std::vector<OpinionPair> pairs;
  std::vector<PlantedAnswer> planted;  // of each person the last ones
};

// Errors: NOT_FOUND (NO_SUCH_PROJECT).
absl::StatusOr<LabelQualityInput> ReadLabelQualityInput(Transaction& transaction, const std::string& project);

v1::LabelQuality MakeLabelQuality(const LabelQualityInput& input);

}  // namespace loupe
