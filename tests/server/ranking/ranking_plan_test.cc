#include "server/ranking/ranking_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <random>
#include <set>

namespace loupe::ranking {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// `count` images with falling scores, ids from 1: the lower the id, the higher the score. Every tenth is
// empty and every twelfth shows a rare class.
std::vector<Candidate> MakePool(int count) {
  std::vector<Candidate> pool;
  for (int id = 1; id <= count; ++id) {
    Candidate candidate;
    candidate.image_id = id;
    candidate.score = 1.0 / id;
    candidate.empty = id % 10 == 0;
    if (!candidate.empty && id % 12 == 0) candidate.rare_evidence = 0.1 + id / 10000.0;
    pool.push_back(candidate);
  }
  return pool;
}

RankingOptions Options(size_t depth, uint64_t seed = 1) {
  RankingOptions options;
  options.depth = depth;
  options.seed = seed;
  return options;
}

std::map<Slice, int> Counts(const std::vector<RankingEntry>& entries) {
  std::map<Slice, int> counts;
  for (const RankingEntry& entry : entries) ++counts[entry.slice];
  return counts;
}

std::vector<int64_t> IdsOf(const std::vector<RankingEntry>& entries, Slice slice) {
  std::vector<int64_t> ids;
  for (const RankingEntry& entry : entries) {
    if (entry.slice == slice) ids.push_back(entry.image_id);
  }
  return ids;
}

RankingPlan Plan(const std::vector<Candidate>& pool, const RankingOptions& options,
                 const std::vector<int64_t>& holdout = {}) {
  auto plan = PlanRanking(pool, holdout, options);
  EXPECT_TRUE(plan.ok()) << plan.status();
  return *std::move(plan);
}

TEST(PlanRankingTest, HandWorkedWithoutChance) {
  RankingOptions options = Options(6);
  options.shares = {.uncertain = 2.0 / 3, .rare = 1.0 / 3, .random = 0};
  options.uncertain_blind_share = 0;
  std::vector<Candidate> pool = {{1, 0.9, false, 0},  {2, 0.8, false, 0.3}, {3, 0.7, false, 0},
                                 {4, 0.6, true, 0},   {5, 0.5, false, 0},   {6, 0.4, false, 0},
                                 {7, 0.4, false, 0.2}};
  const RankingPlan plan = Plan(pool, options);
  // Rare: 2 shows a rare class most surely, then the empty 4. Uncertain: 1, 3, 5, and 6 before 7 by id.
  EXPECT_THAT(IdsOf(plan.entries, Slice::kRare), ElementsAre(2, 4));
  EXPECT_THAT(IdsOf(plan.entries, Slice::kUncertain), ElementsAre(1, 3, 5, 6));
  std::vector<int64_t> order;
  for (const RankingEntry& entry : plan.entries) order.push_back(entry.image_id);
  EXPECT_THAT(order, ElementsAre(1, 2, 3, 5, 4, 6));
  for (const RankingEntry& entry : plan.entries) {
    EXPECT_FALSE(entry.probability.has_value()) << "a deterministic choice has none";
    EXPECT_FALSE(entry.draw.has_value());
    EXPECT_FALSE(entry.blind);
    EXPECT_TRUE(entry.score.has_value());
  }
}

TEST(PlanRankingTest, SlicesHaveTheirSharesAtEveryPrefix) {
  const RankingPlan plan = Plan(MakePool(1000), Options(400));
  EXPECT_EQ(plan.eligible_count, 1000U);
  EXPECT_EQ(plan.random_count, 80U);
  ASSERT_EQ(plan.entries.size(), 400U);
  std::map<Slice, double> seen;
  for (size_t i = 0; i < plan.entries.size(); ++i) {
    seen[plan.entries[i].slice] += 1;
    const auto served = static_cast<double>(i + 1);
    EXPECT_NEAR(seen[Slice::kUncertain], 0.7 * served, 1.5);
    EXPECT_NEAR(seen[Slice::kRare], 0.1 * served, 1.5);
    EXPECT_NEAR(seen[Slice::kRandom], 0.2 * served, 1.5);
  }
}

TEST(PlanRankingTest, FewRareOnesAreServedFirstAndLeaveTheirPlacesToTheUncertain) {
  std::vector<Candidate> pool = MakePool(1000);
  for (Candidate& candidate : pool) {
    candidate.empty = false;
    candidate.rare_evidence = candidate.image_id > 993 ? 0.5 : 0;
  }
  const RankingPlan plan = Plan(pool, Options(400));
  std::map<Slice, double> seen;
  const double all_rare = Counts(plan.entries)[Slice::kRare];
  ASSERT_GE(all_rare, 3) << "the others fell to the random slice";
  for (size_t i = 0; i < plan.entries.size(); ++i) {
    seen[plan.entries[i].slice] += 1;
    const auto served = static_cast<double>(i + 1);
    EXPECT_NEAR(seen[Slice::kRare], std::min(0.1 * served, all_rare), 1);
    EXPECT_NEAR(seen[Slice::kRandom], 0.2 * served, 1);
  }
  EXPECT_EQ(seen[Slice::kUncertain], 400 - 80 - all_rare);
}

TEST(PlanRankingTest, TheUncertainSliceIsTheBestOfWhatTheDrawLeft) {
  const std::vector<Candidate> pool = MakePool(500);
  const RankingPlan plan = Plan(pool, Options(200));
  std::set<int64_t> elsewhere;
  for (const RankingEntry& entry : plan.entries) {
    if (entry.slice != Slice::kUncertain) elsewhere.insert(entry.image_id);
  }
  std::vector<int64_t> wanted;
  for (const Candidate& candidate : pool) {
    if (!candidate.empty && !elsewhere.contains(candidate.image_id) && wanted.size() < 140) {
      wanted.push_back(candidate.image_id);
    }
  }
  EXPECT_EQ(IdsOf(plan.entries, Slice::kUncertain), wanted);
}

RankingOptions ByScore(size_t depth) {
  RankingOptions options = Options(depth);
  options.shares = {.uncertain = 1, .rare = 0, .random = 0};
  return options;
}

// Every image of the first class is worth more than any of the others.
std::vector<Candidate> UnevenPool() {
  std::vector<Candidate> pool;
  for (int id = 1; id <= 60; ++id) {
    pool.push_back({id, 1.0 / id, false, 0, static_cast<size_t>(id <= 40 ? 0 : id <= 55 ? 1 : 2)});
  }
  return pool;
}

TEST(PlanRankingTest, ClassesTakeTurnsByTheirShares) {
  RankingOptions options = ByScore(8);
  EXPECT_THAT(IdsOf(Plan(UnevenPool(), options).entries, Slice::kUncertain),
              ElementsAre(1, 2, 3, 4, 5, 6, 7, 8))
      << "without shares one class has it all";
  options.class_shares = {1, 1, 2};
  // Credits before each of four places: 1/4 1/4 1/2; 1/2 1/2 0; -1/4 3/4 1/2; 0 0 1; and again.
  EXPECT_THAT(IdsOf(Plan(UnevenPool(), options).entries, Slice::kUncertain),
              ElementsAre(56, 1, 41, 57, 58, 2, 42, 59));
}

TEST(PlanRankingTest, OfManyClassesEachHasItsShareToo) {
  constexpr size_t kClasses = 80;
  RankingOptions options = ByScore(82);
  options.class_shares.assign(kClasses, 0.5);
  options.class_shares[17] = 3;
  std::vector<Candidate> pool;
  for (size_t i = 0; i < 10 * kClasses; ++i) {
    pool.push_back({static_cast<int64_t>(i) + 1, 0.5, false, 0, i % kClasses});
  }
  std::vector<int> taken(kClasses);
  for (const int64_t id : IdsOf(Plan(pool, options).entries, Slice::kUncertain)) {
    ++taken[static_cast<size_t>(id - 1) % kClasses];
  }
  EXPECT_NEAR(taken[17], 82 * 3 / 42.5, 1);
  for (size_t c = 0; c < kClasses; ++c) EXPECT_LE(taken[c], c == 17 ? 7 : 1) << c;
}

TEST(PlanRankingTest, AClassThatRunsOutLeavesItsTurnsToTheOthers) {
  RankingOptions options = ByScore(60);
  options.class_shares = {1, 1, 8};
  const std::vector<int64_t> ids = IdsOf(Plan(UnevenPool(), options).entries, Slice::kUncertain);
  ASSERT_EQ(ids.size(), 60U);
  EXPECT_EQ(std::set<int64_t>(ids.begin(), ids.end()).size(), 60U);
  EXPECT_EQ(std::count_if(ids.begin(), ids.begin() + 6, [](int64_t id) { return id > 55; }), 5);
  EXPECT_NEAR(std::count_if(ids.begin(), ids.begin() + 30, [](int64_t id) { return id <= 40; }), 12.5, 1)
      << "the other two share the other 25 evenly";
}

TEST(PlanRankingTest, EachClassHasItsShareAtEveryPrefix) {
  std::vector<Candidate> pool = UnevenPool();
  for (Candidate& candidate : pool) candidate.main_class = candidate.image_id % 3;
  RankingOptions options = ByScore(24);
  options.class_shares = {0.5, 1, 1.5};
  std::vector<double> seen(3);
  double served = 0;
  for (const int64_t id : IdsOf(Plan(pool, options).entries, Slice::kUncertain)) {
    ++seen[static_cast<size_t>(id % 3)];
    ++served;
    for (size_t c = 0; c < 3; ++c) EXPECT_NEAR(seen[c], options.class_shares[c] / 3 * served, 1);
  }
}

TEST(PlanRankingTest, RandomEntriesKeepTheirDrawAndProbability) {
  const RankingPlan plan = Plan(MakePool(1000), Options(400));
  size_t next = 0;
  for (const RankingEntry& entry : plan.entries) {
    if (entry.slice != Slice::kRandom) continue;
    EXPECT_EQ(entry.draw, next++) << "served in the order of the draw";
    EXPECT_DOUBLE_EQ(entry.probability.value(), 80.0 / 1000);
  }
}

TEST(PlanRankingTest, NoImageIsLostOrThereTwice) {
  std::mt19937 random(11);
  for (unsigned round = 0; round < 200; ++round) {
    const int count = static_cast<int>(random() % 60);
    std::vector<Candidate> pool = MakePool(count);
    for (Candidate& candidate : pool) {
      if (random() % 3 == 0) candidate.score = 0.5;
      candidate.empty = random() % 4 == 0;
      candidate.rare_evidence = candidate.empty || random() % 3 != 0 ? 0 : 0.2;
      candidate.main_class = random() % 4;
    }
    const size_t depth = random() % 90;
    RankingOptions options = Options(depth, random());
    options.holdout_missing = random() % 10;
    if (round % 2 == 0) options.class_shares = {1, 0.5, 2, 3, 1};  // no image is of the last
    const RankingPlan plan = Plan(pool, options, {1001, 1002, 1003, 1004, 1005, 1006});
    std::set<int64_t> ids;
    size_t of_pool = 0;
    for (const RankingEntry& entry : plan.entries) {
      EXPECT_TRUE(ids.insert(entry.image_id).second) << entry.image_id;
      EXPECT_EQ(entry.slice == Slice::kHoldout, entry.image_id > 1000);
      of_pool += entry.slice != Slice::kHoldout ? 1 : 0;
    }
    EXPECT_EQ(of_pool, std::min<size_t>(depth, count));
  }
}

TEST(PlanRankingTest, TheSeedDecidesAndTheOrderGivenDoesNot) {
  std::vector<Candidate> pool = MakePool(300);
  pool[7].score = pool[3].score;
  const RankingPlan plan = Plan(pool, Options(120, 5), {900, 901});
  std::mt19937 random(2);
  std::shuffle(pool.begin(), pool.end(), random);
  const RankingPlan shuffled = Plan(pool, Options(120, 5), {900, 901});
  const RankingPlan other = Plan(pool, Options(120, 6), {900, 901});
  ASSERT_EQ(plan.entries.size(), shuffled.entries.size());
  for (size_t i = 0; i < plan.entries.size(); ++i) {
    EXPECT_EQ(plan.entries[i].image_id, shuffled.entries[i].image_id);
    EXPECT_EQ(plan.entries[i].slice, shuffled.entries[i].slice);
    EXPECT_EQ(plan.entries[i].blind, shuffled.entries[i].blind);
  }
  EXPECT_NE(IdsOf(plan.entries, Slice::kRandom), IdsOf(other.entries, Slice::kRandom));
}

TEST(PlanRankingTest, TheRandomSliceIsUniformWhateverTheScores) {
  constexpr int kImages = 30;
  constexpr int kSeeds = 4000;
  constexpr double kDrawn = 6;
  const std::vector<Candidate> pool = MakePool(kImages);
  std::vector<double> drawn(kImages + 1);
  std::vector<double> first(kImages + 1);
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    const std::vector<int64_t> ids = IdsOf(Plan(pool, Options(kImages, seed)).entries, Slice::kRandom);
    ASSERT_EQ(ids.size(), kDrawn);
    for (const int64_t id : ids) drawn[id] += 1;
    first[ids[0]] += 1;
  }
  const double share = kDrawn / kImages;
  double of_drawn = 0;
  double of_first = 0;
  for (int id = 1; id <= kImages; ++id) {
    of_drawn +=
        std::pow(drawn[id] - kSeeds * share, 2) / (kSeeds * share * (1 - share)) * (kImages - 1) / kImages;
    of_first += std::pow(first[id] - kSeeds * 1.0 / kImages, 2) / (kSeeds * 1.0 / kImages);
  }
  constexpr double kChiSquare29 = 58.3;  // passed by 999 of 1,000 uniform draws
  EXPECT_LT(of_drawn, kChiSquare29);
  EXPECT_LT(of_first, kChiSquare29);
}

