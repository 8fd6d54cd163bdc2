#include "server/metrics/metrics.h"

#include <algorithm>
#include <utility>

#include "db/rows/labeling_row.h"
#include "db/rows/message_row.h"
#include "version/version.h"

namespace loupe {
namespace {

constexpr char kOther[] = "other";

// In seconds. Most calls take 1 to 20 ms; a unary call ends within a minute.
const prometheus::Histogram::BucketBoundaries& DurationBuckets() {
  static const auto& buckets = *new prometheus::Histogram::BucketBoundaries(
      {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60});
  return buckets;
}

// Names are as the schema spells them.
constexpr v1::Slice kServedSlices[] = {v1::UNCERTAIN,     v1::RARE,  v1::RANDOM,
                                       v1::SLICE_HOLDOUT, v1::AUDIT, v1::PLANTED};
constexpr std::pair<v1::TaskKind, const char*> kRequestKinds[] = {
    {v1::REOPEN, "reopen"},     {v1::CLASS_ADDED, "class_added"}, {v1::REVIEW, "review"},
    {v1::ASSIGNED, "assigned"}, {v1::OVERLAP, "overlap"},         {v1::PLANTED_ERROR, "planted"}};
constexpr std::pair<v1::Standing, const char*> kAnswerStandings[] = {{v1::STANDING_TRUTH, "truth"},
                                                                     {v1::STANDING_LATE, "late"},
                                                                     {v1::STANDING_OPINION, "opinion"},
                                                                     {v1::STANDING_PLANTED, "planted"}};
constexpr v1::Origin kBoxOrigins[] = {v1::DRAWN,      v1::ACCEPTED, v1::ADJUSTED,
                                      v1::RELABELLED, v1::IMPORTED, v1::COPIED};
constexpr v1::Outcome kShownOutcomes[] = {
    v1::OUTCOME_ACCEPTED, v1::OUTCOME_ACCEPTED_AT_ONCE, v1::OUTCOME_ADJUSTED, v1::OUTCOME_RELABELLED,
    v1::OUTCOME_REJECTED, v1::OUTCOME_DROPPED,          v1::OUTCOME_HIDDEN};
constexpr std::pair<v1::JobKind, const char*> kJobKinds[] = {{v1::TRAIN, "train"},
                                                             {v1::EVALUATE, "evaluate"},
                                                             {v1::PREDICT, "predict"},
                                                             {v1::FIND_LABEL_ERRORS, "find_label_errors"}};

prometheus::Family<prometheus::Counter>& CounterFamily(prometheus::Registry& registry, const char* name,
                                                       const char* help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
}

prometheus::Family<prometheus::Gauge>& GaugeFamily(prometheus::Registry& registry, const char* name,
                                                   const char* help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry);
}

template <typename Counters, typename Key>
void Count(const Counters& counters, const Key& key) {
  if (const auto found = counters.find(key); found != counters.end()) found->second->Increment();
}

// The metric of a slot, made when it is first asked for. Several threads may make it: it is the same one.
template <typename Metric, typename Make>
Metric& InSlot(std::atomic<Metric*>& slot, Make make) {
  Metric* metric = slot.load(std::memory_order_acquire);
  if (metric == nullptr) {
    metric = &make();
    slot.store(metric, std::memory_order_release);
  }
  return *metric;
}

}  // namespace

