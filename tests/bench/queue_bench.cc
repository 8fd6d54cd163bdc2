// loupe-bench-queue ADDRESS TOKEN_FILE CALLS: times NextTasks and Submit one call at a time, and beside each
// GetProject, which reads one row, as the reference. Prints one JSON object. Run by queue_bench.py.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "client/lib/channel.h"
#include "client/lib/request_id.h"
#include "loupe/v1/labeling.grpc.pb.h"
#include "loupe/v1/project.grpc.pb.h"
#include "nlohmann/json.hpp"

namespace loupe {
namespace {

class Timings {
 public:
  template <class Call>
  auto Time(Call call) {
    const auto start = std::chrono::steady_clock::now();
    auto answer = call();
    ms_.push_back(
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
    return answer;
  }
  double Quantile(double share) {
    std::sort(ms_.begin(), ms_.end());
    return ms_[static_cast<size_t>(share * static_cast<double>(ms_.size() - 1))];
  }

 private:
  std::vector<double> ms_;
};

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "loupe-bench-queue: %s\n", status.ToString().c_str());
  return 1;
}

int Run(const std::string& address, const std::string& token_file, int calls) {
  const auto token = ReadTokenFile(token_file);
  if (!token.ok()) return Fail(token.status());
  const auto connection = Connect({.address = address, .token = *token});
  if (!connection.ok()) return Fail(connection.status());
  const auto labeling = v1::LabelingService::NewStub(connection->channel());
  const auto projects = v1::ProjectService::NewStub(connection->channel());

  Timings next, submit, reference;
  for (int i = 0; i < calls; ++i) {
    v1::NextTasksRequest request;
    request.set_request_id(NewRequestId());
    request.set_count(1);
    const auto tasks = next.Time(
        [&] { return Call(*connection, *labeling, &v1::LabelingService::Stub::NextTasks, request); });
    if (!tasks.ok()) return Fail(tasks.status());
    if (tasks->tasks_size() != 1) return Fail(absl::InternalError("the queue ran dry"));
    v1::SubmitRequest correction;
    correction.set_request_id(NewRequestId());
    correction.set_task_id(tasks->tasks(0).task_id());
    correction.set_lease(tasks->tasks(0).lease());
    const auto kept = submit.Time(
        [&] { return Call(*connection, *labeling, &v1::LabelingService::Stub::Submit, correction); });
    if (!kept.ok()) return Fail(kept.status());
    const auto project = reference.Time([&] {
      return Call(*connection, *projects, &v1::ProjectService::Stub::GetProject, v1::GetProjectRequest());
    });
    if (!project.ok()) return Fail(project.status());
  }
  const nlohmann::ordered_json figures = {
      {"calls", calls},
      {"next_tasks_median_ms", next.Quantile(0.5)},
      {"next_tasks_p99_ms", next.Quantile(0.99)},
      {"submit_median_ms", submit.Quantile(0.5)},
      {"submit_p99_ms", submit.Quantile(0.99)},
      {"get_project_median_ms", reference.Quantile(0.5)},
      {"ratio_to_get_project", next.Quantile(0.5) / reference.Quantile(0.5)},
  };
  std::printf("%s\n", figures.dump().c_str());
  return 0;
}

}  // namespace
}  // namespace loupe

int main(int argc, char** argv) {
  if (argc != 4 || std::atoi(argv[3]) < 1) {
    std::fprintf(stderr, "usage: loupe-bench-queue ADDRESS TOKEN_FILE CALLS\n");
    return 2;
  }
  return loupe::Run(argv[1], argv[2], std::atoi(argv[3]));
}