TEST(PlanRankingTest, ImagesWithoutBoxesKeepToTheirQuotaUntilNothingElseIsLeft) {
  std::vector<Candidate> pool = MakePool(200);
  for (Candidate& candidate : pool) {
    candidate.empty = candidate.image_id % 2 == 0;
    candidate.rare_evidence = 0;
  }
  const RankingPlan plan = Plan(pool, Options(100));
  int empty = 0;
  for (const RankingEntry& entry : plan.entries) {
    if (entry.slice == Slice::kUncertain) {
      EXPECT_EQ(entry.image_id % 2, 1);
    }
    if (entry.slice == Slice::kRare) ++empty;
  }
  EXPECT_EQ(empty, 10) << "neither never nor always";

  const RankingPlan all = Plan(pool, Options(200));
  ASSERT_EQ(all.entries.size(), 200U);
  EXPECT_EQ(all.entries.back().slice, Slice::kRare);
  EXPECT_EQ(all.entries.back().image_id % 2, 0) << "the rest of the empty ones come last";
}

TEST(PlanRankingTest, PoolsOfOneKindAreRankedWhole) {
  std::vector<Candidate> empty = MakePool(50);
  for (Candidate& candidate : empty) candidate.empty = true;
  EXPECT_EQ(Plan(empty, Options(400)).entries.size(), 50U);
  std::vector<Candidate> same = MakePool(50);
  for (Candidate& candidate : same) candidate = {candidate.image_id, 0.5, false, 0};
  const RankingPlan plan = Plan(same, Options(400));
  EXPECT_EQ(Counts(plan.entries)[Slice::kRandom], 10);
  EXPECT_EQ(Counts(plan.entries)[Slice::kUncertain], 40)
      << "without rare ones their share goes to the uncertain";
  EXPECT_TRUE(Plan({}, Options(400)).entries.empty());
}

