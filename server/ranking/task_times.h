// How long a person takes to label an image, estimated from answered tasks.
#pragma once

#include <cstddef>
#include <span>

namespace loupe::ranking {

struct AnsweredTask {
  double seconds = 0;  // above 0
  int boxes = 0;       // in the label revision
};

// A task with n boxes is expected to take per_image + n * per_box seconds. The defaults are a guess, used
// until enough tasks are answered.
struct TaskTimes {
  double per_image = 2;  // seconds, above 0
  double per_box = 4;    // seconds, at least 0
};

inline constexpr size_t kMinAnsweredTasks = 50;

// A robust fit: per_box is the median of the slopes between tasks with different numbers of boxes, per_image
// the median of what remains. It holds even if a quarter of the tasks were left open for an hour.
// With fewer than kMinAnsweredTasks tasks it returns the guess; if all tasks have the same number of boxes,
// the guess scaled to their median time.
// O(N²) for N tasks, so pass some thousand at most.
// Requires: seconds finite and above 0, boxes >= 0.
// Sources: Theil 1950, Sen 1968.
TaskTimes FitTaskTimes(std::span<const AnsweredTask> tasks);

}  // namespace loupe::ranking
