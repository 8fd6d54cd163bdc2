#include "server/images/image_indexer.h"

#include "db/search/image_index.h"

namespace loupe {
namespace {

constexpr absl::Duration kIndexingPeriod = absl::Seconds(2);
constexpr absl::Duration kIndexingDeadline = absl::Minutes(5);
// Takes about a second.
constexpr int kChangesAtATime = 20'000;

// Whether more can be done at once. Transact has logged what fails. It is tried again in the next period.
bool IndexOnce(Database& database) {
  const auto changes =
      database.Transact({"IndexChangedImages", kIndexingDeadline}, [](Transaction& transaction) {
        return absl::StatusOr<bool>(IndexChangedImages(transaction, kChangesAtATime));
      });
  const auto scores = database.Transact({"IndexScores", kIndexingDeadline}, [](Transaction& transaction) {
    return absl::StatusOr<bool>(IndexScores(transaction));
  });
  return (changes.ok() && *changes) || (scores.ok() && *scores);
}

}  // namespace

ImageIndexer::ImageIndexer(Database& database)
    : steps_(kIndexingPeriod, [&database] { return IndexOnce(database); }) {}

}  // namespace loupe
