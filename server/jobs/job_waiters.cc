#include "server/jobs/job_waiters.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "db/rows/message_row.h"
#include "db/stores/job_store.h"
#include "db/stores/model_store.h"
#include "db/stores/project_store.h"
#include "db/stores/request_store.h"
#include "db/stores/round_store.h"
#include "proto/error_info.h"
#include "recipe/recipe.h"
#include "server/jobs/trained_model.h"
#include "server/rpc/rpc_status.h"

namespace loupe {
namespace {

constexpr char kLeaseJob[] = "WorkerService.LeaseJob";
// Responses are stored under this name. It must not change: a request that is repeated after an upgrade finds
// its response by it.
constexpr char kLeaseKey[] = "LeaseJob";
// How long a call waits for a job, and how often jobs are looked for.
constexpr absl::Duration kJobWait = absl::Seconds(10);
constexpr absl::Duration kJobPeriod = absl::Milliseconds(200);
constexpr absl::Duration kJobDeadline = absl::Seconds(10);
constexpr uint32_t kRetryAfterMs = 500;
constexpr size_t kMaxWorkerName = 200;
constexpr size_t kMaxWaiters = 4000;

// The database doesn't answer: the other waiters would wait for it as long, one after the other.
bool IsDown(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status);
}

using OptionalJob = absl::StatusOr<std::optional<v1::Job>>;

// Everything that a worker needs to know of a job.
absl::StatusOr<v1::Job> DescribeJob(Transaction& transaction, const JobRow& job, const JobLease& lease) {
  const absl::StatusOr<v1::Recipe> recipe = ParseStoredRecipe(job.recipe);
  if (!recipe.ok()) return recipe.status();
  v1::Job message = job.message;
  message.set_lease(lease.number.value());
  *message.mutable_lease_expires_at() = TimestampOf(lease.expires_at);
  *message.mutable_recipe() = *recipe;
  for (const v1::Class& known : ReadClassesOfJob(transaction, job)) *message.add_classes() = known;
  if (const std::optional<ModelRow> init = FindInitModel(transaction, job, *recipe)) {
    message.set_weights_sha256(ToBytes(init->weights));
    message.set_weights_preset(init->message.preset());
    message.set_own_weights(init->message.round() != 0);
  }
  return message;
}

// nullopt: there is no free job now. A job that can't be described fails its round, and no other. `expired`:
// becomes the number of leases that had ended.
OptionalJob LeaseFreeJob(Transaction& transaction, PrincipalId principal, const std::string& worker,
                         int64_t& expired) {
  expired = DeleteExpiredJobLeases(transaction);
  const JobId id = LockFreeJob(transaction);
  if (!id) return std::nullopt;
  const std::optional<JobLease> lease = LeaseJob(transaction, id, principal, worker);
  const std::optional<JobRow> job = FindJob(transaction, id);
  if (!lease.has_value() || !job.has_value()) return std::nullopt;
  absl::StatusOr<v1::Job> described = DescribeJob(transaction, *job, *lease);
  if (described.ok()) return *std::move(described);
  DeleteJobLease(transaction, id, lease->number);
  FailRound(transaction, job->round,
            absl::StrCat("a job can't begin: ", described.status().message(), ": submit the round again"));
  return std::nullopt;
}

// Not WithRequestId: only a response with a job is stored, so that a request that got no job can be repeated.
OptionalJob LeaseJobOnce(Transaction& transaction, const RequestKey& key, const std::string& worker,
                         int64_t& expired) {
  const absl::StatusOr<std::optional<std::string>> stored = FindResponse(transaction, key);
  if (!stored.ok()) return stored.status();
  if (stored->has_value()) {
    v1::Job job;
    if (!job.ParseFromString(**stored)) return absl::InternalError("a stored response can't be parsed");
    return job;
  }
  OptionalJob job = LeaseFreeJob(transaction, key.principal, worker, expired);
  if (!job.ok() || !job->has_value()) return job;
  const absl::Status kept = KeepResponse(transaction, key, (*job)->SerializeAsString());
  if (!kept.ok()) return kept;
  return job;
}

}  // namespace

JobWaiters::JobWaiters(RpcCalls& calls, Database& database)
    : calls_(calls), database_(database), thread_([this] { Loop(); }) {}

