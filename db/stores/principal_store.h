// Principals: who may call the coordinator. Each has one token, and sessions of browsers that stand for it.
// Of tokens, sessions and the links that log in only hashes are stored.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "content/sha256.h"
#include "db/ids.h"
#include "loupe/v1/session.pb.h"
#include "loupe/v1/token.pb.h"

namespace loupe {

class Transaction;

struct Principal {
  PrincipalId id;
  std::string name;
  v1::Role role = v1::ROLE_UNSPECIFIED;
  bool revoked = false;
  bool expired = false;
  SessionId session;  // 0: called with the token itself
};

// By the hash of a token, or of the secret of a session that has not ended. nullopt: nobody has it.
std::optional<Principal> FindPrincipal(Transaction& transaction, const Sha256& token_hash);

// nullopt: there is no such token.
std::optional<v1::Token> FindToken(Transaction& transaction, PrincipalId principal);

// nullopt: nobody has this name.
std::optional<PrincipalId> FindPrincipalNamed(Transaction& transaction, const std::string& name);

// As FindPrincipalNamed, for the author of labels. Errors: NOT_FOUND (NO_SUCH_REVIEWER).
absl::StatusOr<PrincipalId> ReadReviewer(Transaction& transaction, const std::string& name);

// With an empty name the principal is called ROLE-ID, e.g. `worker-3`.
// Errors: ALREADY_EXISTS (TOKEN_EXISTS: the name is taken).
absl::StatusOr<v1::Token> InsertPrincipal(Transaction& transaction, const std::string& name, v1::Role role,
                                          const Sha256& token_hash,
                                          std::optional<absl::Time> expires_at = std::nullopt);

// At most `limit` tokens with ids above `after`, in order of id.
std::vector<v1::Token> ListTokens(Transaction& transaction, PrincipalId after, int limit);

// NOT_FOUND (NO_SUCH_TOKEN).
absl::Status NoSuchToken(PrincipalId principal);

// Errors: NOT_FOUND (NO_SUCH_TOKEN), FAILED_PRECONDITION (LAST_ADMIN). Locks: all admins. Idempotent.
absl::Status RevokeToken(Transaction& transaction, PrincipalId principal);

// Whether there is any principal. Locks: an advisory lock until the transaction ends. When several
// coordinators start together, only one makes the first admin.
bool LockAndCheckForPrincipals(Transaction& transaction);

// `annotator`, `engineer`, `viewer`, `worker` or `admin`; empty for ROLE_UNSPECIFIED.
std::string RoleName(v1::Role role);

// Returns when the link expires.
google::protobuf::Timestamp InsertLoginLink(Transaction& transaction, PrincipalId principal,
                                            const Sha256& secret_hash, absl::Duration lasts);

// Whom it logs in; it can't be used again. nullopt: there is no such link, or it has expired.
std::optional<PrincipalId> UseLoginLink(Transaction& transaction, const Sha256& secret_hash);

// A principal has at most `most` sessions: the oldest end. `client`: at most 200 characters. A session
// doesn't outlive a token that expires. Requires: the principal exists.
v1::Session InsertSession(Transaction& transaction, PrincipalId principal, const Sha256& secret_hash,
                          absl::Duration lasts, const std::string& client, int most);

// Those that have not ended, newest first, at most 100. `current`: for is_current.
std::vector<v1::Session> ListSessions(Transaction& transaction, PrincipalId principal, SessionId current);

// False: the principal has no such session.
bool EndSession(Transaction& transaction, PrincipalId principal, SessionId session);

// Deletes sessions and links that have expired.
void ForgetEndedSessions(Transaction& transaction);

}  // namespace loupe
