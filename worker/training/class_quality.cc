#include "worker/training/class_quality.h"

namespace loupe {
namespace {

constexpr double kDecay = 0.99;

}  // namespace

void ClassQuality::Update(const torch::Tensor& positives) {
  const torch::Tensor totals = positives.to(torch::kCPU, torch::kFloat64);
  const auto values = totals.accessor<double, 2>();
  for (size_t c = 0; c < state_.sums.size(); ++c) {
    const auto column = static_cast<int64_t>(c);
    if (values[1][column] == 0) continue;
    state_.sums[c] = kDecay * state_.sums[c] + (1 - kDecay) * values[0][column] / values[1][column];
    state_.weights[c] = kDecay * state_.weights[c] + (1 - kDecay);
  }
}

std::vector<double> ClassQuality::means() const {
  std::vector<double> means(state_.sums.size());
  for (size_t c = 0; c < means.size(); ++c) {
    if (state_.weights[c] > 0) means[c] = state_.sums[c] / state_.weights[c];
  }
  return means;
}

}  // namespace loupe
