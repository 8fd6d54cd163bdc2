// How good a model is by the labels of now, and what it gets wrong.
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

// A model, labelled images that it predicted, and its predictions of them. First those of the holdout.
struct JudgedModel {
  ProjectId project;
  ModelRow model;
  std::vector<v1::Class> classes;
  std::vector<JudgedImage> images;
  size_t holdout_images = 0;
  PredictionsById predictions;
};

// `name`: of a model, or its number; empty: the serving model. side: only images of this side; unspecified:
// of both. Errors: NOT_FOUND (NO_SUCH_PROJECT, NO_SUCH_MODEL).
absl::StatusOr<JudgedModel> ReadJudgedModel(Transaction& transaction, const std::string& project_name,
                                            const std::string& name, v1::Side side);

// Of the holdout alone. Takes up to half a second: call it outside the transaction.
v1::ModelQuality MeasureQuality(const JudgedModel& judged, double score_threshold);

// The matches that a request asks for, the worst first, from place `first` on and at most `size`; of images
// only the id, and no open second looks. Sets the numbers of images and the total, too.
v1::ListBoxMatchesResponse FindMatches(const JudgedModel& judged, const v1::ListBoxMatchesRequest& request,
                                       double score_threshold, size_t first, size_t size);

// Adds what FindMatches leaves out.
void DescribeImages(Transaction& transaction, ProjectId project, v1::ListBoxMatchesResponse& page);

}  // namespace loupe
