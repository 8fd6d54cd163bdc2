#include "server/ranking/task_times.h"

#include <algorithm>
#include <vector>

namespace loupe::ranking {
namespace {

constexpr double kLeastSeconds = 0.1;  // lower limit of per_image

// Of two middle values, the larger.
// Requires: not empty.
double UpperMedian(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// Seconds per box between each two tasks. Empty if all tasks have the same number of boxes.
std::vector<double> SlopesBetween(std::span<const AnsweredTask> tasks) {
  std::vector<double> slopes;
  for (size_t i = 0; i < tasks.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      const int boxes = tasks[i].boxes - tasks[j].boxes;
      if (boxes != 0) slopes.push_back((tasks[i].seconds - tasks[j].seconds) / boxes);
    }
  }
  return slopes;
}

}  // namespace

TaskTimes FitTaskTimes(std::span<const AnsweredTask> tasks) {
  const TaskTimes guess;
  if (tasks.size() < kMinAnsweredTasks) return guess;
  const std::vector<double> slopes = SlopesBetween(tasks);
  std::vector<double> left;
  if (slopes.empty()) {
    for (const AnsweredTask& task : tasks) left.push_back(task.seconds);
    const double factor = UpperMedian(left) / (guess.per_image + guess.per_box * tasks.front().boxes);
    return {factor * guess.per_image, factor * guess.per_box};
  }
  const double per_box = std::max(UpperMedian(slopes), 0.0);
  for (const AnsweredTask& task : tasks) left.push_back(task.seconds - per_box * task.boxes);
  return {std::max(UpperMedian(left), kLeastSeconds), per_box};
}

}  // namespace loupe::ranking
