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

HealthWatch::~HealthWatch() {
  stop_.Set();
  thread_.join();
  health_.SetServingStatus(false);
}

void HealthWatch::Loop() {
  bool serves = true;
  do {
    const bool answers = database_.Ping(kHealthPatience).ok();
    if (answers == serves) continue;
    serves = answers;
    health_.SetServingStatus(serves);
    spdlog::warn("health: {}", serves ? "the database answers again: serving"
                                      : "the database does not answer: not serving");
  } while (!stop_.WaitFor(kHealthPeriod));
}

}  // namespace loupe
