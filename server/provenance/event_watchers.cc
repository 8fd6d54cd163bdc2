#include "server/provenance/event_watchers.h"

#include <algorithm>
#include <deque>
#include <optional>
#include <string>
#include <utility>

#include "absl/time/clock.h"
#include "db/lineage/event_log.h"
#include "db/stores/project_store.h"
#include "server/provenance/event_cursor.h"
#include "server/rpc/rpc_status.h"

namespace loupe {
namespace {

constexpr char kEventsMethod[] = "ProvenanceService.WatchEvents";
// How soon a watcher sees an event.
constexpr absl::Duration kEventsPeriod = absl::Seconds(1);
constexpr absl::Duration kEventsDeadline = absl::Seconds(30);
// How soon a stream ends after its token was revoked.
constexpr absl::Duration kEventsTokenPeriod = absl::Seconds(10);

// Where a new stream begins.
struct Beginning {
  ProjectId project;
  EventSource source;
  EventPlace place;
};

absl::StatusOr<Beginning> FindBeginning(Transaction& transaction, const v1::WatchEventsRequest& request) {
  const absl::StatusOr<ProjectId> project = FindProject(transaction, request.project());
  if (!project.ok()) return project.status();
  Beginning beginning{*project, ReadEventSource(transaction, *project), {}};
  if (request.has_cursor()) {
    const auto place = ParseEventCursor(request.cursor(), beginning.source, *project);
    if (!place.ok()) return place.status();
    beginning.place = *place;
  } else if (!request.from_start()) {
    beginning.place = {beginning.source.now, beginning.source.now};
  }
  return beginning;
}

}  // namespace

// One stream. gRPC calls its methods; the thread sends. It lives until both are done with it.
class EventWatchers::Watcher final : public grpc::ServerWriteReactor<v1::WatchEventsResponse> {
 public:
  // `token`: of the caller. The thread may look at a watcher whose call has ended, and its context with it.
  Watcher(EventWatchers& hub, std::string token, v1::WatchEventsRequest request)
      : hub_(hub), call_(hub.calls_, kEventsMethod), token_(std::move(token)), request_(std::move(request)) {}

  const std::string& token() const { return token_; }
  const v1::WatchEventsRequest& request() const { return request_; }

  void Admitted(const std::string& name) {
    absl::MutexLock lock(&mutex_);
    who_ = name;
  }

  // Whether all that it was given is sent.
  bool is_idle() {
    absl::MutexLock lock(&mutex_);
    return !ending_.has_value() && queue_.empty();
  }
  bool has_ended() {
    absl::MutexLock lock(&mutex_);
    return ending_.has_value();
  }

  // Requires: it is idle, or has ended.
  void Send(std::deque<v1::WatchEventsResponse> page) {
    absl::MutexLock lock(&mutex_);
    if (ending_.has_value() || page.empty()) return;
    queue_ = std::move(page);
    StartWrite(&queue_.front());
  }

  // What is on its way still arrives.
  void End(const absl::Status& status) {
    absl::MutexLock lock(&mutex_);
    if (ending_.has_value()) return;
    ending_ = status;
    if (queue_.empty()) {
      FinishNow();
    } else {
      queue_.erase(queue_.begin() + 1, queue_.end());
    }
  }

  // Whether it has been sent all of its window.
  bool needs_window() { return !place.is_open() && is_idle(); }
  // Whether it has been sent all that it asked for.
  bool is_done() { return needs_window() && until.has_value() && place.ends >= *until; }

  void OnWriteDone(bool ok) override {
    absl::MutexLock lock(&mutex_);
    queue_.pop_front();
    if (!ok && !ending_.has_value()) ending_ = absl::CancelledError("the client went away");
    if (ending_.has_value()) {
      FinishNow();
    } else if (!queue_.empty()) {
      StartWrite(&queue_.front());
    } else {
      hub_.due_.Set();
    }
  }

  void OnCancel() override { End(absl::CancelledError("the client went away")); }

  void OnDone() override {
    {
      absl::MutexLock lock(&mutex_);
      call_.End(who_, status_);
    }
    hub_.Forget(this);  // may delete this
  }

  // Of the thread alone.
  bool is_new = true;
  PrincipalId principal;
  ProjectId project;
  std::string source;
  EventPlace place;
  std::optional<uint64_t> until;  // the transaction before which it ends
  bool hurries = true;            // doesn't wait for the next period
  Stopwatch since_token_check;

 private:
  void FinishNow() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    status_ = *ending_;
    Finish(ToGrpc(status_));
  }

  EventWatchers& hub_;
  const OpenCall call_;
  const std::string token_;
  const v1::WatchEventsRequest request_;
  absl::Mutex mutex_;
  std::string who_ ABSL_GUARDED_BY(mutex_) = "nobody";
  std::deque<v1::WatchEventsResponse> queue_ ABSL_GUARDED_BY(mutex_);  // the first one is on its way
  std::optional<absl::Status> ending_ ABSL_GUARDED_BY(mutex_);         // once nothing more is to be sent
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
};

EventWatchers::EventWatchers(RpcCalls& calls, Database& database)
    : calls_(calls), database_(database), thread_([this] { Loop(); }) {}

EventWatchers::~EventWatchers() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  due_.Set();
  thread_.join();
}

