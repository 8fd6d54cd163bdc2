// Whether weights are still those that something was prepared from.

#ifndef LOUPE_WORKER_DETECTION_WEIGHT_VERSION_H_
#define LOUPE_WORKER_DETECTION_WEIGHT_VERSION_H_

#include <torch/types.h>

#include <cstdint>
#include <initializer_list>
#include <vector>

namespace loupe::detection {

// Version counters, which in-place changes raise, and addresses of tensors.
class WeightVersion {
 public:
  WeightVersion() = default;
  explicit WeightVersion(std::initializer_list<torch::Tensor> tensors) { Add(tensors); }

  // Tensors that are not defined are passed over.
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
