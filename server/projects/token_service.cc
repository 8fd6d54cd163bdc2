#include "server/projects/token_service.h"

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "db/rows/message_row.h"
#include "db/stores/principal_store.h"
#include "db/stores/request_store.h"
#include "proto/error_info.h"
#include "server/rpc/names.h"
#include "server/rpc/paging.h"

namespace loupe {
namespace {

// nullopt: never.
std::optional<absl::Time> ExpiryOf(const v1::CreateTokenRequest& request) {
  if (!request.has_expires_at()) return std::nullopt;
  return TimeOf(request.expires_at());
}

absl::Status CheckNewToken(const v1::CreateTokenRequest& request) {
  if (request.role() == v1::ROLE_UNSPECIFIED) {
    return InvalidArgument("role must be annotator, engineer, viewer, worker or admin");
  }
  if (CharacterCount(request.name()) > 100)
    return InvalidArgument("the name of a token has at most 100 characters");
  if (request.has_expires_at() && (*ExpiryOf(request) <= absl::Now() || !IsStorable(request.expires_at()))) {
    return InvalidArgument("expires_at must be a time in the future");
  }
  return absl::OkStatus();
}

}  // namespace

grpc::Status TokenServiceImpl::CreateToken(grpc::ServerContext* context,
                                           const v1::CreateTokenRequest* request,
                                           v1::CreateTokenResponse* response) {
  constexpr char kMethod[] = "TokenService.CreateToken";
  using Response = absl::StatusOr<v1::CreateTokenResponse>;
  return calls_.Unary(context, kMethod, request, response, [&](const Call& call) -> Response {
    if (const absl::Status checked = CheckNewToken(*request); !checked.ok()) return checked;
    const RequestKey key = KeyOf(call.principal.id, kMethod, request->request_id(), *request);
    const std::string secret = NewTokenSecret();
    const Sha256 hash = HashOf(secret);
    return database_.Transact({kMethod, call.deadline}, [&](Transaction& transaction) -> Response {
      // The response is stored without the secret.
      Response created = WithRequestId<v1::CreateTokenResponse>(transaction, key, [&]() -> Response {
        const absl::StatusOr<v1::Token> token =
            InsertPrincipal(transaction, request->name(), request->role(), hash, ExpiryOf(*request));
        if (!token.ok()) return token.status();
        v1::CreateTokenResponse made;
        *made.mutable_token() = *token;
        return made;
      });
      // A stored response may be from this very call, when the outcome of its first commit was unknown. Then
      // the token in the database is the one made above.
      if (created.ok() && FindPrincipal(transaction, hash).has_value()) created->set_secret(secret);
      return created;
    });
  });
}

grpc::Status TokenServiceImpl::ListTokens(grpc::ServerContext* context, const v1::ListTokensRequest* request,
                                          v1::ListTokensResponse* response) {
  constexpr char kMethod[] = "TokenService.ListTokens";
  using Response = absl::StatusOr<v1::ListTokensResponse>;
  return calls_.Unary(context, kMethod, request, response, [&](const Call& call) -> Response {
    const absl::StatusOr<int64_t> start = PageStart(request->page_token());
    if (!start.ok()) return start.status();
    const int limit = PageSize(request->page_size(), 100, 1000);
    return database_.Transact({kMethod, call.deadline}, [&](Transaction& transaction) -> Response {
      v1::ListTokensResponse page;
      for (const v1::Token& token : loupe::ListTokens(transaction, PrincipalId(*start), limit + 1)) {
        *page.add_tokens() = token;
      }
      if (CutPage(*page.mutable_tokens(), limit))
        page.set_next_page_token(absl::StrCat(page.tokens(limit - 1).id()));
      return page;
    });
  });
}

grpc::Status TokenServiceImpl::RevokeToken(grpc::ServerContext* context,
                                           const v1::RevokeTokenRequest* request,
                                           v1::RevokeTokenResponse* response) {
  constexpr char kMethod[] = "TokenService.RevokeToken";
  using Response = absl::StatusOr<v1::RevokeTokenResponse>;
  return calls_.Unary(context, kMethod, request, response, [&](const Call& call) {
    return database_.Transact({kMethod, call.deadline}, [&](Transaction& transaction) -> Response {
      const absl::Status revoked = loupe::RevokeToken(transaction, PrincipalId(request->id()));
      if (!revoked.ok()) return revoked;
      return v1::RevokeTokenResponse();
    });
  });
}

}  // namespace loupe
