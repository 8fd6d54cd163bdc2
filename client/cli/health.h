// gRPC's health checking protocol. Debian doesn't ship its generated code, so the message is read by hand.
#pragma once

#include "absl/time/time.h"
#include "client/lib/channel.h"

namespace loupe {

// Whether the server answers grpc.health.v1.Health.Check with SERVING, within `deadline`.
bool IsServing(const Connection& connection, absl::Duration deadline);

}  // namespace loupe
