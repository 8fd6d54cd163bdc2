// An exponential moving average of a detector's weights.
#pragma once

#include <cstdint>
#include <memory>

namespace loupe::detection {
class FasterRcnn;
}

namespace loupe {

// Averages the parameters and also the running statistics of batch norm: averaged weights need averaged
// statistics. Tensors that are not trained keep exactly the same bits.
// Source: Polyak and Juditsky 1992. The decay that grows with the steps is from TensorFlow's
// ExponentialMovingAverage.
class WeightAverage {
 public:
  // Starts as a copy of `model`, on its device. decay: in (0, 1).
  WeightAverage(double decay, const detection::FasterRcnn& model);

  // Adds the weights after step `step`, from 1. The old average keeps a share of
  // min(decay, (1 + step) / (10 + step)). Requires: a model with the same tensors as the one at construction.
  void Update(const detection::FasterRcnn& model, int64_t step);

  // The detector with the averaged weights, in eval mode.
  const std::shared_ptr<detection::FasterRcnn>& model() const { return model_; }

 private:
  double decay_;
  std::shared_ptr<detection::FasterRcnn> model_;
};

}  // namespace loupe
