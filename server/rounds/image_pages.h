// Reads many images without holding a transaction open.
#pragma once

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "db/database.h"
#include "db/ids.h"

namespace loupe {

// Calls visit(item) for all that `read(transaction, after, limit)` gives: items of images with ids above
// `after`, in order, at most `limit`; id_of(item) is the image's. A transaction a page, so that none is long
// whatever the size of the pool; what changes meanwhile is seen or not. Errors: of the transactions, called
// `name`.
template <typename Read, typename IdOf, typename Visit>
absl::Status ForEachImage(Database& database, const char* name, Read read, IdOf id_of, Visit visit) {
  constexpr int kPageRows = 2000;
  ImageId after;
  for (;;) {
    auto page = database.Transact(
        name, [&](Transaction& transaction) -> absl::StatusOr<decltype(read(transaction, after, kPageRows))> {
          return read(transaction, after, kPageRows);
        });
    if (!page.ok()) return page.status();
    if (page->empty()) return absl::OkStatus();
    after = id_of(page->back());
    for (auto& item : *page) visit(std::move(item));
  }
}

}  // namespace loupe
