#include "server/rounds/round_watchers.h"

#include <optional>
#include <set>
#include <string>
#include <utility>

#include "absl/time/clock.h"
#include "db/stores/round_store.h"
#include "proto/error_info.h"
#include "server/rounds/described_round.h"
#include "server/rpc/rpc_status.h"

namespace loupe {
namespace {

constexpr char kWatchMethod[] = "RoundService.WatchRound";
// How soon a watcher sees a change.
constexpr absl::Duration kWatchPeriod = absl::Milliseconds(300);
constexpr absl::Duration kWatchDeadline = absl::Seconds(10);
// How soon a stream ends after its token was revoked.
constexpr absl::Duration kTokenPeriod = absl::Seconds(10);
constexpr size_t kMaxWatchers = 2000;

}  // namespace

// One stream. gRPC calls its methods; the thread sends. It lives until both are done with it.
class RoundWatchers::Watcher final : public grpc::ServerWriteReactor<v1::Round> {
 public:
  // `token`: of the caller. The thread may look at a watcher whose call has ended, and its context with it.
  Watcher(RoundWatchers& hub, std::string token, v1::WatchRoundRequest request)
      : hub_(hub), call_(hub.calls_, kWatchMethod), token_(std::move(token)), request_(std::move(request)) {}

  const std::string& token() const { return token_; }
  const v1::WatchRoundRequest& request() const { return request_; }

  // While an earlier one is still on its way, only the latest waits.
  void Send(const v1::Round& round) {
    absl::MutexLock lock(&mutex_);
    if (ending_.has_value()) return;
    if (round.has_ended_at()) ending_ = absl::OkStatus();
    if (writing_) {
      next_ = round;
    } else {
      Write(round);
    }
  }

  void End(const absl::Status& status) {
    absl::MutexLock lock(&mutex_);
    if (ending_.has_value()) return;
    ending_ = status;
    next_.reset();
    if (!writing_) FinishNow();
  }

  void OnWriteDone(bool ok) override {
    absl::MutexLock lock(&mutex_);
    writing_ = false;
    if (!ok) {
      if (!ending_.has_value()) ending_ = absl::CancelledError("the client went away");
      next_.reset();
    }
    if (next_.has_value()) {
      Write(*std::exchange(next_, std::nullopt));
    } else if (ending_.has_value()) {
      FinishNow();
    }
  }

  void OnCancel() override { End(absl::CancelledError("the client went away")); }

  void OnDone() override {
    call_.End(who, status_);
    hub_.Forget(this);  // may delete this
  }

  // Of the thread alone.
  std::string who = "nobody";
  bool is_new = true;
  RoundId round;
  ProjectId project;
  uint32_t number = 0;  // of the round
  int64_t seen = 0;     // its version
  Stopwatch since_token_check;

 private:
  void Write(const v1::Round& round) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    current_ = round;
    writing_ = true;
    StartWrite(&current_);
  }

  void FinishNow() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    status_ = *ending_;
    Finish(ToGrpc(status_));
  }

  RoundWatchers& hub_;
  const OpenCall call_;
  const std::string token_;
  const v1::WatchRoundRequest request_;
  absl::Mutex mutex_;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<absl::Status> ending_
      ABSL_GUARDED_BY(mutex_);  // once nothing more is to be sent after `next_`
  v1::Round current_;           // on its way
  std::optional<v1::Round> next_ ABSL_GUARDED_BY(mutex_);
  absl::Status status_;
};

RoundWatchers::RoundWatchers(RpcCalls& calls, Database& database)
    : calls_(calls), database_(database), thread_([this] { Loop(); }) {}

RoundWatchers::~RoundWatchers() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  due_.Set();
  thread_.join();
}

grpc::ServerWriteReactor<v1::Round>* RoundWatchers::Add(grpc::CallbackServerContext* context,
                                                        const v1::WatchRoundRequest* request) {
  auto watcher = std::make_shared<Watcher>(*this, BearerToken(*context), *request);
  bool refused = false;
  {
    absl::MutexLock lock(&mutex_);
    refused = watchers_.size() >= kMaxWatchers;
    watchers_.emplace(watcher.get(), watcher);
  }
  due_.Set();
  if (refused) watcher->End(TooManyCalls());
  return watcher.get();
}

