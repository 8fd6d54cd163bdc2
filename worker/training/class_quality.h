// How well training goes on each class, as it goes on.
#pragma once

#include <torch/types.h>

#include <cstddef>
#include <vector>

namespace loupe {

// Running means over the steps in which a class has positives. The last step counts a hundredth, and the mean
// is not pulled towards where it began. Source: Yang et al., PPAL, CVPR 2024, section 3.1.
class ClassQuality {
 public:
  // What must be kept to go on: [classes] each.
  struct State {
    std::vector<double> sums;
    std::vector<double> weights;
  };

  explicit ClassQuality(size_t class_count)
      : state_{std::vector<double>(class_count), std::vector<double>(class_count)} {}

  // positives [2, C], as detection::PositiveQuality gives them: of one step.
  void Update(const torch::Tensor& positives);

  // [classes] in [0, 1], 0 for a class without positives so far.
  std::vector<double> means() const;

  const State& state() const { return state_; }
  // Requires: of as many classes.
  void Restore(State state) { state_ = std::move(state); }

 private:
  State state_;
};

}  // namespace loupe
