// Many annotators at two coordinators, at once.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <mutex>
#include <set>
#include <thread>

#include "server/ranking/ranking_plan.h"
#include "tests/server/labeling/labeling_fixture.h"

namespace loupe {
namespace {

constexpr uint32_t kImages = 500;
constexpr int kThreads = 8;

class ClaimConcurrencyTest : public LabelingTest {
 protected:
  ClaimConcurrencyTest() : LabelingTest(2) {}

  // Claims until nothing is left or `most` tasks are there; returns the positions in the order they came.
  std::vector<uint64_t> ClaimAll(int thread, const std::string& token, size_t most) {
    const auto stub = v1::LabelingService::NewStub(coordinator_.channel(static_cast<size_t>(thread % 2)));
    std::vector<uint64_t> positions;
    while (positions.size() < most) {
      v1::NextTasksRequest request;
      request.set_request_id(NextRequestId());
      request.set_count(static_cast<uint32_t>(1 + thread % 3));
      const auto tasks = Rpc(*stub, &Labeling::NextTasks, token, request);
      if (!tasks.ok()) ADD_FAILURE() << tasks.status();
      if (!tasks.ok() || tasks->tasks().empty()) break;
      for (const v1::Task& task : tasks->tasks()) positions.push_back(task.reason().position());
    }
    return positions;
  }

  std::vector<std::vector<uint64_t>> ClaimInThreads(size_t annotators, size_t most_each) {
    std::vector<std::vector<uint64_t>> positions(annotators);
    std::vector<std::string> tokens;
    for (size_t i = 0; i < annotators; ++i) tokens.push_back(coordinator_.Token(v1::ENGINEER));
    std::vector<std::thread> threads;
    for (size_t i = 0; i < annotators; ++i) {
      threads.emplace_back([&, i] { positions[i] = ClaimAll(static_cast<int>(i), tokens[i], most_each); });
    }
    for (std::thread& thread : threads) thread.join();
    return positions;
  }
};

// What was claimed is the head of the ranking without a gap, each position once, and each annotator's tasks
// rise.
void ExpectHead(const std::vector<std::vector<uint64_t>>& positions) {
  std::vector<uint64_t> all;
  for (const auto& of_one : positions) {
    EXPECT_TRUE(std::is_sorted(of_one.begin(), of_one.end()));
    all.insert(all.end(), of_one.begin(), of_one.end());
  }
  std::sort(all.begin(), all.end());
  for (size_t i = 0; i < all.size(); ++i) ASSERT_EQ(all[i], i) << "a position is missing or was served twice";
}

class AnnotatorsTest : public ClaimConcurrencyTest, public testing::WithParamInterface<size_t> {};

TEST_P(AnnotatorsTest, EveryImageIsServedOnceAndInOrder) {
  Import(kImages);
  ExpectHead(ClaimInThreads(GetParam(), 200 / GetParam()));
  ExpectHead([&] {
    ClaimInThreads(GetParam(), kImages);
    const auto rows = coordinator_.database().Sql("SELECT position FROM task ORDER BY position");
    std::vector<uint64_t> all;
    for (const auto& row : rows) all.push_back(row[0].as<uint64_t>());
    EXPECT_EQ(all.size(), kImages);
    return std::vector<std::vector<uint64_t>>{all};
  }());
  const auto twice = coordinator_.database().Sql("SELECT count(*) - count(DISTINCT image_id) FROM task");
  EXPECT_EQ(twice[0][0].as<int>(), 0);
}

TEST_P(AnnotatorsTest, AModelsRankingIsServedInItsOrderAndImagesWithoutBoxesWithinTheirQuota) {
  Import(kImages);
  std::vector<ranking::Candidate> candidates;
  for (int64_t id = 1; id <= kImages; ++id)
    candidates.push_back({id, 1.0 / static_cast<double>(id), id % 3 == 0, 0});
  ranking::RankingOptions options;
  options.depth = kImages;
  const auto plan = ranking::PlanRanking(candidates, {}, options);
  ASSERT_TRUE(plan.ok()) << plan.status();
  RankByModel({1});
  std::string entries;
  for (size_t i = 0; i < plan->entries.size(); ++i) {
    const ranking::RankingEntry& entry = plan->entries[i];
    absl::StrAppend(&entries, i == 0 ? "" : ",", "(", i, ",", entry.image_id, ",'",
                    SliceName(entry.slice).data(), "',",
                    entry.probability.has_value() ? absl::StrCat(*entry.probability) : "NULL", "::float8)");
  }
  coordinator_.database().Sql(absl::StrCat(
      "DELETE FROM ranking_entry WHERE ranking_id = (SELECT id FROM ranking WHERE generation = 1); "
      "INSERT INTO ranking_entry SELECT (SELECT id FROM ranking WHERE generation = 1), position, image, "
      "'pool', slice, "
      "0.5, probability, false FROM (VALUES ",
      entries, ") planned (position, image, slice, probability)"));

  ExpectHead(ClaimInThreads(GetParam(), 192 / GetParam()));
  const auto served = coordinator_.database().Sql(
      "SELECT count(*), count(*) FILTER (WHERE image_id % 3 = 0 AND slice <> 'random'), "
      "count(*) - count(DISTINCT image_id) FROM task");
  EXPECT_GE(served[0][0].as<double>(), 192);
  EXPECT_NEAR(served[0][1].as<double>(), 0.1 * served[0][0].as<double>(), 1.5)
      << "neither flooded nor starved";
  EXPECT_EQ(served[0][2].as<int>(), 0);
}

INSTANTIATE_TEST_SUITE_P(Many, AnnotatorsTest, testing::Values(1, 2, 8, 32));

TEST_F(ClaimConcurrencyTest, ARankingThatHasRunOutIsExtendedOnceForAllWhoWait) {
  Import(2500);
  RankByModel({1});
  ClaimInThreads(kThreads, 1);
  const auto appended = coordinator_.database().Sql(
      "SELECT count(*) FROM ranking_entry JOIN ranking ON ranking.id = ranking_id WHERE generation = 1 AND "
      "slice = "
      "'random'");
  EXPECT_EQ(appended[0][0].as<int>(), 1000);
  EXPECT_EQ(Status().open_leases(), 15U) << "each asks once, for one to three";
}

TEST_F(ClaimConcurrencyTest, TheSameRequestAtTheSameTimeHasOneEffect) {
  Import(50);
  v1::NextTasksRequest request;
  request.set_request_id("at once");
  request.set_count(3);
  std::mutex mutex;
  std::set<std::string> answers;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      const auto stub = v1::LabelingService::NewStub(coordinator_.channel(static_cast<size_t>(i % 2)));
      const auto tasks = Rpc(*stub, &Labeling::NextTasks, engineer_, request);
      EXPECT_TRUE(tasks.ok()) << tasks.status();
      const std::lock_guard<std::mutex> lock(mutex);
      if (tasks.ok()) answers.insert(tasks->SerializeAsString());
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(answers.size(), 1U);
  EXPECT_EQ(Status().open_leases(), 3U);
}

}  // namespace
}  // namespace loupe
