#pragma once

#include <torch/types.h>

#include <cstring>
#include <map>
#include <string>

namespace loupe::fuzz {

// Whether names, types, shapes and bytes are the same; unlike torch::equal also where they are not numbers.
// Requires: contiguous tensors on the CPU.
inline bool SameBytes(const std::map<std::string, torch::Tensor>& a,
                      const std::map<std::string, torch::Tensor>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& left, const auto& right) {
    const torch::Tensor &x = left.second, &y = right.second;
    return left.first == right.first && x.scalar_type() == y.scalar_type() && x.sizes() == y.sizes() &&
           (x.nbytes() == 0 || std::memcmp(x.data_ptr(), y.data_ptr(), x.nbytes()) == 0);
  });
}

}  // namespace loupe::fuzz
