#include "server/ranking/task_times.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "evaluation/seeded_random.h"

namespace loupe::ranking {
namespace {

using evaluation::SeededRandom;

// 3 s an image and 1.5 s a box, give or take a fifth; a share of them left lying for an hour.
std::vector<AnsweredTask> Tasks(int count, double left_lying) {
  SeededRandom random(4);
  std::vector<AnsweredTask> tasks;
  for (int i = 0; i < count; ++i) {
    const int boxes = static_cast<int>(random.Below(6));
    const double seconds = (3 + 1.5 * boxes) * (0.8 + 0.4 * random.Uniform());
    tasks.push_back({random.Uniform() < left_lying ? 3600 : seconds, boxes});
  }
  return tasks;
}

TEST(TaskTimesTest, FewTasksAreNoMeasurement) {
  const TaskTimes times = FitTaskTimes(Tasks(49, 0));
  EXPECT_EQ(times.per_image, 2);
  EXPECT_EQ(times.per_box, 4);
}

TEST(TaskTimesTest, FindsTheTimeOfAnImageAndOfABox) {
  const TaskTimes times = FitTaskTimes(Tasks(500, 0));
  EXPECT_NEAR(times.per_image, 3, 0.3);
  EXPECT_NEAR(times.per_box, 1.5, 0.15);
}

TEST(TaskTimesTest, ATenthLeftLyingChangesLittle) {
  const TaskTimes times = FitTaskTimes(Tasks(500, 0.1));
  EXPECT_NEAR(times.per_image, 3, 0.8);
  EXPECT_NEAR(times.per_box, 1.5, 0.4);
}

// Exact: 25 tasks of 2 boxes in 7 s, 25 of 4 boxes in 11 s.
TEST(TaskTimesTest, HandWorkedCase) {
  std::vector<AnsweredTask> tasks(25, {7, 2});
  tasks.insert(tasks.end(), 25, {11, 4});
  const TaskTimes times = FitTaskTimes(tasks);
  EXPECT_DOUBLE_EQ(times.per_box, 2);
  EXPECT_DOUBLE_EQ(times.per_image, 3);
}

TEST(TaskTimesTest, OrderChangesNothing) {
  std::vector<AnsweredTask> tasks = Tasks(101, 0.05);
  const TaskTimes forward = FitTaskTimes(tasks);
  std::reverse(tasks.begin(), tasks.end());
  const TaskTimes backward = FitTaskTimes(tasks);
  EXPECT_EQ(forward.per_image, backward.per_image);
  EXPECT_EQ(forward.per_box, backward.per_box);
}

// 2 + 3 * 4 = 14 s would be expected, 7 s are seen.
TEST(TaskTimesTest, OneNumberOfBoxesScalesTheGuess) {
  const TaskTimes times = FitTaskTimes(std::vector<AnsweredTask>(60, {7, 3}));
  EXPECT_DOUBLE_EQ(times.per_image, 1);
  EXPECT_DOUBLE_EQ(times.per_box, 2);
}

TEST(TaskTimesTest, BoxesThatSaveTimeCountForNothing) {
  std::vector<AnsweredTask> tasks(30, {9, 0});
  tasks.insert(tasks.end(), 30, {5, 2});
  const TaskTimes times = FitTaskTimes(tasks);
  EXPECT_EQ(times.per_box, 0);
  EXPECT_GT(times.per_image, 0);
}

}  // namespace
}  // namespace loupe::ranking
