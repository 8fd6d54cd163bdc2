// Advice whether to go on labelling.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "evaluation/box_matching.h"
#include "server/ranking/learning_curve.h"

namespace loupe::ranking {

// How far two models agree on a set of images, in [0, 1]: F1 of their boxes with a score of at least 0.5.
// Boxes of one image and class are matched one to one at an IoU of at least 0.5, largest overlap first. 1 if
// neither model has such a box. Symmetric in a and b.
double MatchedF1(std::span<const evaluation::DetectedBox> a, std::span<const evaluation::DetectedBox> b);

struct ClassBoxes {
  std::string name;
  int64_t boxes = 0;  // labelled by people
};

struct StopEvidence {
  std::vector<double> agreements;  // MatchedF1 of each model with the one before it, oldest first
  std::optional<Band> gain;        // AP that the next round is forecast to add; nullopt without a curve
  std::vector<ClassBoxes> classes;
  std::optional<Band> ap;  // of the last model; nullopt without a holdout
};

struct StopThresholds {
  double gain = 0.01;      // AP: a round that adds less isn't worth its labels
  int64_t boxes = 30;      // per class: with fewer, estimates give no interval
  double interval = 0.10;  // width of AP's interval: about 0.07 with 200 holdout images, 0.16 with 50
};

enum class Verdict { kGoOn, kStop, kTooEarly };

// "go on", "stop", "too early to say".
std::string_view VerdictName(Verdict verdict);

struct Reason {
  Verdict verdict = Verdict::kTooEarly;  // kTooEarly: the figure isn't known yet
  std::string text;                      // a sentence with the figures
};

struct StopAdvice {
  Verdict verdict = Verdict::kTooEarly;
  std::vector<Reason> reasons;  // agreement, gain, classes, interval
};

// kStop if all four reasons say so; kGoOn if one says kGoOn; otherwise kTooEarly. The reasons for kStop:
// - agreement changed little over three rounds: it rose by less than 0.01, and fell by less than 0.05;
// - the forecast gain is below its threshold;
// - every class has its boxes;
// - the interval of AP is no wider than its threshold.
// A NaN never counts for kStop.
// Source: Bloodgood, Vijay-Shanker 2009, "A method for stopping active learning based on stabilizing
// predictions".
StopAdvice AdviseStop(const StopEvidence& evidence, const StopThresholds& thresholds);

}  // namespace loupe::ranking
