// gRPC's health checking protocol, without its generated code: Debian ships none.
#pragma once

#include "absl/time/time.h"
#include "client/lib/channel.h"

namespace loupe {

// Whether the server answers grpc.health.v1.Health.Check with SERVING, within `deadline`.
bool IsServing(const Connection& connection, absl::Duration deadline);

}  // namespace loupe
