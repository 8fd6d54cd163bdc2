#include "server/provenance/box_filter.h"

#include "db/rows/message_row.h"
#include "db/stores/model_store.h"
#include "db/stores/principal_store.h"
#include "db/stores/project_store.h"
#include "proto/error_info.h"
#include "server/rpc/score_range.h"

namespace loupe {
namespace {

absl::Status CheckRanges(const v1::BoxFilter& filter) {
  if (!IsStorable(filter.from()) || !IsStorable(filter.to())) {
    return InvalidArgument("from and to must be within the years 1970 to 9999");
  }
  if (filter.has_from() && filter.has_to() && TimeOf(filter.from()) >= TimeOf(filter.to())) {
    return InvalidArgument("from must be before to");
  }
  return CheckScoreRange(filter);
}

absl::Status CheckWords(const v1::BoxFilter& filter) {
  for (const int origin : filter.origins()) {
    if (origin == 0) return InvalidArgument("origins holds one that is unspecified: leave it out");
  }
  for (const int outcome : filter.outcomes()) {
    if (outcome == 0) return InvalidArgument("outcomes holds one that is unspecified: leave it out");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<BoxConditions> ConditionsOf(Transaction& transaction, ProjectId project,
                                           const v1::BoxFilter& filter) {
  if (const absl::Status ranges = CheckRanges(filter); !ranges.ok()) return ranges;
  if (const absl::Status words = CheckWords(filter); !words.ok()) return words;
  BoxConditions conditions;
  conditions.slice = filter.slice();
  conditions.side = filter.side();
  for (const int origin : filter.origins()) conditions.origins.push_back(static_cast<v1::Origin>(origin));
  for (const int outcome : filter.outcomes())
    conditions.outcomes.push_back(static_cast<v1::Outcome>(outcome));
  if (filter.has_min_score()) conditions.min_score = filter.min_score();
  if (filter.has_max_score()) conditions.max_score = filter.max_score();
  if (filter.has_from()) conditions.from = TimeOf(filter.from());
  if (filter.has_to()) conditions.to = TimeOf(filter.to());
  if (!filter.reviewer().empty()) {
    const absl::StatusOr<PrincipalId> author = ReadReviewer(transaction, filter.reviewer());
    if (!author.ok()) return author.status();
    conditions.author = *author;
  }
  if (!filter.class_name().empty()) {
    const absl::StatusOr<uint32_t> label = FindClass(transaction, project, filter.class_name());
    if (!label.ok()) return label.status();
    conditions.label = *label;
  }
  if (!filter.model().empty()) {
    const absl::StatusOr<ModelRow> model = ReadNamedModel(transaction, project, filter.model());
    if (!model.ok()) return model.status();
    conditions.model = model->id;
  }
  return conditions;
}

}  // namespace loupe
