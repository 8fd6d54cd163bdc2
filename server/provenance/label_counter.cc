#include "server/provenance/label_counter.h"

#include "db/lineage/label_stats.h"

namespace loupe {
namespace {

constexpr absl::Duration kCountingPeriod = absl::Seconds(5);
// Long enough for a million images that were removed at once.
constexpr absl::Duration kCountingDeadline = Database::kLongest;
// Takes about a second.
constexpr int64_t kRevisionsAtATime = 20'000;

}  // namespace

LabelCounter::LabelCounter(Database& database) : database_(database), thread_([this] { Loop(); }) {}

LabelCounter::~LabelCounter() {
  stop_.Set();
  thread_.join();
}

void LabelCounter::Loop() {
  do {
    while (CountOnce() && !stop_.WaitFor(absl::ZeroDuration())) {
    }
  } while (!stop_.WaitFor(kCountingPeriod));
}

// Whether more can be counted at once. Transact has logged what fails. It is tried again in the next period.
bool LabelCounter::CountOnce() {
  const absl::StatusOr<bool> more = database_.Transact(
      {"AddToLabelCounts", kCountingDeadline, Isolation::kRepeatableRead}, [](Transaction& transaction) {
        return absl::StatusOr<bool>(AddToLabelCounts(transaction, kRevisionsAtATime));
      });
  return more.ok() && *more;
}

}  // namespace loupe