grpc::ServerWriteReactor<v1::WatchEventsResponse>* EventWatchers::Add(grpc::CallbackServerContext* context,
                                                                      const v1::WatchEventsRequest* request) {
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

void EventWatchers::Forget(const Watcher* watcher) {
  std::shared_ptr<Watcher> last;  // so that it is deleted without the lock
  absl::MutexLock lock(&mutex_);
  const auto found = watchers_.find(watcher);
  last = std::move(found->second);
  watchers_.erase(found);
}

absl::Status EventWatchers::Begin(Watcher& watcher, const Watchers& watchers) {
  watcher.is_new = false;
  const absl::Time deadline = absl::Now() + kEventsDeadline;
  const absl::StatusOr<Principal> principal =
      calls_.Admit(watcher.token(), kEventsMethod, watcher.request(), deadline);
  if (!principal.ok()) return principal.status();
  watcher.Admitted(principal->name);
  watcher.principal = principal->id;
  const auto own = std::count_if(watchers.begin(), watchers.end(), [&](const auto& other) {
    return other->principal == principal->id && !other->has_ended();
  });
  if (own > kMaxWatchersEach) return TooManyCalls();
  absl::StatusOr<Beginning> beginning = database_.Transact(
      {kEventsMethod, deadline},
      [&](Transaction& transaction) { return FindBeginning(transaction, watcher.request()); });
  if (!beginning.ok()) return beginning.status();
  watcher.project = beginning->project;
  watcher.source = std::move(beginning->source.name);
  watcher.place = beginning->place;
  if (watcher.request().until_now()) watcher.until = beginning->source.now;
  v1::WatchEventsResponse first;
  first.set_cursor(EventCursor(watcher.source, watcher.project, watcher.place));
  watcher.Send({std::move(first)});
  return absl::OkStatus();
}

void EventWatchers::CheckToken(Watcher& watcher) {
  if (watcher.since_token_check.Elapsed() < kEventsTokenPeriod) return;
  watcher.since_token_check = Stopwatch();
  const auto principal =
      calls_.Admit(watcher.token(), kEventsMethod, watcher.request(), absl::Now() + kEventsDeadline);
  if (absl::IsUnauthenticated(principal.status())) watcher.End(principal.status());
}

void EventWatchers::FindEvents(const Watchers& watchers) {
  Watchers waiting;
  std::vector<FollowedProject> followed;
  for (const auto& watcher : watchers) {
    if (!watcher->needs_window() || watcher->is_done()) continue;
    watcher->hurries = watcher->until.has_value();
    waiting.push_back(watcher);
    followed.push_back({watcher->project, watcher->place});
  }
  if (waiting.empty()) return;
  const auto places =
      database_.Transact({kEventsMethod, kEventsDeadline},
                         [&](Transaction& transaction) -> absl::StatusOr<std::vector<EventPlace>> {
                           return OpenEventWindows(transaction, followed);
                         });
  for (size_t i = 0; i < waiting.size(); ++i) {
    if (places.ok()) {
      waiting[i]->place = (*places)[i];
    } else {
      waiting[i]->End(places.status());
    }
  }
}

void EventWatchers::SendPage(Watcher& watcher) {
  absl::StatusOr<EventPage> page = database_.Transact(
      {kEventsMethod, kEventsDeadline}, [&](Transaction& transaction) -> absl::StatusOr<EventPage> {
        return ReadEvents(transaction, watcher.project, watcher.place);
      });
  if (!page.ok()) {
    watcher.End(page.status());
    return;
  }
  std::deque<v1::WatchEventsResponse> messages;
  for (v1::Event& event : page->events) {
    const bool is_last = &event == &page->events.back();
    watcher.place.after_id = event.event_id();
    if (is_last && page->ends_window) watcher.place = {watcher.place.ends, watcher.place.ends};
    v1::WatchEventsResponse& message = messages.emplace_back();
    *message.mutable_event() = std::move(event);
    message.set_cursor(EventCursor(watcher.source, watcher.project, watcher.place));
  }
  if (page->ends_window) watcher.place = {watcher.place.ends, watcher.place.ends};
  watcher.Send(std::move(messages));
}

void EventWatchers::Pass(const Watchers& watchers) {
  absl::Status up = calls_.RefuseWhenDraining();
  const bool is_time = since_find_.Elapsed() >= kEventsPeriod;
  if (is_time) since_find_ = Stopwatch();
  bool hurries = false;
  for (const auto& watcher : watchers) {
    if (!up.ok()) {
      watcher->End(up);
    } else if (watcher->is_new) {
      const absl::Status begun = Begin(*watcher, watchers);
      if (!begun.ok()) watcher->End(begun);
      // The others would wait for the database as long, one after the other.
      if (absl::IsUnavailable(begun) || absl::IsDeadlineExceeded(begun)) up = begun;
    } else if (!watcher->is_done()) {
      CheckToken(*watcher);
      hurries |= watcher->hurries && watcher->needs_window();
    }
  }
  if (!up.ok()) return;
  if (is_time || hurries) FindEvents(watchers);
  for (const auto& watcher : watchers) {
    if (watcher->is_idle() && watcher->place.is_open()) SendPage(*watcher);
    if (watcher->is_done()) {
      watcher->End(absl::OkStatus());
    } else if (watcher->hurries && watcher->needs_window()) {
      due_.Set();
    }
  }
}

void EventWatchers::Loop() {
  for (;;) {
    Watchers watchers;
    (void)due_.TakeWithin(std::max(kEventsPeriod - since_find_.Elapsed(), absl::Milliseconds(1)));
    {
      absl::MutexLock lock(&mutex_);
      if (stopping_) return;
      for (const auto& [key, watcher] : watchers_) watchers.push_back(watcher);
    }
    Pass(watchers);
  }
}

}  // namespace loupe
