// Which reviewers' labels are to be doubted, on what evidence.
//
// A window is a reviewer's last 240 assisted tasks, 12 of them with a planted error. All alarms together are
// false for at most one careful reviewer in twenty. Careful: catches nine of ten planted errors, and answers
// alike whether boxes are shown or not.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "server/quality/answer_matching.h"
#include "server/quality/interval.h"

namespace loupe::quality {

// An answer to an image of the random slice, beside what the model predicts there. In an assisted task the
// predictions were shown, in a blind one they were not.
struct SlicedAnswer {
  uint32_t predicted = 0;  // boxes that are shown, or would be
  uint32_t kept = 0;       // of these, how many the answer has a box of the same class for (IoU >= 0.5)
  uint32_t added = 0;      // boxes of the answer where the model predicts none
  double iou_sum = 0;      // of what is kept, with its predicted box
};

// predicted: what is shown, or would be.
SlicedAnswer CompareWithPrediction(const Answer& predicted, const Answer& answer);

// Means over the two halves of the random slice, which are alike but for what was shown. The intervals have
// the level that was asked for.
struct ShownAgainstBlind {
  uint64_t shown_images = 0;
  uint64_t blind_images = 0;
  // Boxes that are missing when predictions are shown: how many fewer are added, as a share of the boxes of
  // a blind answer.
  Interval misses;
  // How much larger the share of predicted boxes is that are kept. None: a half has no predicted box.
  std::optional<Interval> kept;
  // How much nearer kept boxes are to the predicted ones, in IoU. None: a half keeps no box.
  std::optional<Interval> placement;
};

// None with fewer than 10 images in a half, or without a box in the blind answers.
std::optional<ShownAgainstBlind> CompareShownAndBlind(std::span<const SlicedAnswer> shown,
                                                      std::span<const SlicedAnswer> blind, double level);

struct ReviewerWindow {
  uint32_t planted = 0;
  uint32_t caught = 0;                // of these
  std::vector<SlicedAnswer> shown;    // this reviewer's, assisted
  std::vector<SlicedAnswer> blind;    // this reviewer's
  std::vector<SlicedAnswer> by_all;   // everybody's, blind
  std::vector<double> seconds_a_box;  // of each assisted task that showed boxes: its time by their number
};

enum class AlarmKind {
  kPlantedErrorsKept,  // too few planted errors were caught
  kMissesWhenShown,    // more is missing when predictions are shown than when they aren't
  kNotLookedAt,        // there was no time to look at each box
  kAcceptsTooMuch,     // predicted boxes are kept that blind answers don't have
};

struct Alarm {
  AlarmKind kind = AlarmKind::kPlantedErrorsKept;
  // kPlantedErrorsKept: the share that was caught. kMissesWhenShown, kAcceptsTooMuch: as ShownAgainstBlind,
  // its `misses` and `kept`. kNotLookedAt: the median of the seconds a box.
  Interval evidence;
};

// Assisted tasks in a window.
inline constexpr uint32_t kWindow = 240;
// Fewer tasks than these decide nothing.
inline constexpr uint32_t kLeastPlanted = 12;
inline constexpr size_t kLeastTimed = 20;
// A look at one place takes about a quarter of a second (Rayner 1998).
inline constexpr double kLeastSecondsABox = 0.3;

// With the interval of the level that was asked for. None: no task is timed.
std::optional<Interval> MedianSeconds(std::span<const double> seconds_a_box, double level);

std::vector<Alarm> FindAlarms(const ReviewerWindow& window);

}  // namespace loupe::quality
