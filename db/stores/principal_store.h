// Principals: who may call the coordinator. Each has one token; only the token's hash is stored.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "content/sha256.h"
#include "db/ids.h"
#include "loupe/v1/token.pb.h"

namespace loupe {

class Transaction;

struct Principal {
  PrincipalId id;
  std::string name;
  v1::Role role = v1::ROLE_UNSPECIFIED;
  bool revoked = false;
  bool expired = false;
};

// nullopt: no principal has this token.
std::optional<Principal> FindPrincipal(Transaction& transaction, const Sha256& token_hash);

// nullopt: nobody has this name.
std::optional<PrincipalId> FindPrincipalNamed(Transaction& transaction, const std::string& name);

// With an empty name the principal is called ROLE-ID, e.g. `worker-3`.
// Errors: ALREADY_EXISTS (TOKEN_EXISTS: the name is taken).
absl::StatusOr<v1::Token> InsertPrincipal(Transaction& transaction, const std::string& name, v1::Role role,
                                          const Sha256& token_hash,
                                          std::optional<absl::Time> expires_at = std::nullopt);

// At most `limit` tokens with ids above `after`, in order of id.
std::vector<v1::Token> ListTokens(Transaction& transaction, PrincipalId after, int limit);

// Errors: NOT_FOUND (NO_SUCH_TOKEN), FAILED_PRECONDITION (LAST_ADMIN). Locks: all admins. Idempotent.
absl::Status RevokeToken(Transaction& transaction, PrincipalId principal);

// Whether there is any principal. Locks: an advisory lock until the transaction ends. When several
// coordinators start together, only one makes the first admin.
bool LockAndCheckForPrincipals(Transaction& transaction);

// `annotator`, `engineer`, `viewer`, `worker` or `admin`; empty for ROLE_UNSPECIFIED.
std::string RoleName(v1::Role role);

}  // namespace loupe
