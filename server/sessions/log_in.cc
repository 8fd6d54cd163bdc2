#include "server/sessions/log_in.h"

#include <optional>

#include "db/rows/message_row.h"
#include "db/stores/principal_store.h"
#include "proto/error_info.h"
#include "server/rpc/auth.h"

namespace loupe {
namespace {

constexpr absl::Duration kSessionLasts = absl::Hours(14 * 24);
constexpr int kMostSessions = 50;  // of one token
constexpr size_t kMostClient = 200;

std::string PrintableStart(const std::string& client) {
  std::string kept;
  for (const char c : client) {
    if (c >= ' ' && c <= '~' && kept.size() < kMostClient) kept += c;
  }
  return kept;
}

absl::StatusOr<PrincipalId> HolderOf(Transaction& transaction, const Credential& credential) {
  if (credential.link.empty()) {
    const absl::StatusOr<Principal> principal =
        Accepted(FindPrincipal(transaction, HashOf(credential.token)));
    if (!principal.ok()) return principal.status();
    // The secret of a session makes no other: it would go on for ever.
    if (principal->session) return Accepted(std::nullopt).status();
    return principal->id;
  }
  const std::optional<PrincipalId> holder = UseLoginLink(transaction, HashOf(credential.link));
  if (holder.has_value()) return *holder;
  return Error(absl::StatusCode::kUnauthenticated, "BAD_LINK",
               "this link was used already, or has expired: log in with your token, or ask an admin for "
               "another link");
}

}  // namespace

absl::StatusOr<Login> LogIn(Database& database, const Credential& credential, const std::string& client,
                            absl::Time deadline) {
  if (credential.token.empty() == credential.link.empty()) {
    return InvalidArgument("give either `token` or `link`");
  }
  const std::string secret = NewSessionSecret();
  return database.Transact({"LogIn", deadline}, [&](Transaction& transaction) -> absl::StatusOr<Login> {
    const absl::StatusOr<PrincipalId> holder = HolderOf(transaction, credential);
    if (!holder.ok()) return holder.status();
    const v1::Session session = InsertSession(transaction, *holder, HashOf(secret), kSessionLasts,
                                              PrintableStart(client), kMostSessions);
    // By the secret, so that a token which was revoked meanwhile is refused.
    const absl::StatusOr<Principal> principal = Accepted(FindPrincipal(transaction, HashOf(secret)));
    if (!principal.ok()) return principal.status();
    return Login{secret, principal->name, TimeOf(session.expires_at())};
  });
}

absl::Status LogOut(Database& database, const std::string& secret, absl::Time deadline) {
  return database.Transact({"LogOut", deadline}, [&](Transaction& transaction) -> absl::Status {
    const std::optional<Principal> principal = FindPrincipal(transaction, HashOf(secret));
    if (principal.has_value()) EndSession(transaction, principal->id, principal->session);
    return absl::OkStatus();
  });
}

}  // namespace loupe
