// How well the model learns each class during the training.
#pragma once

#include <torch/types.h>

#include <cstddef>
#include <vector>

namespace loupe {

// A running mean per class, over the steps in which the class has positives. The newest step has a weight of
// 1/100. The start value has no influence, since the sum of the weights is tracked too.
// Source: Yang et al., PPAL, CVPR 2024, section 3.1.
class ClassQuality {
 public:
  // What a checkpoint saves. Both are [classes].
  struct State {
    std::vector<double> sums;
    std::vector<double> weights;
  };

  explicit ClassQuality(size_t class_count)
      : state_{std::vector<double>(class_count), std::vector<double>(class_count)} {}

  // positives: [2, C], the sum of detection::PositiveQuality over the batches of one step.
  void Update(const torch::Tensor& positives);

  // [classes] in [0, 1]; 0 for a class that had no positives yet.
  std::vector<double> means() const;

  const State& state() const { return state_; }
  // Requires: the same number of classes.
  void Restore(State state) { state_ = std::move(state); }

 private:
  State state_;
};

}  // namespace loupe
