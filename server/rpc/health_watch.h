// Keeps gRPC's health check true: the coordinator serves while its database answers.
#pragma once

#include <atomic>
#include <thread>

#include <grpcpp/health_check_service_interface.h>

#include "content/steady_clock.h"
#include "db/database.h"

namespace loupe {

class HealthWatch {
 public:
  // Asks the database once a second. Both must outlive it.
  HealthWatch(Database& database, grpc::HealthCheckServiceInterface& health);
  ~HealthWatch() { Stop(); }
  HealthWatch(const HealthWatch&) = delete;
  HealthWatch& operator=(const HealthWatch&) = delete;

  // From then on the health check says NOT_SERVING. May be called twice.
  void Stop();

  // Whether the database answered when it was last asked.
  bool serves() const { return serves_; }

 private:
  void Loop();

  Database& database_;
  grpc::HealthCheckServiceInterface& health_;
  std::atomic<bool> serves_ = true;
  Event stop_;
  std::thread thread_;
};

}  // namespace loupe