TEST(PlanRankingTest, ImagesWithoutAScoreComeOnlyByChance) {
  std::vector<Candidate> pool = MakePool(100);
  for (Candidate& candidate : pool) {
    if (candidate.image_id > 50) candidate.score.reset();
  }
  for (const RankingEntry& entry : Plan(pool, Options(100)).entries) {
    if (entry.slice != Slice::kRandom) {
      EXPECT_LE(entry.image_id, 50);
    }
    if (entry.image_id > 50) {
      EXPECT_TRUE(entry.blind) << "there is nothing to show";
    }
  }
}

TEST(PlanRankingTest, TheHoldoutIsBlindAndEveryFifthUntilItsTarget) {
  std::vector<int64_t> holdout;
  for (int64_t id = 5000; id < 5050; ++id) holdout.push_back(id);
  RankingOptions options = Options(40);
  options.holdout_missing = 7;
  const RankingPlan plan = Plan(MakePool(100), options, holdout);
  ASSERT_EQ(plan.entries.size(), 47U) << "on top of the pool's entries";
  for (size_t i = 0; i < plan.entries.size(); ++i) {
    const RankingEntry& entry = plan.entries[i];
    EXPECT_EQ(entry.slice == Slice::kHoldout, i % 5 == 4 && i < 35);
    if (entry.slice != Slice::kHoldout) continue;
    EXPECT_EQ(entry.image_id, 5000 + static_cast<int64_t>(i / 5)) << "in the order given";
    EXPECT_TRUE(entry.blind);
    EXPECT_FALSE(entry.score.has_value());
    EXPECT_FALSE(entry.probability.has_value());
  }
}