void RoundWatchers::Forget(const Watcher* watcher) {
  std::shared_ptr<Watcher> last;  // so that it is deleted without the lock
  absl::MutexLock lock(&mutex_);
  const auto found = watchers_.find(watcher);
  last = std::move(found->second);
  watchers_.erase(found);
}

absl::Status RoundWatchers::Begin(Watcher& watcher) {
  watcher.is_new = false;
  const absl::Time deadline = absl::Now() + kWatchDeadline;
  const absl::StatusOr<Principal> principal =
      calls_.Admit(watcher.token(), kWatchMethod, watcher.request(), deadline);
  if (!principal.ok()) {
    watcher.End(principal.status());
    return principal.status();
  }
  watcher.who = principal->name;
  const absl::StatusOr<v1::Round> round = database_.Transact(
      {kWatchMethod, deadline}, [&](Transaction& transaction) -> absl::StatusOr<v1::Round> {
        absl::StatusOr<RoundRow> row =
            ReadRow(transaction, watcher.request().project(), watcher.request().number());
        if (!row.ok()) return row.status();
        watcher.round = row->id;
        watcher.project = row->project;
        watcher.number = row->message.number();
        // Before the progress: a change between the two reads is shown at once, and again with the next
        // version.
        watcher.seen = row->version;
        return DescribeRound(transaction, *std::move(row));
      });
  round.ok() ? watcher.Send(*round) : watcher.End(round.status());
  return round.status();
}

void RoundWatchers::SendChanges(const Watchers& watchers) {
  std::set<RoundId> rounds;
  for (const auto& watcher : watchers) rounds.insert(watcher->round);
  rounds.erase(RoundId());  // of those that have ended at once
  if (rounds.empty()) return;
  std::map<RoundId, int64_t> versions;
  std::map<RoundId, v1::Round> changed;
  const absl::Status read =
      database_.Transact({kWatchMethod, kWatchDeadline}, [&](Transaction& transaction) -> absl::Status {
        versions = ReadRoundVersions(transaction, {rounds.begin(), rounds.end()});
        changed.clear();
        for (const auto& watcher : watchers) {
          const auto version = versions.find(watcher->round);
          if (version == versions.end() || version->second == watcher->seen) continue;
          if (changed.contains(watcher->round)) continue;
          std::optional<RoundRow> row = FindRound(transaction, watcher->project, watcher->number);
          if (row.has_value()) changed[watcher->round] = DescribeRound(transaction, *std::move(row));
        }
        return absl::OkStatus();
      });
  for (const auto& watcher : watchers) {
    if (!read.ok()) {
      watcher->End(read);
    } else if (const auto round = changed.find(watcher->round); round != changed.end()) {
      if (std::exchange(watcher->seen, versions[watcher->round]) != watcher->seen)
        watcher->Send(round->second);
    }
  }
}

void RoundWatchers::Pass(const Watchers& watchers) {
  absl::Status up = calls_.RefuseWhenDraining();
  Watchers old;
  for (const auto& watcher : watchers) {
    if (!up.ok()) {
      watcher->End(up);
    } else if (watcher->is_new) {
      const absl::Status begun = Begin(*watcher);
      // The others would wait for the database as long, one after the other.
      if (absl::IsUnavailable(begun) || absl::IsDeadlineExceeded(begun)) up = begun;
    } else {
      old.push_back(watcher);
    }
  }
  for (const auto& watcher : old) {
    if (watcher->since_token_check.Elapsed() < kTokenPeriod) continue;
    watcher->since_token_check = Stopwatch();
    const auto principal =
        calls_.Admit(watcher->token(), kWatchMethod, watcher->request(), absl::Now() + kWatchDeadline);
    if (absl::IsUnauthenticated(principal.status())) watcher->End(principal.status());
  }
  SendChanges(old);
}

void RoundWatchers::Loop() {
  for (;;) {
    Watchers watchers;
    (void)due_.TakeWithin(kWatchPeriod);
    {
      absl::MutexLock lock(&mutex_);
      if (stopping_) return;
      for (const auto& [key, watcher] : watchers_) watchers.push_back(watcher);
    }
    Pass(watchers);
  }
}

}  // namespace loupe
