#include "worker/detection/sampler.h"

#include <torch/types.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "evaluation/seeded_random.h"
#include "worker/detection/matcher.h"

namespace loupe::detection {
namespace {

// Leaves `count` random entries, in ascending order, by a partial Fisher-Yates shuffle.
void Thin(int64_t count, evaluation::SeededRandom& random, std::vector<int64_t>& entries) {
  const auto size = static_cast<int64_t>(entries.size());
  if (size <= count) return;
  for (int64_t i = 0; i < count; ++i) {
    const auto offset = static_cast<int64_t>(random.Below(static_cast<uint64_t>(size - i)));
    std::swap(entries[i], entries[i + offset]);
  }
  entries.resize(count);
  std::sort(entries.begin(), entries.end());
}

}  // namespace

Sample SampleBalanced(const torch::Tensor& matches, int64_t count, double positive_fraction, uint64_t seed) {
  const auto on_cpu = matches.to(torch::kCPU).contiguous();
  const int64_t* match = on_cpu.data_ptr<int64_t>();
  std::vector<int64_t> positives, negatives;
  for (int64_t i = 0; i < on_cpu.size(0); ++i) {
    if (match[i] >= 0) positives.push_back(i);
    if (match[i] == kBackground) negatives.push_back(i);
  }
  evaluation::SeededRandom random(seed);
  Thin(static_cast<int64_t>(static_cast<double>(count) * positive_fraction), random, positives);
  Thin(count - static_cast<int64_t>(positives.size()), random, negatives);
  const auto to_device = [&](const std::vector<int64_t>& entries) {
    return torch::tensor(entries, torch::kInt64).to(matches.device());
  };
  return {to_device(positives), to_device(negatives)};
}

}  // namespace loupe::detection