JobWaiters::~JobWaiters() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  due_.Set();
  thread_.join();
}

grpc::ServerUnaryReactor* JobWaiters::Add(grpc::CallbackServerContext* context,
                                          const v1::LeaseJobRequest* request,
                                          v1::LeaseJobResponse* response) {
  Waiter waiter{OpenCall(calls_, kLeaseJob)};
  waiter.context = context;
  waiter.request = request;
  waiter.response = response;
  waiter.reactor = context->DefaultReactor();
  // Answers while the client still waits.
  waiter.wait = std::min(
      kJobWait, absl::FromChrono(context->deadline() - std::chrono::system_clock::now()) - 2 * kJobPeriod);
  absl::MutexLock lock(&mutex_);
  if (open_ >= kMaxWaiters) {
    End(waiter, TooManyCalls());
  } else {
    ++open_;
    new_.push_back(waiter);
    due_.Set();
  }
  return waiter.reactor;
}

void JobWaiters::End(const Waiter& waiter, const absl::Status& status) {
  const std::string who = waiter.principal.id ? waiter.principal.name : "nobody";
  waiter.call.End(who, status);
  waiter.reactor->Finish(ToGrpc(status));
}

bool JobWaiters::Serve(Waiter& waiter, bool& has_free, absl::Status& down) {
  const absl::Time deadline = absl::Now() + kJobDeadline;
  if (waiter.is_new) {
    absl::StatusOr<Principal> principal =
        calls_.Admit(BearerToken(*waiter.context), kLeaseJob, *waiter.request, deadline);
    if (principal.ok() && waiter.request->worker().size() > kMaxWorkerName) {
      principal = InvalidArgument("worker may have at most 200 characters");
    }
    if (!principal.ok()) {
      End(waiter, principal.status());
      if (IsDown(principal.status())) down = principal.status();
      return true;
    }
    waiter.principal = *std::move(principal);
  }
  // A new one may repeat a request that got a job.
  if (has_free || waiter.is_new) {
    const RequestKey key =
        KeyOf(waiter.principal.id, kLeaseKey, waiter.request->request_id(), *waiter.request);
    int64_t expired = 0;
    OptionalJob job = database_.Transact({kLeaseJob, deadline}, [&](Transaction& transaction) {
      expired = 0;
      if (waiter.is_new) HearWorker(transaction, key.principal, waiter.request->worker());
      return LeaseJobOnce(transaction, key, waiter.request->worker(), expired);
    });
    if (job.ok()) calls_.metrics().JobLeasesExpired(expired);
    waiter.is_new = false;
    if (job.ok() && job->has_value()) *waiter.response->mutable_job() = **std::move(job);
    if (!job.ok() || waiter.response->has_job()) {
      End(waiter, job.status());
      if (IsDown(job.status())) down = job.status();
      return true;
    }
    has_free = false;
  }
  if (waiter.call.Elapsed() < waiter.wait) return false;
  waiter.response->set_retry_after_ms(kRetryAfterMs);
  End(waiter, absl::OkStatus());
  return true;
}

std::list<JobWaiters::Waiter> JobWaiters::Pass(std::list<Waiter> waiters) {
  absl::Status down = calls_.RefuseWhenDraining();
  bool has_free = true;
  size_t ended = 0;
  for (auto waiter = waiters.begin(); waiter != waiters.end();) {
    bool has_ended = true;
    if (!down.ok()) {
      End(*waiter, down);
    } else if (waiter->context->IsCancelled()) {
      End(*waiter, absl::CancelledError("the worker went away"));
    } else {
      has_ended = Serve(*waiter, has_free, down);
    }
    ended += has_ended ? 1 : 0;
    waiter = has_ended ? waiters.erase(waiter) : std::next(waiter);
  }
  absl::MutexLock lock(&mutex_);
  open_ -= ended;
  return waiters;
}

void JobWaiters::Loop() {
  std::list<Waiter> waiters;
  for (;;) {
    (void)due_.TakeWithin(kJobPeriod);
    {
      absl::MutexLock lock(&mutex_);
      if (stopping_) return;
      waiters.splice(waiters.end(), new_);
    }
    if (!waiters.empty()) waiters = Pass(std::move(waiters));
  }
}

}  // namespace loupe
