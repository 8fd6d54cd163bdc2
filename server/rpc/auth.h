// Makes tokens and looks up who sent one.
#pragma once

#include <chrono>
#include <string>
#include <unordered_map>

#include <grpcpp/server_context.h>

#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "content/sha256.h"
#include "db/database.h"
#include "db/stores/principal_store.h"

namespace loupe {

// 256 random bits, written as `loupe_` and 43 characters of base64url.
std::string NewTokenSecret();

// Thread-safe.
class Authenticator {
 public:
  // Look-ups are cached for this long, so a token may be accepted for this long after it was revoked or
  // expired.
  static constexpr absl::Duration kMaxAge = absl::Seconds(1);

  explicit Authenticator(Database& database) : database_(database) {}

  // The principal whose token is in the metadata `authorization: Bearer TOKEN`.
  // Errors: UNAUTHENTICATED (NO_TOKEN, UNKNOWN_TOKEN, REVOKED_TOKEN, EXPIRED_TOKEN), UNAVAILABLE.
  absl::StatusOr<Principal> Authenticate(const grpc::ServerContextBase& context, absl::Time deadline);

 private:
  struct Known {                       // a cached look-up
    absl::StatusOr<Principal> answer;  // refusals too, so that strangers don't keep the database busy
    // By a clock that never goes back: a revoked token would be taken again if it did.
    std::chrono::steady_clock::time_point looked_up;
  };
  struct HashHash {
    size_t operator()(const Sha256& hash) const;
  };

  Database& database_;
  absl::Mutex mutex_;
  std::unordered_map<Sha256, Known, HashHash> known_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace loupe
