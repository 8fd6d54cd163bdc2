// What this process counts while it works, for GET /metrics. docs/operations.md says what each metric tells.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "loupe/v1/annotation.pb.h"
#include "loupe/v1/labeling.pb.h"
#include "loupe/v1/worker.pb.h"

namespace loupe {

struct ServedTask {
  v1::TaskKind kind = v1::TASK_KIND_UNSPECIFIED;
  v1::Slice slice = v1::SLICE_UNSPECIFIED;  // of ranked tasks
};

// An answer to a task, as it was stored.
struct StoredAnswer {
  v1::Standing standing = v1::STANDING_UNSPECIFIED;
  bool lease_ended = false;
  std::vector<v1::Origin> boxes;
  std::vector<v1::Outcome> shown;  // of each box that the task showed
};

// Thread-safe, and no call waits for anything but another one. What a transaction does is counted after its
// commit.
class Metrics {
 public:
  // `methods`: those that have a label of their own, e.g. `LabelingService.Submit`; others are `other`. The
  // texts must outlive it.
  explicit Metrics(const std::vector<std::string_view>& methods);

  // Each call that began ends once.
  void CallBegan(std::string_view method);
  void CallEnded(std::string_view method, absl::StatusCode code, absl::Duration spent);

  void TasksServed(const std::vector<ServedTask>& tasks);
  void AnswerStored(const StoredAnswer& answer);
  void BoxesImported(uint64_t boxes);
  void JobDone(v1::JobKind kind);
  void JobFailed(v1::JobKind kind);
  void TaskLeasesExpired(int64_t leases);
  void JobLeasesExpired(int64_t leases);

  // What lies in the blob store, and on its disk.
  void BlobsMeasured(uint64_t blobs, uint64_t bytes);
  void DiskMeasured(uint64_t total_bytes, uint64_t free_bytes, uint64_t reserve_bytes);

  const prometheus::Registry& registry() const { return registry_; }

 private:
  // Made when the first call begins, or ends with the code: most pairs of method and code never occur.
  struct Method {
    std::atomic<prometheus::Gauge*> in_flight = nullptr;
    std::array<std::atomic<prometheus::Histogram*>, 17> durations{};  // by code
  };
  Method& Find(std::string_view& method);

  prometheus::Registry registry_;
  prometheus::Family<prometheus::Gauge>& in_flight_;
  prometheus::Family<prometheus::Histogram>& durations_;
  std::unordered_map<std::string_view, Method> methods_;
  std::map<std::pair<v1::TaskKind, v1::Slice>, prometheus::Counter*> served_;
  std::map<std::pair<v1::Standing, bool>, prometheus::Counter*> submits_;
  std::map<v1::Origin, prometheus::Counter*> boxes_;
  std::map<v1::Outcome, prometheus::Counter*> shown_;
  std::map<v1::JobKind, prometheus::Counter*> jobs_done_;
  std::map<v1::JobKind, prometheus::Counter*> jobs_failed_;
  prometheus::Counter* task_leases_;
  prometheus::Counter* job_leases_;
  prometheus::Family<prometheus::Gauge>& blobs_;
  prometheus::Family<prometheus::Gauge>& blob_bytes_;
  prometheus::Family<prometheus::Gauge>& disk_bytes_;
  prometheus::Family<prometheus::Gauge>& disk_free_bytes_;
  prometheus::Family<prometheus::Gauge>& disk_reserve_bytes_;
};

}  // namespace loupe
