#include "server/projects/first_admin.h"

#include <string>

#include "db/stores/principal_store.h"
#include "server/blobs/small_file.h"
#include "server/rpc/auth.h"

namespace loupe {

absl::Status MakeFirstAdmin(Database& database, const std::filesystem::path& file) {
  return database.Transact(
      {"MakeFirstAdmin", Database::kLongest}, [&](Transaction& transaction) -> absl::Status {
        if (LockAndCheckForPrincipals(transaction)) return absl::OkStatus();
        const std::string secret = NewTokenSecret();
        if (const absl::Status written = WriteWhole(file, secret + "\n", 0600); !written.ok()) return written;
        return InsertPrincipal(transaction, "admin", v1::ADMIN, HashOf(secret)).status();
      });
}

}  // namespace loupe
