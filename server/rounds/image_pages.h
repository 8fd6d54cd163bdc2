// Reads many images without holding a transaction open.
#pragma once

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "db/database.h"
#include "db/ids.h"

namespace loupe {

// Calls visit(item) for every item that `read(transaction, after, limit)` returns: items of images with ids
// above `after`, in order of id, at most `limit`. id_of(item) is the image's id. Each page has its own
// transaction, so that none is long, however large the pool. Changes in between may be seen or not. `name`:
// of the transactions, in logs. Errors: those of Database::Transact.
template <typename Read, typename IdOf, typename Visit>
absl::Status ForEachImage(Database& database, const char* name, Read read, IdOf id_of, Visit visit) {
  constexpr int kPageRows = 2000;
  ImageId after;
  for (;;) {
    auto page = database.Transact(
        {name, Database::kLongest},
        [&](Transaction& transaction) -> absl::StatusOr<decltype(read(transaction, after, kPageRows))> {
          return read(transaction, after, kPageRows);
        });
    if (!page.ok()) return page.status();
    if (page->empty()) return absl::OkStatus();
    after = id_of(page->back());
    for (auto& item : *page) visit(std::move(item));
  }
}

}  // namespace loupe