TEST(PlanRankingTest, WhatTheHoldoutLacksFollowsAPoolThatRanOut) {
  RankingOptions options = Options(40);
  options.holdout_missing = 7;
  const RankingPlan plan = Plan(MakePool(4), options, {50, 51, 52});
  EXPECT_THAT(IdsOf(plan.entries, Slice::kHoldout), ElementsAre(50, 51, 52));
  EXPECT_EQ(plan.entries.size(), 7U);
}

TEST(PlanRankingTest, BlindSharesHold) {
  const RankingPlan plan = Plan(MakePool(2000), Options(1000));
  std::map<Slice, std::vector<bool>> blind;
  for (const RankingEntry& entry : plan.entries) blind[entry.slice].push_back(entry.blind);
  EXPECT_EQ(std::count(blind[Slice::kRandom].begin(), blind[Slice::kRandom].end(), true), 100);
  EXPECT_EQ(std::count(blind[Slice::kUncertain].begin(), blind[Slice::kUncertain].end(), true), 70);
  EXPECT_EQ(std::count(blind[Slice::kRare].begin(), blind[Slice::kRare].end(), true), 0);
  for (size_t i = 0; i < blind[Slice::kRandom].size(); i += 2) {
    EXPECT_NE(blind[Slice::kRandom][i], blind[Slice::kRandom][i + 1]) << "one of every two";
  }
  bool always_first = true;
  for (size_t i = 0; i < blind[Slice::kRandom].size(); i += 2) always_first &= blind[Slice::kRandom][i];
  EXPECT_FALSE(always_first) << "which one is left to chance";
}

