// The one place where a status leaves the coordinator.
#pragma once

#include <grpcpp/support/status.h>

#include "absl/status/status.h"

namespace loupe {

// Code and message as they are, and a google.rpc.ErrorInfo of domain `loupe` in the details. A status without
// a reason of its own gets the code's name as one.
grpc::Status ToGrpc(const absl::Status& status);

}  // namespace loupe
