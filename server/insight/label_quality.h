// How far labels and reviewers can be trusted.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "db/opinions/opinion_pairs.h"
#include "db/reviewers/reviewer_watch_store.h"
#include "loupe/v1/insight.pb.h"
#include "server/reviewers/reviewer_windows.h"

namespace loupe {

struct LabelQualityInput {
  uint64_t waiting = 0;
  std::vector<v1::Class> classes;
  std::vector<OpinionPair> pairs;
  std::vector<Reviewer> reviewers;
  std::vector<RaisedAlarm> alarms;
  std::vector<PausedReviewer> pauses;
};

// Errors: NOT_FOUND (NO_SUCH_PROJECT).
absl::StatusOr<LabelQualityInput> ReadLabelQualityInput(Transaction& transaction, const std::string& project);

v1::LabelQuality MakeLabelQuality(const LabelQualityInput& input);

}  // namespace loupe
