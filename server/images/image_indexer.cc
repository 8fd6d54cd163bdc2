#include "server/images/image_indexer.h"

#include "db/search/image_index.h"

namespace loupe {
namespace {

constexpr absl::Duration kIndexingPeriod = absl::Seconds(2);
constexpr absl::Duration kIndexingDeadline = absl::Minutes(5);
// Takes about a second.
constexpr int kChangesAtATime = 20'000;

}  // namespace

ImageIndexer::ImageIndexer(Database& database) : database_(database), thread_([this] { Loop(); }) {}

ImageIndexer::~ImageIndexer() {
  stop_.Set();
  thread_.join();
}

void ImageIndexer::Loop() {
  do {
    while (IndexOnce() && !stop_.WaitFor(absl::ZeroDuration())) {
    }
  } while (!stop_.WaitFor(kIndexingPeriod));
}

// Whether more can be done at once. Transact has logged what fails. It is tried again in the next period.
bool ImageIndexer::IndexOnce() {
  const auto changes =
      database_.Transact({"IndexChangedImages", kIndexingDeadline}, [](Transaction& transaction) {
        return absl::StatusOr<bool>(IndexChangedImages(transaction, kChangesAtATime));
      });
  const auto scores = database_.Transact({"IndexScores", kIndexingDeadline}, [](Transaction& transaction) {
    return absl::StatusOr<bool>(IndexScores(transaction));
  });
  return (changes.ok() && *changes) || (scores.ok() && *scores);
}

}  // namespace loupe
