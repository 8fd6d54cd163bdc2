// Texts in requests.
#pragma once

#include <string>

#include <google/protobuf/message.h>

#include "absl/status/status.h"

namespace loupe {

// Protobuf's texts are UTF-8; the coordinator can't read a request with another one, so it is not sent.
// Errors: INVALID_ARGUMENT, naming the field.
absl::Status CheckTexts(const google::protobuf::Message& request);

}  // namespace loupe
