#include "server/rpc/kept_answers.h"

#include <algorithm>

#include "absl/cleanup/cleanup.h"
#include "absl/time/clock.h"
#include "proto/error_info.h"
#include "server/rpc/rpc_call.h"

namespace loupe {

absl::StatusOr<KeptAnswers::MessagePointer> KeptAnswers::GetMessage(
    const std::string& question, absl::Duration max_age, absl::Time deadline,
    absl::FunctionRef<absl::StatusOr<MessagePointer>(absl::Time)> compute) {
  const bool takes_kept = max_age > absl::ZeroDuration();
  const absl::Time began = absl::Now();
  if (takes_kept) {
    absl::StatusOr<MessagePointer> kept = FindOrBegin(question, began - max_age, deadline);
    if (!kept.ok() || *kept != nullptr) return kept;
  }
  const absl::Cleanup ended = [&] {
    if (!takes_kept) return;
    absl::MutexLock lock(&mutex_);
    computing_.erase(question);
  };
  absl::StatusOr<MessagePointer> answer = compute(began);
  if (answer.ok()) Keep(question, {*answer, began});
  return answer;
}

absl::StatusOr<KeptAnswers::MessagePointer> KeptAnswers::FindOrBegin(const std::string& question,
                                                                     absl::Time oldest, absl::Time deadline) {
  absl::MutexLock lock(&mutex_);
  for (;;) {
    const auto kept = kept_.find(question);
    if (kept != kept_.end() && kept->second.computed_at >= oldest) return kept->second.answer;
    if (computing_.insert(question).second) return nullptr;
    if (waiting_ >= kMostWaiting) return TooManyCalls();
    const auto is_computed = [&] { return computing_.count(question) == 0; };
    ++waiting_;
    const bool in_time = mutex_.AwaitWithDeadline(absl::Condition(&is_computed), deadline);
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

}  // namespace loupe
