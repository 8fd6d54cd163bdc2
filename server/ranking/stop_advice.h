// Whether to go on labelling.
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

// How far two models agree on one set of images, in [0, 1]: F1 of their boxes with scores of at least 0.5,
// matched one to one within image and class at an IoU of at least 0.5, the largest overlaps first.
// 1 when neither has such a box. The same with a and b exchanged.
double MatchedF1(std::span<const evaluation::DetectedBox> a, std::span<const evaluation::DetectedBox> b);

struct ClassBoxes {
  std::string name;
  int64_t boxes = 0;  // people's
};

struct StopEvidence {
  std::vector<double> agreements;  // MatchedF1 of each model with the one before it, oldest first
  std::optional<Band> gain;        // forecast for the next round; absent before there is a curve
  std::vector<ClassBoxes> classes;
  std::optional<Band> ap;  // of the last model; absent without a holdout
};

struct StopThresholds {
  double gain = 0.01;      // of AP: a round that brings less isn't worth it
  int64_t boxes = 30;      // of each class: estimates give no interval to one with fewer
  double interval = 0.10;  // width of AP's: 200 holdout images come to about 0.07, 50 to 0.16
};

enum class Verdict { kGoOn, kStop, kTooEarly };

// "go on", "stop", "too early to say".
std::string_view VerdictName(Verdict verdict);

struct Reason {
  Verdict verdict = Verdict::kTooEarly;  // what it speaks for; too early: its figure isn't known yet
  std::string text;                      // a sentence with the figures
};

struct StopAdvice {
  Verdict verdict = Verdict::kTooEarly;
  std::vector<Reason> reasons;  // agreement, gain, classes, interval
};

// Stop when all four speak for it: agreement rose by less than 0.01 over three rounds (and didn't fall by
// 0.05, which isn't settling either), the gain is below its threshold, every class has its boxes, and the
// interval is no wider than wanted. Go on when one speaks against it; else too early. NaN is never for stop.
// Source: Bloodgood, Vijay-Shanker 2009, stopping active learning based on stabilizing predictions.
StopAdvice AdviseStop(const StopEvidence& evidence, const StopThresholds& thresholds);

}  // namespace loupe::ranking
