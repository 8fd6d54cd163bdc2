// Runs every method of every service: checks token and role, sets the deadline, logs, and converts errors.
#pragma once

#include <atomic>
#include <string>
#include <utility>

#include <google/protobuf/message.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>

#include "absl/cleanup/cleanup.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "content/steady_clock.h"
#include "db/database.h"
#include "db/stores/principal_store.h"
#include "server/metrics/metrics.h"
#include "server/rpc/access.h"
#include "server/rpc/auth.h"
#include "server/rpc/open_calls.h"

namespace loupe {

// A call whose token and role were accepted.
struct Call {
  Principal principal;
  absl::Time deadline;  // for Database::Transact
  grpc::ServerContext& context;

  // Whether the client went away or its deadline has passed.
  bool cancelled() const { return context.IsCancelled(); }

  // For reads that take long: they end when the client goes away, too.
  TransactionOptions LongRead(const char* method, Isolation isolation = Isolation::kReadCommitted) const {
    TransactionOptions options(method, deadline, isolation);
    options.gone = [this] { return cancelled(); };
    return options;
  }
};

// Refuses a message with a control character in a text: libpqxx cuts texts at NUL, and others would act on
// the terminals and logs of whoever reads them. Line ends and tabs are allowed in notes, errors and recipes.
// Refuses a number that its enum has no name for. Unary and Stream call it for their request; methods that
// read a stream call it for each message. Errors: INVALID_ARGUMENT, which names the field.
absl::Status CheckFields(const google::protobuf::Message& message);

// RESOURCE_EXHAUSTED (TOO_MANY_CALLS): clients try again later.
absl::Status TooManyCalls();

class RpcCalls {
 public:
  // The longest time for the SQL statements of a unary call. Computing may take longer.
  static constexpr absl::Duration kMaxUnary = absl::Minutes(1);

  explicit RpcCalls(Database& database) : authenticator_(database), metrics_(AllMethods()) {}

  Metrics& metrics() { return metrics_; }

  // `method` is its name in server/rpc/access.h. `body(const Call&)` returns absl::StatusOr<Response>.
  template <typename Request, typename Response, typename Body>
  grpc::Status Unary(grpc::ServerContext* context, const char* method, const Request* request,
                     Response* response, Body body) {
    return Run(context, method, request, kMaxUnary, [&](const Call& call) -> absl::Status {
      absl::StatusOr<Response> result = body(call);
      if (!result.ok()) return result.status();
      *response = *std::move(result);
      return absl::OkStatus();
    });
  }

  // Those that Stream runs now.
  int open_streams() { return streams_.open(); }

  // For methods that stream. `request` is null when requests are streamed. `body` must return soon after
  // call.cancelled() or draining() becomes true. A stream holds a thread, also while its client is silent: so
  // many may be open, of one principal and of all.
  static constexpr int kMaxStreamsEach = 128;
  static constexpr int kMaxStreams = 192;
  grpc::Status Stream(grpc::ServerContext* context, const char* method,
                      const google::protobuf::Message* request,
                      absl::FunctionRef<absl::Status(const Call&)> body) {
    return Run(context, method, request, absl::InfiniteDuration(), [&](const Call& call) -> absl::Status {
      if (!streams_.Begin(call.principal.id)) return TooManyCalls();
      const absl::Cleanup end = [&] { streams_.End(call.principal.id); };
      return body(call);
    });
  }

  // Expensive reads run a few at a time: each takes a processor and a connection to the database for long.
  // Waits until one of them has ended; holds the turn until it is destroyed. Nobody may hold one while it
  // waits for its client. Errors: RESOURCE_EXHAUSTED (TOO_MANY_CALLS: many wait already), DEADLINE_EXCEEDED,
  // CANCELLED.
  class Turn;
  absl::StatusOr<Turn> WaitForTurn(const Call& call);

  // For methods that wait without a thread (server/rounds/round_watchers.h, server/jobs/job_waiters.h): who
  // calls, if token and role are accepted and the request passes CheckFields. They take the token
  // from the context when the call comes: a call that ends takes its context with it.
  absl::StatusOr<Principal> Admit(const std::string& token, const char* method,
                                  const google::protobuf::Message& request, absl::Time deadline);

  // For the gateway: who has this token or session's secret, if that role may call `method`.
  absl::StatusOr<Principal> Identify(const std::string& token, const char* method, absl::Time deadline);

  // From now on no task and no job is handed out.
  void Drain() { draining_ = true; }
  bool draining() const { return draining_; }

  // Errors: UNAVAILABLE (SHUTTING_DOWN) while draining.
  absl::Status RefuseWhenDraining() const;

 private:
  static constexpr int kMaxTurns = 2;
  // For a turn, of one principal and of all: each holds a thread.
  static constexpr int kMaxWaitingEach = 8;
  static constexpr int kMaxWaiting = 32;

  grpc::Status Run(grpc::ServerContext* context, const char* method, const google::protobuf::Message* request,
                   absl::Duration max_duration, absl::FunctionRef<absl::Status(const Call&)> body);

  Authenticator authenticator_;
  Metrics metrics_;
  std::atomic<bool> draining_ = false;
  absl::Mutex mutex_;
  int turns_ ABSL_GUARDED_BY(mutex_) = kMaxTurns;  // that are free
  OpenCalls waiting_for_turn_{kMaxWaitingEach, kMaxWaiting};
  OpenCalls streams_{kMaxStreamsEach, kMaxStreams};
};

class RpcCalls::Turn {
 public:
  Turn(Turn&& other) noexcept : calls_(std::exchange(other.calls_, nullptr)) {}
  Turn& operator=(Turn&&) = delete;
  ~Turn() {
    if (calls_ == nullptr) return;
    absl::MutexLock lock(&calls_->mutex_);
    ++calls_->turns_;
  }

 private:
  friend class RpcCalls;
  explicit Turn(RpcCalls& calls) : calls_(&calls) {}

  RpcCalls* calls_;
};

// A call from when it came until it ended: it is counted, and told in a line of the log.
class OpenCall {
 public:
  // `method`: as in server/rpc/access.h, or what stands for one. `calls` must outlive it.
  OpenCall(RpcCalls& calls, const char* method) : metrics_(&calls.metrics()), method_(method) {
    metrics_->CallBegan(method);
  }

  absl::Duration Elapsed() const { return came_.Elapsed(); }

  // Call it once.
  void End(const std::string& who, const absl::Status& status) const;

 private:
  Metrics* metrics_;
  const char* method_;
  Stopwatch came_;
};

}  // namespace loupe
