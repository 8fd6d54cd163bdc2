// The one place where a status of gRPC becomes an absl::Status.
#pragma once

#include <grpcpp/support/status.h>
#include "absl/status/status.h"

namespace loupe {

// Keeps code and message. A google.rpc.ErrorInfo among the details becomes the payload that ErrorReason
// (proto/error_info.h) reads.
absl::Status FromGrpc(const grpc::Status& status);

}  // namespace loupe
