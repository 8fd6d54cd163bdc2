#include "server/gateway/scrapes.h"

#include <atomic>
#include <memory>
#include <thread>
#include <utility>

#include "absl/time/clock.h"
#include "content/sha256.h"
#include "proto/error_info.h"
#include "server/metrics/exposition.h"
#include "server/metrics/readings.h"

namespace loupe {
namespace {

constexpr char kScrape[] = "GET /metrics";
constexpr size_t kMostWaitingScrapes = 100;
constexpr size_t kMostKnown = 1000;
// Of a question whose answer may come too late for the scrape that asked.
constexpr absl::Duration kAskDeadline = absl::Seconds(2);

}  // namespace

// A thread that waits for the database, so that whoever needs the answer can stop waiting.
class Scrapes::Asker {
 public:
  Asker() : thread_([this] { Loop(); }) {}
  ~Asker() {
    stopping_ = true;
    due_.Set();
    thread_.join();
  }

  // Runs `question` on the thread. Returns whether it has ended in kPatience; if not, it goes on, and nobody
  // waits again for as long. Requires: one call at a time.
  bool Run(std::function<void()> question) {
    if (is_busy_ && !done_.TakeWithin(kPatience - asked_.Elapsed())) return false;
    question_ = std::move(question);
    asked_ = Stopwatch();
    due_.Set();
    is_busy_ = !done_.TakeWithin(kPatience);
    return !is_busy_;
  }

 private:
  void Loop() {
    for (;;) {
      while (!due_.TakeWithin(absl::Hours(1))) {
      }
      if (stopping_) return;
      std::exchange(question_, nullptr)();
      done_.Set();
    }
  }

  std::atomic<bool> stopping_ = false;
  std::function<void()> question_;  // of the thread between `due_` and `done_`, else of Run
  Event due_;
  Event done_;
  bool is_busy_ = false;
  Stopwatch asked_;
  std::thread thread_;
};

Scrapes::Scrapes(RpcCalls& calls, Database& database, std::function<HttpConnections()> connections)
    : calls_(calls),
      database_(database),
      connections_(std::move(connections)),
      asker_(std::make_unique<Asker>()),
      queue_(std::make_unique<WorkQueue>(1, kMostWaitingScrapes)) {}

Scrapes::~Scrapes() {
  queue_.reset();
  asker_.reset();
}

bool Scrapes::Add(std::string secret, std::function<void(absl::StatusOr<std::string>)> done) {
  return queue_->Add([this, secret = std::move(secret), done = std::move(done)](int) {
    bool is_up = false;
    const absl::Status may_read = Ask(secret, is_up);
    may_read.ok() ? done(Text(is_up)) : done(may_read);
  });
}

absl::Status Scrapes::Ask(const std::string& secret, bool& is_up) {
  struct Asked {
    absl::Status token;
    absl::Status backlog;
  };
  const auto asked = std::make_shared<Asked>();
  const bool in_time = asker_->Run([this, secret, asked] {
    asked->token = calls_.Identify(secret, kScrape, absl::Now() + kAskDeadline).status();
    if (asked->token.ok()) asked->backlog = Refresh();
  });
  const std::string key = ToBytes(HashOf(secret));
  const auto known = known_.find(key);
  if (!in_time || absl::IsUnavailable(asked->token) || absl::IsDeadlineExceeded(asked->token)) {
    is_up = false;
    if (known != known_.end() && known->second.Elapsed() < kKnown) return absl::OkStatus();
    return Error(absl::StatusCode::kUnavailable, "DATABASE_UNAVAILABLE",
                 "the database does not answer, and this token was not read before");
  }
  is_up = asked->backlog.ok();
  if (asked->token.ok()) {
    if (known_.size() >= kMostKnown) known_.clear();
    known_[key] = Stopwatch();
  } else if (known != known_.end()) {
    known_.erase(known);
  }
  return asked->token;
}

absl::Status Scrapes::Refresh() {
  {
    absl::MutexLock lock(&mutex_);
    if (backlog_.has_value() && read_.Elapsed() < kFresh) return absl::OkStatus();
  }
  const absl::StatusOr<Backlog> backlog = database_.Transact(
      {kScrape, kAskDeadline},
      [](Transaction& transaction) { return absl::StatusOr<Backlog>(ReadBacklog(transaction)); });
  absl::MutexLock lock(&mutex_);
  backlog_.reset();
  if (backlog.ok()) backlog_ = *backlog;
  read_ = Stopwatch();
  return backlog.status();
}

std::string Scrapes::Text(bool is_up) {
  Exposition exposition(calls_.metrics());
  exposition.Gauge("loupe_database_up",
                   "1: the database answered in half a second when it was asked for these metrics, at most "
                   "five seconds ago.",
                   is_up ? 1 : 0);
  AddPool(database_.pool_usage(), exposition);
  const HttpConnections connections = connections_();
  exposition.Gauge("loupe_http_connections", "Open connections of browsers and programs over HTTP.",
                   connections.open);
  exposition.Gauge("loupe_http_connections_limit", "The most of them.", connections.limit);
  exposition.Gauge("loupe_open_streams", "Open imports, uploads, downloads and exports: each holds a thread.",
                   calls_.open_streams());
  exposition.Gauge("loupe_open_streams_limit", "The most of them.", RpcCalls::kMaxStreams);
  AddProcess(exposition);
  absl::MutexLock lock(&mutex_);
  if (is_up && backlog_.has_value()) AddBacklog(*backlog_, exposition);
  return exposition.Text();
}

}  // namespace loupe
