#include "server/rpc/kept_answers.h"

#include <algorithm>

#include <spdlog/spdlog.h>

#include "absl/cleanup/cleanup.h"
#include "absl/time/clock.h"
#include "db/database.h"
#include "db/stores/request_store.h"
#include "proto/error_info.h"
#include "server/rpc/rpc_call.h"

namespace loupe {
namespace {

// Nobody accepts older ones.
constexpr absl::Duration kStoredFor = absl::Hours(24 * 7);
// To store an answer, after it was computed.
constexpr absl::Duration kStoring = absl::Seconds(2);

}  // namespace

absl::StatusOr<KeptAnswers::MessagePointer> KeptAnswers::GetMessage(
    const Asked& asked, const google::protobuf::Message& type,
    absl::FunctionRef<absl::StatusOr<MessagePointer>(absl::Time)> compute) {
  const bool takes_kept = asked.max_age > absl::ZeroDuration();
  const absl::Time began = absl::Now();
  const absl::Time oldest = began - asked.max_age;
  if (takes_kept) {
    const absl::StatusOr<std::optional<Kept>> kept = FindOrBegin(asked, oldest);
    if (!kept.ok()) return kept.status();
    if (kept->has_value()) {
      if (!(*kept)->is_stored) Store(asked, **kept);
      return (*kept)->answer;
    }
  }
  const absl::Cleanup ended = [&] {
    if (!takes_kept) return;
    absl::MutexLock lock(&mutex_);
    computing_.erase(asked.question);
  };
  if (takes_kept) {
    if (std::optional<Kept> stored = FindStored(asked, type, oldest)) {
      Keep(asked.question, *stored);
      return stored->answer;
    }
  }
  absl::StatusOr<MessagePointer> answer = compute(began);
  if (!answer.ok()) return answer;
  // Only what somebody may take again is stored.
  const Kept kept{*answer, began, takes_kept};
  Keep(asked.question, kept);
  if (takes_kept) Store(asked, kept);
  return answer;
}

absl::StatusOr<std::optional<KeptAnswers::Kept>> KeptAnswers::FindOrBegin(const Asked& asked,
                                                                          absl::Time oldest) {
  absl::MutexLock lock(&mutex_);
  for (;;) {
    const auto kept = kept_.find(asked.question);
    if (kept != kept_.end() && kept->second.computed_at >= oldest) {
      const Kept found = kept->second;
      kept->second.is_stored = true;  // by the caller, if it isn't
      return found;
    }
    if (computing_.insert(asked.question).second) return std::nullopt;
    if (waiting_ >= kMostWaiting) return TooManyCalls();
    const auto is_computed = [&] { return computing_.count(asked.question) == 0; };
    ++waiting_;
    const bool in_time = mutex_.AwaitWithDeadline(absl::Condition(&is_computed), asked.deadline);
    --waiting_;
    if (!in_time) {
      return Error(absl::StatusCode::kDeadlineExceeded, "BUSY",
                   "another call computes this and takes long: try again later");
    }
  }
}

void KeptAnswers::Keep(const std::string& question, Kept kept) {
  absl::MutexLock lock(&mutex_);
  kept_[question] = std::move(kept);
  if (kept_.size() <= kMost) return;
  kept_.erase(std::min_element(kept_.begin(), kept_.end(), [](const auto& a, const auto& b) {
    return a.second.computed_at < b.second.computed_at;
  }));
}

std::optional<KeptAnswers::Kept> KeptAnswers::FindStored(const Asked& asked,
                                                         const google::protobuf::Message& type,
                                                         absl::Time oldest) {
  const absl::StatusOr<std::optional<KeptAnswerRow>> row =
      database_.Transact({"FindKeptAnswer", asked.deadline},
                         [&](Transaction& transaction) -> absl::StatusOr<std::optional<KeptAnswerRow>> {
                           return FindKeptAnswer(transaction, asked.question, oldest);
                         });
  if (!row.ok() || !row->has_value()) return std::nullopt;
  const std::shared_ptr<google::protobuf::Message> answer(type.New());
  if (!answer->ParseFromString((*row)->answer)) return std::nullopt;
  return Kept{answer, (*row)->computed_at, true};
}

void KeptAnswers::Store(const Asked& asked, const Kept& kept) {
  const absl::Status stored =
      database_.Transact({"PutKeptAnswer", absl::Now() + kStoring}, [&](Transaction& transaction) {
        PutKeptAnswer(transaction, asked.question, {kept.answer->SerializeAsString(), kept.computed_at},
                      absl::Now() - kStoredFor);
        return absl::OkStatus();
      });
  if (!stored.ok()) spdlog::warn("an answer is kept in memory alone: {}", stored.ToString());
}

}  // namespace loupe
