#include "server/provenance/label_counter.h"

#include "db/lineage/label_stats.h"

namespace loupe {
namespace {

constexpr absl::Duration kCountingPeriod = absl::Seconds(5);
// Long enough for a million images that were removed at once.
constexpr absl::Duration kCountingDeadline = Database::kLongest;
// Takes about a second.
constexpr int64_t kRevisionsAtATime = 20'000;

// Whether more can be counted at once. Transact has logged what fails. It is tried again in the next period.
bool CountOnce(Database& database) {
  const absl::StatusOr<bool> more = database.Transact(
      {"AddToLabelCounts", kCountingDeadline, Isolation::kRepeatableRead}, [](Transaction& transaction) {
        return absl::StatusOr<bool>(AddToLabelCounts(transaction, kRevisionsAtATime));
      });
  return more.ok() && *more;
}

}  // namespace

LabelCounter::LabelCounter(Database& database)
    : steps_(kCountingPeriod, [&database] { return CountOnce(database); }) {}

}  // namespace loupe
