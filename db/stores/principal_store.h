// Who may come in: principals, each with one token, of which only the hash is kept.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
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
};

// nullopt: nobody has this token.
std::optional<Principal> FindPrincipal(Transaction& transaction, const Sha256& token_hash);

// An empty name becomes role and number. Errors: ALREADY_EXISTS (TOKEN_EXISTS: the name).
absl::StatusOr<v1::Token> InsertPrincipal(Transaction& transaction, const std::string& name, v1::Role role,
                                          const Sha256& token_hash);

// With ids above `after`, in order, at most `limit`.
std::vector<v1::Token> ListTokens(Transaction& transaction, PrincipalId after, int limit);

// Errors: NOT_FOUND (NO_SUCH_TOKEN), FAILED_PRECONDITION (LAST_ADMIN). Locks: all admins. Idempotent.
absl::Status RevokeToken(Transaction& transaction, PrincipalId principal);

// Whether anybody at all may come in. Locks: whoever asks next waits for this transaction's end.
bool LockAndCheckForPrincipals(Transaction& transaction);

// `annotator`, `engineer`, `viewer`, `worker` or `admin`; empty for ROLE_UNSPECIFIED.
std::string RoleName(v1::Role role);

}  // namespace loupe
