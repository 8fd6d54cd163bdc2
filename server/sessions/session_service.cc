#include "server/sessions/session_service.h"

#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "db/rows/message_row.h"
#include "db/stores/principal_store.h"
#include "proto/error_info.h"

namespace loupe {
namespace {

constexpr absl::Duration kLinkLasts = absl::Hours(24);

// A link for a token that has ended would be of no use.
absl::Status CheckUsable(const v1::Token& token) {
  if (token.has_revoked_at()) {
    return Error(absl::StatusCode::kFailedPrecondition, "REVOKED_TOKEN",
                 absl::StrCat("the token ", token.name(), " was revoked: make another one"));
  }
  if (token.has_expires_at() && TimeOf(token.expires_at()) <= absl::Now()) {
    return Error(absl::StatusCode::kFailedPrecondition, "EXPIRED_TOKEN",
                 absl::StrCat("the token ", token.name(), " has expired: make another one"));
  }
  return absl::OkStatus();
}

}  // namespace

grpc::Status SessionServiceImpl::CreateLoginLink(grpc::ServerContext* context,
                                                 const v1::CreateLoginLinkRequest* request,
                                                 v1::CreateLoginLinkResponse* response) {
  constexpr char kMethod[] = "SessionService.CreateLoginLink";
  using Response = absl::StatusOr<v1::CreateLoginLinkResponse>;
  return calls_.Unary(context, kMethod, request, response, [&](const Call& call) -> Response {
    const PrincipalId holder =
        request->token_id() == 0 ? call.principal.id : PrincipalId(request->token_id());
    if (holder != call.principal.id && call.principal.role != v1::ADMIN) {
      return Error(absl::StatusCode::kPermissionDenied, "WRONG_ROLE",
                   "only an admin makes login links for others: leave token_id out for one of your own");
    }
    if (holder == call.principal.id && call.principal.session) {
      return Error(absl::StatusCode::kPermissionDenied, "SESSION_MAKES_NO_LINK",
                   "a session makes no login link for itself: use your token");
    }
    if (page_url_.empty()) {
      return Error(absl::StatusCode::kFailedPrecondition, "NO_GATEWAY",
                   "this coordinator serves no pages: start it with --http-listen");
    }
    const std::string secret = NewTokenSecret();
    return database_.Transact({kMethod, call.deadline}, [&](Transaction& transaction) -> Response {
      const std::optional<v1::Token> token = loupe::FindToken(transaction, holder);
      if (!token.has_value()) return NoSuchToken(holder);
      if (const absl::Status usable = CheckUsable(*token); !usable.ok()) return usable;
      v1::CreateLoginLinkResponse made;
      made.set_url(absl::StrCat(page_url_, "/#link=", secret));
      *made.mutable_expires_at() = InsertLoginLink(transaction, holder, HashOf(secret), kLinkLasts);
      return made;
    });
  });
}

grpc::Status SessionServiceImpl::ListSessions(grpc::ServerContext* context,
                                              const v1::ListSessionsRequest* request,
                                              v1::ListSessionsResponse* response) {
  constexpr char kMethod[] = "SessionService.ListSessions";
  using Response = absl::StatusOr<v1::ListSessionsResponse>;
  return calls_.Unary(context, kMethod, request, response, [&](const Call& call) -> Response {
    return database_.Transact({kMethod, call.deadline}, [&](Transaction& transaction) -> Response {
      v1::ListSessionsResponse listed;
      std::optional<v1::Token> caller = loupe::FindToken(transaction, call.principal.id);
      if (!caller.has_value()) return NoSuchToken(call.principal.id);
      *listed.mutable_caller() = *std::move(caller);
      for (v1::Session& session :
           loupe::ListSessions(transaction, call.principal.id, call.principal.session)) {
        *listed.add_sessions() = std::move(session);
      }
      return listed;
    });
  });
}

grpc::Status SessionServiceImpl::EndSession(grpc::ServerContext* context,
                                            const v1::EndSessionRequest* request,
                                            v1::EndSessionResponse* response) {
  constexpr char kMethod[] = "SessionService.EndSession";
  using Response = absl::StatusOr<v1::EndSessionResponse>;
  return calls_.Unary(context, kMethod, request, response, [&](const Call& call) -> Response {
    return database_.Transact({kMethod, call.deadline}, [&](Transaction& transaction) -> Response {
      if (loupe::EndSession(transaction, call.principal.id, SessionId(request->id()))) {
        return v1::EndSessionResponse();
      }
      return Error(absl::StatusCode::kNotFound, "NO_SUCH_SESSION",
                   absl::StrCat("you have no session ", request->id(), ": it may have ended"));
    });
  });
}

}  // namespace loupe
