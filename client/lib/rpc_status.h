// gRPC's statuses as absl::Status, with the reason that Loupe's errors carry.
#pragma once

#include <string>

#include <grpcpp/support/status.h>
#include "absl/status/status.h"

namespace loupe {

// The same code and message; the google.rpc.ErrorInfo among the details becomes a payload.
absl::Status FromGrpc(const grpc::Status& status);

// The reason in capitals of a coordinator's error, e.g. `LEASE_ENDED` (the .proto files list them); empty for
// an error that did not come from a coordinator.
std::string ErrorReason(const absl::Status& status);

}  // namespace loupe