TEST(PlanRankingTest, TheFirstGenerationIsARandomOrderAndBlind) {
  std::vector<Candidate> pool;
  for (int64_t id = 1; id <= 100; ++id) pool.push_back({id, std::nullopt, false, 0});
  const RankingPlan plan = Plan(pool, FirstGenerationOptions(40, 2, 3), {900, 901, 902});
  EXPECT_EQ(plan.random_count, 40U);
  EXPECT_EQ(Counts(plan.entries)[Slice::kRandom], 40);
  EXPECT_EQ(Counts(plan.entries)[Slice::kHoldout], 2);
  for (const RankingEntry& entry : plan.entries) {
    EXPECT_TRUE(entry.blind) << "there is nothing to show";
    if (entry.slice == Slice::kRandom) {
      EXPECT_DOUBLE_EQ(entry.probability.value(), 0.4);
    }
  }
}

TEST(PlanRankingTest, TheRandomStrategysScoresFollowItsDraw) {
  std::vector<PredictedImage> images;
  for (int64_t id = 1; id <= 200; ++id) images.push_back({id, {}});
  ScoringOptions scoring;
  scoring.strategy = Strategy::kRandom;
  scoring.seed = 77;
  PoolScorer scorer(scoring);
  for (const PredictedImage& image : images) scorer.Add(image);
  const std::vector<Candidate> pool = std::move(scorer).Finish().scored;
  RankingOptions options = Options(200, 77);
  options.shares = SharesFor(Strategy::kRandom);
  const RankingPlan plan = Plan(pool, options);
  ASSERT_EQ(Counts(plan.entries)[Slice::kRandom], 200);
  for (size_t i = 1; i < plan.entries.size(); ++i) {
    EXPECT_GE(plan.entries[i - 1].score.value(), plan.entries[i].score.value());
  }
}

TEST(PlanRankingTest, ImpossibleOptionsAndInputsAreErrors) {
  const std::vector<Candidate> pool = MakePool(10);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const SliceShares& shares :
       {SliceShares{0.7, 0.1, 0.1}, SliceShares{1.2, -0.2, 0}, SliceShares{nan, 0.5, 0.5}}) {
    RankingOptions options = Options(10);
    options.shares = shares;
    const auto plan = PlanRanking(pool, {}, options);
    EXPECT_EQ(plan.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(plan.status().message()), HasSubstr("add up to 1"));
  }
  RankingOptions blind = Options(10);
  blind.random_blind_share = 1.5;
  EXPECT_FALSE(PlanRanking(pool, {}, blind).ok());
  std::vector<Candidate> bad = pool;
  bad[3].score = nan;
  EXPECT_THAT(std::string(PlanRanking(bad, {}, Options(10)).status().message()), HasSubstr("image 4"));
  bad = pool;
  bad[3].image_id = 1;
  EXPECT_THAT(std::string(PlanRanking(bad, {}, Options(10)).status().message()), HasSubstr("twice"));
  EXPECT_FALSE(PlanRanking(pool, std::vector<int64_t>{4}, Options(10)).ok()) << "on both sides at once";
  bad = pool;
  bad[3].main_class = 2;
  RankingOptions two_classes = Options(10);
  two_classes.class_shares = {1, 1};
  EXPECT_THAT(std::string(PlanRanking(bad, {}, two_classes).status().message()),
              HasSubstr("image 4 is of class 2"));
  for (const double share : {0.0, -1.0, nan}) {
    two_classes.class_shares = {1, share};
    EXPECT_THAT(std::string(PlanRanking(pool, {}, two_classes).status().message()),
                HasSubstr("share of a class"));
  }
}

}  // namespace
}  // namespace loupe::ranking
