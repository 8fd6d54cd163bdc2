#include "server/quality/consensus.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "evaluation/seeded_random.h"

namespace loupe::quality {
namespace {

TEST(Consensus, WithoutVotesTheFirstValueIsAsLikelyAsAny) {
  const Consensus consensus = FindConsensus(std::vector<std::vector<Vote>>{{}}, 1, 4);
  EXPECT_EQ(consensus.values[0], 0);
  EXPECT_DOUBLE_EQ(consensus.probabilities[0], 0.25);
  EXPECT_DOUBLE_EQ(consensus.accuracies[0], kPriorAccuracy);
}

TEST(Consensus, TwoAgainstOne) {
  const Consensus consensus = FindConsensus(std::vector<std::vector<Vote>>{{{0, 2}, {1, 2}, {2, 1}}}, 3, 3);
  EXPECT_EQ(consensus.values[0], 2);
  EXPECT_GT(consensus.probabilities[0], 0.8);
  EXPECT_LT(consensus.accuracies[2], consensus.accuracies[0]);
}

// Of two people who always contradict each other, neither is believed.
TEST(Consensus, TwoWhoContradictEachOtherStayAlike) {
  const std::vector<std::vector<Vote>> things(50, {{0, 1}, {1, 2}});
  const Consensus consensus = FindConsensus(things, 2, 3);
  EXPECT_NEAR(consensus.accuracies[0], consensus.accuracies[1], 1e-6);
  EXPECT_LT(consensus.probabilities[0], 0.51);
}

TEST(Consensus, FindsHowOftenEachIsRight) {
  const std::vector<double> truth = {0.95, 0.85, 0.6, 0.75};
  evaluation::SeededRandom random(11);
  std::vector<std::vector<Vote>> things;
  std::vector<int32_t> values;
  for (int thing = 0; thing < 1000; ++thing) {
    values.push_back(static_cast<int32_t>(random.Below(4)));
    std::vector<Vote>& votes = things.emplace_back();
    for (int32_t reviewer = 0; reviewer < 4; ++reviewer) {
      const bool right = random.Uniform() < truth[static_cast<size_t>(reviewer)];
      const auto other =
          static_cast<int32_t>((values.back() + 1 + static_cast<int32_t>(random.Below(3))) % 4);
      votes.push_back({reviewer, right ? values.back() : other});
    }
  }
  const Consensus consensus = FindConsensus(things, 4, 4);
  for (size_t i = 0; i < truth.size(); ++i) EXPECT_NEAR(consensus.accuracies[i], truth[i], 0.04) << i;
  int right = 0, majority_right = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    right += consensus.values[i] == values[i];
    std::vector<int> counts(4);
    for (const Vote& vote : things[i]) ++counts[static_cast<size_t>(vote.value)];
    const auto most = std::max_element(counts.begin(), counts.end()) - counts.begin();
    majority_right += most == values[i];
  }
  EXPECT_GT(right, majority_right);
  EXPECT_GT(right, 930);
}

}  // namespace
}  // namespace loupe::quality
