// Detects whether weights have changed since something was prepared from them.

#ifndef LOUPE_WORKER_DETECTION_WEIGHT_VERSION_H_
#define LOUPE_WORKER_DETECTION_WEIGHT_VERSION_H_

#include <torch/types.h>

#include <cstdint>
#include <initializer_list>
#include <vector>

namespace loupe::detection {

// The version counters of tensors, which in-place changes raise, and their addresses.
class WeightVersion {
 public:
  WeightVersion() = default;
  explicit WeightVersion(std::initializer_list<torch::Tensor> tensors) { Add(tensors); }

  // Ignores undefined tensors.
  void Add(std::initializer_list<torch::Tensor> tensors) {
    for (const auto& tensor : tensors) {
      if (!tensor.defined()) continue;
      stamps_.push_back(tensor._version());
      stamps_.push_back(reinterpret_cast<intptr_t>(tensor.data_ptr()));
    }
  }

  bool operator==(const WeightVersion&) const = default;

 private:
  std::vector<int64_t> stamps_;
};

}  // namespace loupe::detection

#endif  // LOUPE_WORKER_DETECTION_WEIGHT_VERSION_H_
