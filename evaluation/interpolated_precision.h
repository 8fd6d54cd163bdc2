// The area under a precision-recall curve, as COCO samples it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace loupe::evaluation {

// Takes the detections by falling score and samples the precision at recall 0, 0.01 … 1. The sample at a
// recall is the best precision at that recall or a higher one, 0 if that recall is never reached. Between two
// correct detections precision only falls, so only correct ones are looked at. Copies of one correct
// detection are added together, since precision is best after the last. Bit for bit the numbers of
// COCOeval.accumulate in pycocotools 2.0.
class InterpolatedPrecision {
 public:
  static constexpr size_t kRecallPoints = 101;

  // Bit for bit numpy.linspace(0, 1, 101).
  static double RecallPoint(size_t i) {
    return i + 1 == kRecallPoints ? 1.0 : static_cast<double>(i) * (1.0 / 100);
  }

  // truth_count: the true boxes that count, > 0.
  explicit InterpolatedPrecision(uint64_t truth_count) : truth_count_(static_cast<double>(truth_count)) {}

  void AddWrong(uint32_t copies = 1) { wrong_ += copies; }

  // Requires: copies > 0.
  void AddCorrect(uint32_t copies = 1) {
    constexpr double kSpacingOfOne = 0x1p-52;  // added as in pycocotools, against division by zero
    correct_ += copies;
    while (reached_ < kRecallPoints && RecallPoint(reached_) <= Recall()) ++reached_;
    const double precision = correct_ / (wrong_ + correct_ + kSpacingOfOne);
    double& best = best_[reached_ - 1];
    if (precision > best) best = precision;
  }

  double Recall() const { return correct_ / truth_count_; }

  // Mean over the recall points, in [0, 1].
  double Mean() const {
    double sum = 0;
    double best = 0;
    for (size_t i = kRecallPoints; i-- > 0;) {
      if (best_[i] > best) best = best_[i];
      sum += best;
    }
    return sum / kRecallPoints;
  }

 private:
  double truth_count_;
  double correct_ = 0;
  double wrong_ = 0;
  size_t reached_ = 0;  // recall points reached so far
  std::array<double, kRecallPoints> best_ = {};
};

}  // namespace loupe::evaluation
