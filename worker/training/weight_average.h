// An exponential moving average of a detector's weights.
#pragma once

#include <cstdint>
#include <memory>

namespace loupe::detection {
class FasterRcnn;
}

namespace loupe {

// Averages parameters and batch norm's running statistics alike: averaged weights need averaged statistics.
// What is not trained stays to the bit as it is.
// Source: Polyak and Juditsky 1992; the decay that grows with the steps is TensorFlow's
// ExponentialMovingAverage.
class WeightAverage {
 public:
  // Starts as a copy of `model`, on its device. decay: in (0, 1).
  WeightAverage(double decay, const detection::FasterRcnn& model);

  // Takes in the weights after step `step`, from 1, and keeps min(decay, (1 + step) / (10 + step)) of itself.
  // Requires: the model, or another of the same shape, that this was made from.
  void Update(const detection::FasterRcnn& model, int64_t step);

  // A detector with the averaged weights, in eval mode.
  const std::shared_ptr<detection::FasterRcnn>& model() const { return model_; }

 private:
  double decay_;
  std::shared_ptr<detection::FasterRcnn> model_;
};

}  // namespace loupe
