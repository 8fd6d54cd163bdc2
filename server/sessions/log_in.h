// How a browser logs in and out.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "db/database.h"
#include "loupe/v1/session.pb.h"

namespace loupe {

struct Credential {
  // One of them.
  std::string token;
  std::string link;  // the secret of a login link; it can't be used again
};

struct Login {
  std::string secret;  // of the session
  std::string name;    // of who is logged in
  absl::Time expires_at;
};

// Makes a session. `client` is what the browser calls itself: of other bytes than printable ASCII none are
// kept. Errors: UNAUTHENTICATED (UNKNOWN_TOKEN, REVOKED_TOKEN, EXPIRED_TOKEN; BAD_LINK: used, expired or made
// up), INVALID_ARGUMENT, UNAVAILABLE.
absl::StatusOr<Login> LogIn(Database& database, const Credential& credential, const std::string& client,
                            absl::Time deadline);

// Ends the session with this secret, if there is one. Errors: UNAVAILABLE.
absl::Status LogOut(Database& database, const std::string& secret, absl::Time deadline);

}  // namespace loupe