Metrics::Metrics(const std::vector<std::string_view>& methods)
    : in_flight_(
          GaugeFamily(registry_, "loupe_rpcs_in_flight", "Calls that have begun and not ended, by method.")),
      durations_(prometheus::BuildHistogram()
                     .Name("loupe_rpc_duration_seconds")
                     .Help("How long calls took until they ended, by method and code.")
                     .Register(registry_)),
      blobs_(GaugeFamily(registry_, "loupe_blobs", "Pictures, weights and checkpoints in the blob store.")),
      blob_bytes_(GaugeFamily(registry_, "loupe_blob_bytes",
                              "Bytes of the pictures, weights and checkpoints in the blob store.")),
      disk_bytes_(GaugeFamily(registry_, "loupe_disk_bytes", "Size of the disk of the blob store.")),
      disk_free_bytes_(
          GaugeFamily(registry_, "loupe_disk_free_bytes", "What is free on the disk of the blob store.")),
      disk_reserve_bytes_(GaugeFamily(registry_, "loupe_disk_reserve_bytes",
                                      "Imports and checkpoints are refused rather than leave less free.")) {
  for (const std::string_view method : methods) methods_.try_emplace(method);
  methods_.try_emplace(kOther);
  auto& served = CounterFamily(registry_, "loupe_tasks_served_total", "Tasks given out, by kind and slice.");
  for (const v1::Slice slice : kServedSlices) {
    served_[{v1::RANKED, slice}] = &served.Add({{"kind", "ranked"}, {"slice", SliceName(slice)}});
  }
  for (const auto& [kind, name] : kRequestKinds) {
    served_[{kind, v1::SLICE_UNSPECIFIED}] = &served.Add({{"kind", name}, {"slice", "none"}});
  }
  auto& submits = CounterFamily(registry_, "loupe_submits_total",
                                "Answers stored, by what they became and whether the lease still held.");
  for (const auto& [standing, name] : kAnswerStandings) {
    submits_[{standing, false}] = &submits.Add({{"standing", name}, {"lease", "held"}});
    submits_[{standing, true}] = &submits.Add({{"standing", name}, {"lease", "ended"}});
  }
  auto& boxes = CounterFamily(registry_, "loupe_boxes_total",
                              "Boxes of stored answers and imports, by how they were made.");
  for (const v1::Origin origin : kBoxOrigins) boxes_[origin] = &boxes.Add({{"origin", OriginName(origin)}});
  auto& shown = CounterFamily(registry_, "loupe_shown_boxes_total",
                              "Predicted boxes that answered tasks showed, by what became of them.");
  for (const v1::Outcome outcome : kShownOutcomes) {
    shown_[outcome] = &shown.Add({{"outcome", OutcomeName(outcome)}});
  }
  auto& jobs =
      CounterFamily(registry_, "loupe_jobs_ended_total", "Jobs that workers ended, by kind and state.");
  for (const auto& [kind, name] : kJobKinds) {
    jobs_done_[kind] = &jobs.Add({{"kind", name}, {"state", "done"}});
    jobs_failed_[kind] = &jobs.Add({{"kind", name}, {"state", "failed"}});
  }
  auto& expired = CounterFamily(registry_, "loupe_lease_expirations_total",
                                "Leases that ended because nobody renewed them, by what was leased.");
  task_leases_ = &expired.Add({{"purpose", "label"}});
  job_leases_ = &expired.Add({{"purpose", "job"}});
  GaugeFamily(registry_, "loupe_build_info", "The build of the program.")
      .Add({{"version", std::string(Version())}, {"commit", std::string(Commit())}})
      .Set(1);
}

Metrics::Method& Metrics::Find(std::string_view& method) {
  const auto found = methods_.find(method);
  if (found != methods_.end()) return found->second;
  method = kOther;
  return methods_.at(kOther);
}

void Metrics::CallBegan(std::string_view method) {
  Method& counted = Find(method);
  InSlot(counted.in_flight, [&]() -> prometheus::Gauge& {
    return in_flight_.Add({{"method", std::string(method)}});
  }).Increment();
}

void Metrics::CallEnded(std::string_view method, absl::StatusCode code, absl::Duration spent) {
  Method& counted = Find(method);
  counted.in_flight.load(std::memory_order_acquire)->Decrement();
  const size_t index = std::min(static_cast<size_t>(code), counted.durations.size() - 1);
  InSlot(counted.durations[index], [&]() -> prometheus::Histogram& {
    return durations_.Add({{"method", std::string(method)}, {"code", absl::StatusCodeToString(code)}},
                          DurationBuckets());
  }).Observe(absl::ToDoubleSeconds(spent));
}

void Metrics::TasksServed(const std::vector<ServedTask>& tasks) {
  for (const ServedTask& task : tasks) Count(served_, std::pair(task.kind, task.slice));
}

void Metrics::AnswerStored(const StoredAnswer& answer) {
  Count(submits_, std::pair(answer.standing, answer.lease_ended));
  for (const v1::Origin origin : answer.boxes) Count(boxes_, origin);
  for (const v1::Outcome outcome : answer.shown) Count(shown_, outcome);
}

void Metrics::BoxesImported(uint64_t boxes) {
  boxes_.at(v1::IMPORTED)->Increment(static_cast<double>(boxes));
}

void Metrics::JobDone(v1::JobKind kind) { Count(jobs_done_, kind); }

void Metrics::JobFailed(v1::JobKind kind) { Count(jobs_failed_, kind); }

void Metrics::TaskLeasesExpired(int64_t leases) { task_leases_->Increment(static_cast<double>(leases)); }

void Metrics::JobLeasesExpired(int64_t leases) { job_leases_->Increment(static_cast<double>(leases)); }

void Metrics::BlobsMeasured(uint64_t blobs, uint64_t bytes) {
  blobs_.Add({}).Set(static_cast<double>(blobs));
  blob_bytes_.Add({}).Set(static_cast<double>(bytes));
}

void Metrics::DiskMeasured(uint64_t total_bytes, uint64_t free_bytes, uint64_t reserve_bytes) {
  disk_bytes_.Add({}).Set(static_cast<double>(total_bytes));
  disk_free_bytes_.Add({}).Set(static_cast<double>(free_bytes));
  disk_reserve_bytes_.Add({}).Set(static_cast<double>(reserve_bytes));
}

}  // namespace loupe
