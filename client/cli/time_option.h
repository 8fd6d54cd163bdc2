// Times as people type them.
#pragma once

#include <string>

#include <google/protobuf/timestamp.pb.h>

#include "absl/status/status.h"

namespace loupe {

// A moment, or a day (UTC). days: 0: the beginning of that day; 1: its end. Errors: usage error.
absl::Status ReadTime(const char* option, const std::string& text, int days,
                      google::protobuf::Timestamp& time);

}  // namespace loupe
