// loupe-bench-claims ADDRESS TOKEN_FILE CLIENTS: each client takes a task and gives it back, some ten times a
// second, until standard input ends. Prints a line a NextTasks: when it began (seconds since 1970) and how
// long it took (ms). Run by ranking_bench.py.
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "client/lib/channel.h"
#include "client/lib/request_id.h"
#include "loupe/v1/labeling.grpc.pb.h"

namespace loupe {
namespace {

constexpr std::chrono::milliseconds kPause{90};

struct Timing {
  double began_s = 0;
  double took_ms = 0;
};

class Client {
 public:
  Client(const Connection& connection, const std::atomic<bool>& stop)
      : connection_(connection), stop_(stop) {}

  absl::Status Run() {
    const auto labeling = v1::LabelingService::NewStub(connection_.channel());
    while (!stop_) {
      v1::NextTasksRequest next;
      next.set_request_id(NewRequestId());
      next.set_count(1);
      const auto began = std::chrono::system_clock::now();
      const auto start = std::chrono::steady_clock::now();
      const auto tasks = Call(connection_, *labeling, &v1::LabelingService::Stub::NextTasks, next);
      if (!tasks.ok()) return tasks.status();
      timings.push_back(
          {std::chrono::duration<double>(began.time_since_epoch()).count(),
           std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count()});
      if (tasks->tasks().empty()) return absl::InternalError("the queue ran dry");
      v1::ReleaseRequest release;
      release.set_request_id(NewRequestId());
      v1::TaskLease& task = *release.add_tasks();
      task.set_task_id(tasks->tasks(0).task_id());
      task.set_lease(tasks->tasks(0).lease());
      const auto released = Call(connection_, *labeling, &v1::LabelingService::Stub::Release, release);
      if (!released.ok()) return released.status();
      std::this_thread::sleep_for(kPause);
    }
    return absl::OkStatus();
  }

  std::vector<Timing> timings;

 private:
  const Connection& connection_;
  const std::atomic<bool>& stop_;
};

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "loupe-bench-claims: %s\n", status.ToString().c_str());
  return 1;
}

int Run(const std::string& address, const std::string& token_file, int clients) {
  const auto token = ReadTokenFile(token_file);
  if (!token.ok()) return Fail(token.status());
  const auto connection = Connect({.address = address, .token = *token});
  if (!connection.ok()) return Fail(connection.status());
  std::atomic<bool> stop = false;
  std::vector<Client> all(static_cast<size_t>(clients), Client(*connection, stop));
  std::vector<absl::Status> ends(all.size());
  std::vector<std::thread> threads;
  for (size_t i = 0; i < all.size(); ++i) threads.emplace_back([&, i] { ends[i] = all[i].Run(); });
  while (std::getchar() != EOF) {
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  for (const absl::Status& end : ends) {
    if (!end.ok()) return Fail(end);
  }
  for (const Client& client : all) {
    for (const Timing& timing : client.timings) std::printf("%.6f %.3f\n", timing.began_s, timing.took_ms);
  }
  return 0;
}

}  // namespace
}  // namespace loupe

int main(int argc, char** argv) {
  if (argc != 4 || std::atoi(argv[3]) < 1) {
    std::fprintf(stderr, "usage: loupe-bench-claims ADDRESS TOKEN_FILE CLIENTS < PIPE\n");
    return 2;
  }
  return loupe::Run(argv[1], argv[2], std::atoi(argv[3]));
}
