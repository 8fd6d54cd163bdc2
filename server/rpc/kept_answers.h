// Answers that take long to compute, kept for dashboards: these ask for the same again and again, and many at
// once. They are in the database, so that a coordinator that has just started has them, and the latest ones
// in memory.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include <google/protobuf/message.h>
#include <google/protobuf/util/time_util.h>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "db/ids.h"

namespace loupe {

class Database;

// What tells the request apart from others, whatever the project's name is by then.
template <typename Request>
std::string QuestionOf(const char* method, ProjectId project, Request request) {
  request.clear_project();
  request.clear_max_age_seconds();
  request.DiscardUnknownFields();
  return absl::StrCat(method, " ", project.value(), " ", request.SerializeAsString());
}

class KeptAnswers {
 public:
  explicit KeptAnswers(Database& database) : database_(database) {}

  // The answer to a question: one that is at most `max_age` old, or a new one, with its `computed_at`.
  // Whoever accepts a kept answer waits while another caller computes it. `question` tells apart the
  // questions to all methods. Errors: those of `compute`, which are not kept; DEADLINE_EXCEEDED;
  // RESOURCE_EXHAUSTED (TOO_MANY_CALLS: many wait already).
  template <typename Answer>
  absl::StatusOr<Answer> Get(const std::string& question, absl::Duration max_age, absl::Time deadline,
                             absl::FunctionRef<absl::StatusOr<Answer>()> compute) {
    const absl::StatusOr<MessagePointer> message =
        GetMessage({question, max_age, deadline}, Answer::default_instance(),
                   [&](absl::Time began) -> absl::StatusOr<MessagePointer> {
                     absl::StatusOr<Answer> answer = compute();
                     if (!answer.ok()) return answer.status();
                     *answer->mutable_computed_at() =
                         google::protobuf::util::TimeUtil::NanosecondsToTimestamp(absl::ToUnixNanos(began));
                     return std::make_shared<const Answer>(*std::move(answer));
                   });
    if (!message.ok()) return message.status();
    return static_cast<const Answer&>(**message);
  }

 private:
  using MessagePointer = std::shared_ptr<const google::protobuf::Message>;
  struct Kept {
    MessagePointer answer;
    absl::Time computed_at;
    bool is_stored = false;
  };

  struct Asked {
    const std::string& question;
    absl::Duration max_age;
    absl::Time deadline;
  };

  // In memory; a status of 1,000 classes has 60 kB, most answers have far less.
  static constexpr size_t kMost = 200;
  static constexpr int kMostWaiting = 64;  // each holds a thread

  absl::StatusOr<MessagePointer> GetMessage(
      const Asked& asked, const google::protobuf::Message& type,
      absl::FunctionRef<absl::StatusOr<MessagePointer>(absl::Time)> compute);
  // The answer in memory, if there is one of at least this time; the caller is to store it if it isn't.
  // Otherwise the caller is to find or compute it. No other caller does either.
  absl::StatusOr<std::optional<Kept>> FindOrBegin(const Asked& asked, absl::Time oldest);
  void Keep(const std::string& question, Kept kept);
  // In the database. nullopt: it has none of at least this time.
  std::optional<Kept> FindStored(const Asked& asked, const google::protobuf::Message& type,
                                 absl::Time oldest);
  // An answer that can't be stored is computed again after the next start.
  void Store(const Asked& asked, const Kept& kept);

  Database& database_;
  absl::Mutex mutex_;
  std::unordered_map<std::string, Kept> kept_ ABSL_GUARDED_BY(mutex_);
  std::unordered_set<std::string> computing_ ABSL_GUARDED_BY(mutex_);
  int waiting_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace loupe
