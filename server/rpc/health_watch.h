// Keeps gRPC's health check true: the coordinator serves while its database answers.
#pragma once

#include <thread>

#include <grpcpp/health_check_service_interface.h>

#include "content/steady_clock.h"
#include "db/database.h"

namespace loupe {

class HealthWatch {
 public:
  // Asks the database once a second. Both must outlive it.
  HealthWatch(Database& database, grpc::HealthCheckServiceInterface& health);
  // From then on the health check says NOT_SERVING.
  ~HealthWatch();
  HealthWatch(const HealthWatch&) = delete;
  HealthWatch& operator=(const HealthWatch&) = delete;

 private:
  void Loop();

  Database& database_;
  grpc::HealthCheckServiceInterface& health_;
  Event stop_;
  std::thread thread_;
};

}  // namespace loupe
