// ProvenanceServiceImpl::GetLabelStats: what dashboards count.

#include "db/lineage/label_stats.h"

#include "absl/strings/str_cat.h"
#include "absl/time/civil_time.h"
#include "db/rows/message_row.h"
#include "db/stores/project_store.h"
#include "proto/error_info.h"
#include "server/provenance/provenance_service.h"

namespace loupe {
namespace {

constexpr int kMaxPeriods = 2000;

// Errors: INVALID_ARGUMENT.
absl::StatusOr<std::optional<absl::Time>> DayOf(const char* field, bool is_set,
                                                const google::protobuf::Timestamp& timestamp) {
  if (!is_set) return std::nullopt;
  if (!IsStorable(timestamp)) {
    return InvalidArgument(absl::StrCat(field, " must be within the years 1970 to 9999"));
  }
  const absl::Time time = TimeOf(timestamp);
  if (time != absl::FromCivil(absl::ToCivilDay(time, absl::UTCTimeZone()), absl::UTCTimeZone())) {
    return InvalidArgument(absl::StrCat(field, " must be the beginning of a day, 00:00 UTC"));
  }
  return time;
}

// Errors: INVALID_ARGUMENT.
absl::StatusOr<LabelSpan> SpanOf(const v1::GetLabelStatsRequest& request) {
  LabelSpan span;
  const auto from = DayOf("from", request.has_from(), request.from());
  if (!from.ok()) return from.status();
  const auto to = DayOf("to", request.has_to(), request.to());
  if (!to.ok()) return to.status();
  if (from->has_value() && to->has_value() && **from >= **to) {
    return InvalidArgument("from must be before to");
  }
  span.from = *from;
  span.to = *to;
  if (request.period() != v1::PERIOD_UNSPECIFIED) span.period = request.period();
  return span;
}

}  // namespace

grpc::Status ProvenanceServiceImpl::GetLabelStats(grpc::ServerContext* context,
                                                  const v1::GetLabelStatsRequest* request,
                                                  v1::LabelStats* response) {
  constexpr char kMethod[] = "ProvenanceService.GetLabelStats";
  using Response = absl::StatusOr<v1::LabelStats>;
  return calls_.Unary(context, kMethod, request, response, [&](const Call& call) -> Response {
    const absl::StatusOr<LabelSpan> span = SpanOf(*request);
    if (!span.ok()) return span.status();
    const absl::StatusOr<ProjectId> project = database_.Transact(
        {kMethod, call.deadline},
        [&](Transaction& transaction) { return FindProject(transaction, request->project()); });
    if (!project.ok()) return project.status();
    const auto read = [&](Transaction& transaction) -> Response {
      v1::LabelStats stats = ReadLabelStats(transaction, *project, *span);
      if (stats.periods_size() <= kMaxPeriods) return stats;
      return InvalidArgument(absl::StrCat("these are ", stats.periods_size(), " periods, and at most ",
                                          kMaxPeriods, " are told: ask for longer ones, or for less time"));
    };
    return kept_.Get<v1::LabelStats>(QuestionOf(kMethod, *project, *request),
                                     absl::Seconds(request->max_age_seconds()), call.deadline, [&] {
                                       return database_.Transact({kMethod, call.deadline}, read);
                                     });
  });
}

}  // namespace loupe
