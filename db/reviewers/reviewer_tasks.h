// What people answered last, to judge how carefully they look.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "db/ids.h"
#include "loupe/v1/annotation.pb.h"

namespace loupe {

class Transaction;

// How many of a person's last answers are looked at. Most are to assisted tasks, so that a window of those is
// among them.
inline constexpr int kAnswersLookedAt = 480;

// An answer to a task of the ranking, or to a planted one.
struct ReviewerTask {
  PrincipalId principal;
  std::string reviewer;
  TaskId task;
  int64_t revision = 0;
  bool planted = false;
  bool assisted = false;  // the model's boxes were shown
  bool sliced = false;    // of the random slice, by a model's ranking
  bool blind = false;
  uint32_t spent_ms = 0;  // 0: not known
  uint32_t shown = 0;     // boxes
};

// In order of the reviewer's name, the newest answer first.
std::vector<ReviewerTask> ReadReviewerTasks(Transaction& transaction, ProjectId project);

// Task -> the boxes that it showed, or would have shown if it weren't blind. Without boxes of retired
// classes; a task without boxes is left out.
std::unordered_map<int64_t, std::vector<v1::LabelBox>> ReadPredictedBoxes(Transaction& transaction,
                                                                          const std::vector<TaskId>& tasks);

// Images of the pool whose truth is this person's last answers to assisted tasks, and that nobody is asked to
// review: at most `most`, the likeliest to hold an error first.
std::vector<ImageId> FindDoubtfulAnswers(Transaction& transaction, ProjectId project, PrincipalId principal,
                                         size_t most);

}  // namespace loupe
