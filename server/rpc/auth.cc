#include "server/rpc/auth.h"

#include <cstring>
#include <optional>

#include <openssl/rand.h>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "proto/error_info.h"

namespace loupe {
namespace {

constexpr absl::string_view kSession = "loupe_session_";
constexpr size_t kMaxKnown = 10'000;  // cached look-ups; beyond it the cache is emptied

absl::Status Unauthenticated(const char* reason, const char* message) {
  return Error(absl::StatusCode::kUnauthenticated, reason, message);
}

std::string RandomText() {
  std::string bytes(32, '\0');
  if (RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(bytes.size())) != 1) {
    std::abort();  // without randomness no token would be secret
  }
  std::string text;
  absl::WebSafeBase64Escape(bytes, &text);
  return text;
}

}  // namespace

std::string BearerToken(std::string_view authorization) {
  constexpr absl::string_view kScheme = "Bearer ";
  const absl::string_view value(authorization.data(), authorization.size());
  if (!absl::StartsWithIgnoreCase(value, kScheme)) return "";
  return std::string(absl::StripAsciiWhitespace(value.substr(kScheme.size())));
}

std::string BearerToken(const grpc::ServerContextBase& context) {
  const auto& metadata = context.client_metadata();
  const auto found = metadata.find("authorization");
  if (found == metadata.end()) return "";
  return BearerToken(std::string_view(found->second.data(), found->second.size()));
}

std::string NewTokenSecret() { return absl::StrCat("loupe_", RandomText()); }

std::string NewSessionSecret() { return absl::StrCat(kSession, RandomText()); }

absl::StatusOr<Principal> Accepted(const std::optional<Principal>& principal) {
  if (!principal.has_value()) {
    return Unauthenticated("UNKNOWN_TOKEN", "this token is unknown: ask an admin for another");
  }
  if (principal->revoked) {
    return Unauthenticated("REVOKED_TOKEN", "this token was revoked: ask an admin for another");
  }
  if (principal->expired) {
    return Unauthenticated("EXPIRED_TOKEN", "this token has expired: ask an admin for another");
  }
  return *principal;
}

size_t Authenticator::HashHash::operator()(const Sha256& hash) const {
  size_t bits = 0;
  std::memcpy(&bits, hash.data(), sizeof(bits));
  return bits;
}

absl::StatusOr<Principal> Authenticator::Authenticate(const std::string& token, absl::Time deadline) {
  if (token.empty()) {
    return Unauthenticated("NO_TOKEN", "send a token in the header `authorization: Bearer TOKEN`");
  }
  const Sha256 hash = HashOf(token);
  const auto now = std::chrono::steady_clock::now();
  {
    absl::MutexLock lock(&mutex_);
    const auto found = known_.find(hash);
    if (found != known_.end() && absl::FromChrono(now - found->second.looked_up) < kMaxAge)
      return found->second.answer;
  }
  absl::StatusOr<std::optional<Principal>> principal =
      database_.Transact({"Authenticate", deadline}, [&](Transaction& transaction) {
        return absl::StatusOr<std::optional<Principal>>(FindPrincipal(transaction, hash));
      });
  if (!principal.ok()) return principal.status();
  absl::StatusOr<Principal> answer = Accepted(*principal);
  // An ended session is deleted, and one ends with its token.
  if (!answer.ok() && absl::StartsWith(token, kSession)) {
    answer = Unauthenticated("SESSION_ENDED", "this session has ended: log in again");
  }
  absl::MutexLock lock(&mutex_);
  if (known_.size() >= kMaxKnown) known_.clear();
  known_[hash] = {answer, now};
  return answer;
}

}  // namespace loupe
