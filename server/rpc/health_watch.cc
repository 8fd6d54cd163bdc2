#include "server/rpc/health_watch.h"

#include <spdlog/spdlog.h>

#include "absl/time/time.h"

namespace loupe {
namespace {

constexpr absl::Duration kHealthPeriod = absl::Seconds(1);
constexpr absl::Duration kHealthPatience = absl::Seconds(3);

}  // namespace

HealthWatch::HealthWatch(Database& database, grpc::HealthCheckServiceInterface& health)
    : database_(database), health_(health), thread_([this] { Loop(); }) {}

void HealthWatch::Stop() {
  if (!thread_.joinable()) return;
  stop_.Set();
  thread_.join();
  serves_ = false;
  health_.SetServingStatus(false);
}

void HealthWatch::Loop() {
  do {
    const bool answers = database_.Ping(kHealthPatience).ok();
    if (answers == serves_) continue;
    serves_ = answers;
    health_.SetServingStatus(answers);
    spdlog::warn("health: {}", answers ? "the database answers again: serving"
                                       : "the database does not answer: not serving");
  } while (!stop_.WaitFor(kHealthPeriod));
}

}  // namespace loupe
