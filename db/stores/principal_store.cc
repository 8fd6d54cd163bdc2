#include "db/stores/principal_store.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "db/rows/message_row.h"
#include "db/stores/task_store.h"
#include "db/transaction.h"
#include "proto/error_info.h"

namespace loupe {
namespace {

v1::Role RoleOf(const pqxx::field& field) {
  v1::Role role = v1::ROLE_UNSPECIFIED;
  v1::Role_Parse(absl::AsciiStrToUpper(field.as<std::string>()), &role);
  return role;
}

v1::Token TokenOf(const pqxx::row& row) {
  v1::Token token;
  token.set_id(row["id"].as<int64_t>());
  token.set_name(row["name"].as<std::string>());
  token.set_role(RoleOf(row["role"]));
  *token.mutable_created_at() = TimestampOf(row["created_at"]);
  if (!row["revoked_at"].is_null()) *token.mutable_revoked_at() = TimestampOf(row["revoked_at"]);
  if (!row["expires_at"].is_null()) *token.mutable_expires_at() = TimestampOf(row["expires_at"]);
  return token;
}

v1::Session SessionOf(const pqxx::row& row) {
  v1::Session session;
  session.set_id(row["id"].as<int64_t>());
  *session.mutable_created_at() = TimestampOf(row["created_at"]);
  *session.mutable_expires_at() = TimestampOf(row["expires_at"]);
  session.set_client(row["client"].as<std::string>());
  return session;
}

}  // namespace

absl::Status NoSuchToken(PrincipalId principal) {
  return Error(absl::StatusCode::kNotFound, "NO_SUCH_TOKEN",
               absl::StrCat("there is no token with the id ", principal.value()));
}

std::string RoleName(v1::Role role) {
  return role == v1::ROLE_UNSPECIFIED ? "" : absl::AsciiStrToLower(v1::Role_Name(role));
}

std::optional<Principal> FindPrincipal(Transaction& transaction, const Sha256& token_hash) {
  const pqxx::result rows = transaction.Exec("FindPrincipal", token_hash);
  if (rows.empty()) return std::nullopt;
  const pqxx::row row = rows.front();
  return Principal{IdOf<PrincipalId>(row["id"]), row["name"].as<std::string>(),
                   RoleOf(row["role"]),          row["revoked"].as<bool>(),
                   row["expired"].as<bool>(),    IdOf<SessionId>(row["session"])};
}

std::optional<v1::Token> FindToken(Transaction& transaction, PrincipalId principal) {
  const pqxx::result rows = transaction.Exec("SelectPrincipal", principal);
  if (rows.empty()) return std::nullopt;
  return TokenOf(rows[0]);
}

std::optional<PrincipalId> FindPrincipalNamed(Transaction& transaction, const std::string& name) {
  const pqxx::result rows = transaction.Exec("FindPrincipalNamed", name);
  if (rows.empty()) return std::nullopt;
  return IdOf<PrincipalId>(rows[0]["id"]);
}

absl::StatusOr<PrincipalId> ReadReviewer(Transaction& transaction, const std::string& name) {
  const std::optional<PrincipalId> found = FindPrincipalNamed(transaction, name);
  if (found.has_value()) return *found;
  return Error(absl::StatusCode::kNotFound, "NO_SUCH_REVIEWER",
               absl::StrCat("no token has the name \"", name, "\""));
}

absl::StatusOr<v1::Token> InsertPrincipal(Transaction& transaction, const std::string& name, v1::Role role,
                                          const Sha256& token_hash, std::optional<absl::Time> expires_at) {
  if (FindPrincipalNamed(transaction, name).has_value()) {
    return Error(absl::StatusCode::kAlreadyExists, "TOKEN_EXISTS",
                 absl::StrCat("there is a token named ", name, ": choose another name"));
  }
  std::optional<std::string> expires;
  if (expires_at.has_value()) expires = absl::FormatTime(*expires_at, absl::UTCTimeZone());
  return TokenOf(transaction.Exec("InsertPrincipal", name, RoleName(role), token_hash, expires).at(0));
}

std::vector<v1::Token> ListTokens(Transaction& transaction, PrincipalId after, int limit) {
  std::vector<v1::Token> tokens;
  for (const auto& row : transaction.Exec("ListPrincipals", after, limit)) tokens.push_back(TokenOf(row));
  return tokens;
}

absl::Status RevokeToken(Transaction& transaction, PrincipalId principal) {
  const pqxx::result admins = transaction.Exec("LockAdmins");
  if (!FindToken(transaction, principal).has_value()) return NoSuchToken(principal);
  if (admins.size() == 1 && IdOf<PrincipalId>(admins[0]["id"]) == principal) {
    return Error(absl::StatusCode::kFailedPrecondition, "LAST_ADMIN",
                 "it is the only admin token left that doesn't expire: make another one first");
  }
  transaction.Exec("RevokePrincipal", principal);
  FreeRequests(transaction);
  return absl::OkStatus();
}

bool LockAndCheckForPrincipals(Transaction& transaction) {
  transaction.Exec("LockFirstAdmin");
  return transaction.Exec("AnyPrincipal").at(0)[0].as<bool>();
}

google::protobuf::Timestamp InsertLoginLink(Transaction& transaction, PrincipalId principal,
                                            const Sha256& secret_hash, absl::Duration lasts) {
  return TimestampOf(
      transaction.Exec("InsertLoginLink", secret_hash, principal, absl::ToInt64Seconds(lasts)).at(0)[0]);
}

std::optional<PrincipalId> UseLoginLink(Transaction& transaction, const Sha256& secret_hash) {
  const pqxx::result rows = transaction.Exec("UseLoginLink", secret_hash);
  if (rows.empty()) return std::nullopt;
  return IdOf<PrincipalId>(rows[0][0]);
}

v1::Session InsertSession(Transaction& transaction, PrincipalId principal, const Sha256& secret_hash,
                          absl::Duration lasts, const std::string& client, int most) {
  v1::Session session = SessionOf(
      transaction.Exec("InsertSession", principal, secret_hash, absl::ToInt64Seconds(lasts), client).at(0));
  transaction.Exec("EndOldestSessions", principal, most);
  return session;
}

std::vector<v1::Session> ListSessions(Transaction& transaction, PrincipalId principal, SessionId current) {
  std::vector<v1::Session> sessions;
  for (const auto& row : transaction.Exec("ListSessions", principal)) {
    sessions.push_back(SessionOf(row));
    sessions.back().set_is_current(SessionId(sessions.back().id()) == current);
  }
  return sessions;
}

bool EndSession(Transaction& transaction, PrincipalId principal, SessionId session) {
  return !transaction.Exec("EndSession", principal, session).empty();
}

void ForgetEndedSessions(Transaction& transaction) {
  transaction.Exec("ForgetEndedSessions");
  transaction.Exec("ForgetOldLoginLinks");
}

}  // namespace loupe
