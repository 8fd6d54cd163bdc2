#include "server/quality/consensus.h"

#include <algorithm>
#include <cmath>

namespace loupe::quality {
namespace {

constexpr double kPriorVotes = 10;
constexpr int kMostSteps = 200;
constexpr double kSettled = 1e-9;  // change of an accuracy
// Nobody is always right or always wrong.
constexpr double kLeastAccuracy = 1e-3;

// The probability of each value of a thing. [K]
std::vector<double> Posterior(const std::vector<Vote>& votes, const std::vector<double>& accuracies,
                              size_t value_count) {
  std::vector<double> logs(value_count, 0);
  for (const Vote& vote : votes) {
    const double accuracy = accuracies[static_cast<size_t>(vote.reviewer)];
    const double wrong = std::log((1 - accuracy) / static_cast<double>(value_count - 1));
    for (size_t value = 0; value < value_count; ++value)
      logs[value] += static_cast<size_t>(vote.value) == value ? std::log(accuracy) : wrong;
  }
  const double most = *std::max_element(logs.begin(), logs.end());
  double sum = 0;
  for (double& log : logs) sum += log = std::exp(log - most);
  for (double& probability : logs) probability /= sum;
  return logs;
}

}  // namespace

Consensus FindConsensus(std::span<const std::vector<Vote>> things, int reviewer_count, int value_count) {
  const auto reviewers = static_cast<size_t>(reviewer_count), values = static_cast<size_t>(value_count);
  Consensus consensus;
  consensus.accuracies.assign(reviewers, kPriorAccuracy);
  for (int step = 0; step < kMostSteps; ++step) {
    std::vector<double> right(reviewers, kPriorAccuracy * kPriorVotes), all(reviewers, kPriorVotes);
    for (const std::vector<Vote>& votes : things) {
      const std::vector<double> posterior = Posterior(votes, consensus.accuracies, values);
      for (const Vote& vote : votes) {
        right[static_cast<size_t>(vote.reviewer)] += posterior[static_cast<size_t>(vote.value)];
        all[static_cast<size_t>(vote.reviewer)] += 1;
      }
    }
    double moved = 0;
    for (size_t i = 0; i < reviewers; ++i) {
      const double accuracy = std::clamp(right[i] / all[i], kLeastAccuracy, 1 - kLeastAccuracy);
      moved = std::max(moved, std::abs(accuracy - consensus.accuracies[i]));
      consensus.accuracies[i] = accuracy;
    }
    if (moved < kSettled) break;
  }
  for (const std::vector<Vote>& votes : things) {
    const std::vector<double> posterior = Posterior(votes, consensus.accuracies, values);
    const auto best = std::max_element(posterior.begin(), posterior.end());
    consensus.values.push_back(static_cast<int32_t>(best - posterior.begin()));
    consensus.probabilities.push_back(*best);
  }
  return consensus;
}

}  // namespace loupe::quality
