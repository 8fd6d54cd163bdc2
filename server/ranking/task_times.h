// How long a person takes for an image, from the tasks that people have answered.
#pragma once

#include <cstddef>
#include <span>

namespace loupe::ranking {

struct AnsweredTask {
  double seconds = 0;  // above 0
  int boxes = 0;       // in the answer
};

// A task with n boxes is expected to take per_image + n * per_box seconds. Before enough tasks are answered:
// a guess.
struct TaskTimes {
  double per_image = 2;  // above 0
  double per_box = 4;    // not below 0
};

inline constexpr size_t kMinAnsweredTasks = 50;

// Fitted to the middle of the tasks, so that a quarter of them may have been left lying for an hour: the
// median of the slopes between tasks of different numbers of boxes, then the median of what is left. With
// fewer tasks than kMinAnsweredTasks the guess; where all tasks have the same number of boxes, the guess
// scaled to their median. O(N^2): N of some thousand at most. Requires: seconds finite and above 0, boxes not
// below 0. Source: Theil 1950, Sen 1968.
TaskTimes FitTaskTimes(std::span<const AnsweredTask> tasks);

}  // namespace loupe::ranking
