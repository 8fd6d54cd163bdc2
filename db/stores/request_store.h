// Requests and the responses they got: of those that changed something, so that a repeated request_id has no
// second effect, and of those that take long to answer, so that dashboards needn't wait.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <google/protobuf/message.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "content/sha256.h"
#include "db/ids.h"

namespace loupe {

class Transaction;

struct RequestKey {
  PrincipalId principal;
  std::string request_id;   // 1 to 64 characters
  std::string_view method;  // e.g. "Submit"
  Sha256 fingerprint{};     // of the request's whole content
};

// The fingerprint is that of the message's deterministic serialization.
RequestKey KeyOf(PrincipalId principal, std::string_view method, const std::string& request_id,
                 const google::protobuf::Message& request);

// The serialized response that this request got before; nullopt when the request is new.
// Errors: INVALID_ARGUMENT (no request_id, or too long), ALREADY_EXISTS (REQUEST_ID_REUSED: other content).
absl::StatusOr<std::optional<std::string>> FindResponse(Transaction& transaction, const RequestKey& key);

// Stores the serialized response.
// Errors: ABORTED (the same request ran at the same time and committed first: the transaction runs again and
// finds its response).
absl::Status KeepResponse(Transaction& transaction, const RequestKey& key, const std::string& response);

// Requests older than this are deleted: a request_id may then be used again.
constexpr int kRequestDays = 7;

// Deletes at most `limit` of them. Returns how many.
int64_t ForgetOldRequests(Transaction& transaction, int64_t limit);

// Gives each request its effect once, however often it is sent and however often the transaction runs.
// `body()` -> absl::StatusOr<Response> runs when the request is new; its response is stored in the same
// transaction. A repeated request gets the stored response. Every service method with a request_id calls
// this. Errors: the body's, FindResponse's, KeepResponse's.
template <typename Response, typename Body>
absl::StatusOr<Response> WithRequestId(Transaction& transaction, const RequestKey& key, Body body) {
  absl::StatusOr<std::optional<std::string>> found = FindResponse(transaction, key);
  if (!found.ok()) return found.status();
  if (found->has_value()) {
    Response response;
    if (!response.ParseFromString(**found)) return absl::InternalError("a stored response can't be parsed");
    return response;
  }
  absl::StatusOr<Response> response = body();
  if (!response.ok()) return response.status();
  const absl::Status kept = KeepResponse(transaction, key, response->SerializeAsString());
  if (!kept.ok()) return kept;
  return response;
}

// An answer that takes long to compute, kept for dashboards.
struct KeptAnswerRow {
  std::string answer;  // a serialized message
  absl::Time computed_at;
};

// nullopt: none was computed at `oldest` or later.
std::optional<KeptAnswerRow> FindKeptAnswer(Transaction& transaction, const std::string& question,
                                            absl::Time oldest);

// Unless a later one is there. Drops those of other questions that were computed before `oldest`, and all but
// the latest thousand.
void PutKeptAnswer(Transaction& transaction, const std::string& question, const KeptAnswerRow& row,
                   absl::Time oldest);

}  // namespace loupe
