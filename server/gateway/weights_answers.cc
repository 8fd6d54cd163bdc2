#include "server/gateway/weights_answers.h"

#include <sys/stat.h>

#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "db/stores/model_store.h"
#include "proto/error_info.h"
#include "server/gateway/file_answer.h"
#include "server/gateway/http_errors.h"

namespace loupe {
namespace {

constexpr char kExportModel[] = "ModelService.ExportModel";
constexpr absl::Duration kWeightsDeadline = absl::Seconds(10);
constexpr absl::Duration kVerifiedFor = absl::Minutes(1);

// When something wrote to the file last.
absl::Time ChangeOf(const FileHandle& file) {
  struct stat status = {};
  if (fstat(file.get(), &status) != 0) return absl::InfinitePast();
  return absl::TimeFromTimespec(status.st_ctim);
}

HttpAnswer DamagedWeights(const NamedWeights& weights, const absl::Status& why) {
  return ErrorAnswer(Error(absl::StatusCode::kDataLoss, "DAMAGED_BLOB",
                           absl::StrCat("the weights of ", weights.name, " are not whole: ", why.message())));
}

}  // namespace

std::optional<ModelId> ParseWeights(std::string_view path) {
  absl::string_view rest(path.data(), path.size());
  int64_t id = 0;
  if (!absl::ConsumePrefix(&rest, "/models/") || !absl::ConsumeSuffix(&rest, "/weights")) return std::nullopt;
  // One spelling alone.
  if (!absl::SimpleAtoi(rest, &id) || id <= 0 || absl::StrCat(id) != rest) return std::nullopt;
  return ModelId(id);
}

void WeightsAnswers::Answer(std::shared_ptr<HttpExchange> exchange, ModelId model, const std::string& token) {
  const bool added = readers_.Add([this, exchange, model, token](int) {
    AnswerOrFail(*exchange, [&] { exchange->Answer(AnswerNow(exchange->request(), model, token)); });
  });
  if (!added) exchange->Answer(ErrorAnswer(TooManyCalls()));
}

HttpAnswer WeightsAnswers::AnswerNow(const HttpRequest& request, ModelId model, const std::string& token) {
  const absl::Time deadline = absl::Now() + kWeightsDeadline;
  const absl::StatusOr<Principal> reader = calls_.Identify(token, kExportModel, deadline);
  if (!reader.ok()) return ErrorAnswer(reader.status());
  const auto weights = database_.Transact({kExportModel, deadline}, [&](Transaction& transaction) {
    return absl::StatusOr<std::optional<NamedWeights>>(FindWeights(transaction, model));
  });
  if (!weights.ok()) return ErrorAnswer(weights.status());
  if (!weights->has_value()) {
    return ErrorAnswer(Error(absl::StatusCode::kNotFound, "NO_SUCH_MODEL", "there is no such model"));
  }
  absl::StatusOr<FileHandle> file = blobs_.OpenFile((*weights)->sha256);
  if (!file.ok()) return DamagedWeights(**weights, file.status());
  const absl::Time changed = ChangeOf(*file);
  // The name of a model has letters, digits, `-`, `_` and `.` alone.
  HttpAnswer answer = FileAnswer(
      request, *std::move(file), ToHex((*weights)->sha256),
      {{"Content-Type", "application/octet-stream"},
       {"Content-Disposition", absl::StrCat("attachment; filename=\"", (*weights)->name, ".safetensors\"")},
       {"Cache-Control", "private, no-cache"},
       {"Vary", "Cookie, Authorization"}});
  if (answer.file == nullptr) return answer;
  if (const absl::Status whole = Verify((*weights)->sha256, changed); !whole.ok()) {
    return DamagedWeights(**weights, whole);
  }
  return answer;
}

absl::Status WeightsAnswers::Verify(const Sha256& hash, absl::Time changed) {
  const absl::Time now = absl::Now();
  {
    absl::MutexLock lock(&mutex_);
    std::erase_if(verified_, [&](const auto& found) { return found.second.at < now - kVerifiedFor; });
    const auto found = verified_.find(hash);
    if (found != verified_.end() && found->second.changed == changed) return absl::OkStatus();
  }
  const absl::Status whole = blobs_.Verify(hash);
  if (!whole.ok()) return whole;
  absl::MutexLock lock(&mutex_);
  verified_[hash] = {now, changed};
  return absl::OkStatus();
}

}  // namespace loupe
