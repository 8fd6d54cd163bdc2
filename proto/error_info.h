// Errors with a reason that programs can act on. The reason travels as a google.rpc.ErrorInfo of domain
// `loupe`, which a status carries as a payload.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace loupe {

// The key of the payload: a serialized google.rpc.ErrorInfo.
constexpr char kErrorInfoUrl[] = "type.googleapis.com/google.rpc.ErrorInfo";

// `reason` is one of those that the .proto files list, in capitals, e.g. `LEASE_ENDED`. `message` tells a
// person what to do.
absl::Status Error(absl::StatusCode code, std::string_view reason, std::string_view message);

// An error of the request itself, with the reason INVALID_ARGUMENT. `message` names the field.
absl::Status InvalidArgument(std::string_view message);

// The reason of an error that a coordinator made; empty for every other status.
std::string ErrorReason(const absl::Status& status);

}  // namespace loupe
