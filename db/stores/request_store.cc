#include "db/stores/request_store.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include "db/rows/message_row.h"
#include "db/transaction.h"
#include "proto/error_info.h"

namespace loupe {
namespace {

std::string DeterministicBytes(const google::protobuf::Message& message) {
  std::string bytes;
  google::protobuf::io::StringOutputStream stream(&bytes);
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);
  message.SerializeToCodedStream(&coded);
  coded.Trim();
  return bytes;
}

}  // namespace

RequestKey KeyOf(PrincipalId principal, std::string_view method, const std::string& request_id,
                 const google::protobuf::Message& request) {
  return {principal, request_id, method, HashOf(DeterministicBytes(request))};
}

absl::StatusOr<std::optional<std::string>> FindResponse(Transaction& transaction, const RequestKey& key) {
  if (key.request_id.empty() || key.request_id.size() > 64) {
    return InvalidArgument("request_id must be a text of 1 to 64 characters, such as a UUID");
  }
  const pqxx::result rows = transaction.Exec("FindRequest", key.principal, key.request_id);
  if (rows.empty()) return std::nullopt;
  const pqxx::row row = rows.front();
  if (row["method"].as<std::string>() != key.method || Sha256Of(row["fingerprint"]) != key.fingerprint) {
    return Error(absl::StatusCode::kAlreadyExists, "REQUEST_ID_REUSED",
                 "this request_id was used for another request: make up a new one for each");
  }
  return BytesOf(row["response"]);
}

absl::Status KeepResponse(Transaction& transaction, const RequestKey& key, const std::string& response) {
  const pqxx::result rows = transaction.Exec("InsertRequest", key.principal, key.request_id, key.method,
                                             key.fingerprint, SqlBytes{response});
  if (rows.affected_rows() == 1) return absl::OkStatus();
  return Error(absl::StatusCode::kAborted, "CONFLICT", "the same request is running: send it again");
}

int64_t ForgetOldRequests(Transaction& transaction, int64_t limit) {
  return static_cast<int64_t>(transaction.Exec("DeleteOldRequests", kRequestDays, limit).affected_rows());
}

std::optional<KeptAnswerRow> FindKeptAnswer(Transaction& transaction, const std::string& question,
                                            absl::Time oldest) {
  const pqxx::result rows = transaction.Exec("SelectKeptAnswer", SqlBytes{question}, oldest);
  if (rows.empty()) return std::nullopt;
  return KeptAnswerRow{BytesOf(rows[0]["answer"]), TimeOf(TimestampOf(rows[0]["computed_at"]))};
}

void PutKeptAnswer(Transaction& transaction, const std::string& question, const KeptAnswerRow& row,
                   absl::Time oldest) {
  transaction.Exec("PutKeptAnswer", SqlBytes{question}, SqlBytes{row.answer}, row.computed_at, oldest);
}

}  // namespace loupe
