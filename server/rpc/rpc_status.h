// The one place where an absl::Status of the coordinator becomes one of gRPC.
#pragma once

#include <grpcpp/support/status.h>

#include "absl/status/status.h"

namespace loupe {

// Keeps code and message, and adds a google.rpc.ErrorInfo of domain `loupe` to the details. Its reason is
// ErrorReason(status) (proto/error_info.h), or the name of the code when the status carries none.
grpc::Status ToGrpc(const absl::Status& status);

}  // namespace loupe
