// Requests that changed something, with their answers: what makes a repeated request_id harmless.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <google/protobuf/message.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "content/sha256.h"
#include "db/ids.h"

namespace loupe {

class Transaction;

struct RequestKey {
  PrincipalId principal;
  std::string request_id;   // 1 to 64 characters
  std::string_view method;  // e.g. "Submit"
  Sha256 fingerprint{};     // of everything the request says
};

// Of the message's deterministic serialization.
RequestKey KeyOf(PrincipalId principal, std::string_view method, const std::string& request_id,
                 const google::protobuf::Message& request);

// The serialized answer this request had before; nullopt when it is new.
// Errors: INVALID_ARGUMENT (no request_id, or too long), ALREADY_EXISTS (REQUEST_ID_REUSED: other content).
absl::StatusOr<std::optional<std::string>> FindAnswer(Transaction& transaction, const RequestKey& key);

// Errors: ABORTED (the same request ran at the same time and was first; the transaction runs again and finds
// its answer).
absl::Status KeepAnswer(Transaction& transaction, const RequestKey& key, const std::string& answer);

// Requests older than this are forgotten.
constexpr int kRequestDays = 7;

// Returns how many were deleted. Idempotent.
int64_t ForgetOldRequests(Transaction& transaction);

// Runs `body()` -> absl::StatusOr<Response> once for each request, however often it is sent and however often
// the transaction is run: its answer is kept in the same transaction and given again. Every service method
// with a request_id goes through here. Errors: the body's, FindAnswer's, KeepAnswer's.
template <typename Response, typename Body>
absl::StatusOr<Response> WithRequestId(Transaction& transaction, const RequestKey& key, Body body) {
  absl::StatusOr<std::optional<std::string>> found = FindAnswer(transaction, key);
  if (!found.ok()) return found.status();
  if (found->has_value()) {
    Response response;
    if (!response.ParseFromString(**found)) return absl::InternalError("a kept answer can't be read");
    return response;
  }
  absl::StatusOr<Response> response = body();
  if (!response.ok()) return response.status();
  const absl::Status kept = KeepAnswer(transaction, key, response->SerializeAsString());
  if (!kept.ok()) return kept;
  return response;
}

}  // namespace loupe
