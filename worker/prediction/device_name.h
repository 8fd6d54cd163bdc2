// Names of devices: auto, cpu and cuda:N.
#pragma once

#include <algorithm>
#include <string_view>

#include "absl/strings/ascii.h"

namespace loupe {

inline constexpr std::string_view kCudaPrefix = "cuda:";

// Whether `name` is `auto`, `cpu` or `cuda:N`, with N from 0 to 99.
inline bool IsDeviceName(std::string_view name) {
  if (name == "auto" || name == "cpu") return true;
  constexpr size_t kMaxDigits = 2;
  if (!name.starts_with(kCudaPrefix)) return false;
  name.remove_prefix(kCudaPrefix.size());
  return !name.empty() && name.size() <= kMaxDigits &&
         std::all_of(name.begin(), name.end(), absl::ascii_isdigit);
}

}  // namespace loupe
