// Makes tokens and secrets of sessions, and looks up who sent one.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
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

// As many random bits, written as `loupe_session_` and 43 characters.
std::string NewSessionSecret();

// The token or secret in a header `authorization: Bearer TOKEN`; empty: there is none.
std::string BearerToken(std::string_view authorization);
// The same of a call's metadata.
std::string BearerToken(const grpc::ServerContextBase& context);

// Whom a token or a session is of, or why it is refused. nullopt: it is not known. Errors: UNAUTHENTICATED
// (UNKNOWN_TOKEN, REVOKED_TOKEN, EXPIRED_TOKEN).
absl::StatusOr<Principal> Accepted(const std::optional<Principal>& principal);

// Thread-safe.
class Authenticator {
 public:
  // Look-ups are cached for this long, so a token may be accepted for this long after it was revoked or
  // expired.
  static constexpr absl::Duration kMaxAge = absl::Seconds(1);

  explicit Authenticator(Database& database) : database_(database) {}

  // The principal who has this token, or session with this secret; empty: the call came without one.
  // Errors: UNAUTHENTICATED (NO_TOKEN, UNKNOWN_TOKEN, REVOKED_TOKEN, EXPIRED_TOKEN, SESSION_ENDED),
  // UNAVAILABLE.
  absl::StatusOr<Principal> Authenticate(const std::string& token, absl::Time deadline);

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
