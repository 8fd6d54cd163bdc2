// What several people's answers to the same images say together, and how often each of them is right.
//
// Legend: R: reviewers; T: things (server/quality/answer_matching.h); K: values that a thing can have, the
// classes and 0 for "nothing there".
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace loupe::quality {

struct Vote {
  int32_t reviewer = 0;  // 0 to R - 1
  int32_t value = 0;     // 0 to K - 1
};

struct Consensus {
  // [T] the likeliest value, the smallest where values are as likely, and its probability.
  std::vector<int32_t> values;
  std::vector<double> probabilities;
  // [R] the share of a reviewer's votes that are right; kPriorAccuracy without votes.
  std::vector<double> accuracies;
};

// Before any vote a reviewer counts as right in eight of ten.
inline constexpr double kPriorAccuracy = 0.8;

// One-coin Dawid-Skene: a reviewer is right with one probability, whatever the thing, and a wrong vote is any
// other value alike. Expectation maximisation, with the prior as ten votes, so that two people who never
// agree don't make one of them perfect. things: [T], each with the votes on it; value_count: K >= 2.
// Sources: Dawid and Skene 1979; Zhang et al. 2014 (one-coin).
Consensus FindConsensus(std::span<const std::vector<Vote>> things, int reviewer_count, int value_count);

}  // namespace loupe::quality
