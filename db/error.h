// Errors with a reason that programs can act on: it travels as a google.rpc.ErrorInfo of domain `loupe`.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace loupe {

// Where a status keeps its serialized google.rpc.ErrorInfo.
constexpr char kErrorInfoUrl[] = "type.googleapis.com/google.rpc.ErrorInfo";

// `reason` in capitals, as the .proto files list them; `message` says to a person what to do.
absl::Status Error(absl::StatusCode code, std::string_view reason, std::string_view message);

// Empty when the status carries none.
std::string ErrorReason(const absl::Status& status);

}  // namespace loupe
