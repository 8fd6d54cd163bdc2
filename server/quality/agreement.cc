#include "server/quality/agreement.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "evaluation/quantile.h"
#include "evaluation/seeded_random.h"

namespace loupe::quality {
namespace {

constexpr int32_t kNothing = 0;  // beside the labels

// What two people call a thing.
struct Called {
  int32_t first, second;
};

// Sums that alpha follows from.
class Values {
 public:
  explicit Values(int num_classes) : counts_(static_cast<size_t>(num_classes) + 1) {}

  void Clear() {
    std::fill(counts_.begin(), counts_.end(), 0);
    differ_ = 0;
  }
  void Add(const std::vector<Called>& things) {
    for (const Called& thing : things) {
      counts_[static_cast<size_t>(thing.first)] += 1;
      counts_[static_cast<size_t>(thing.second)] += 1;
      differ_ += thing.first != thing.second ? 2 : 0;
    }
  }

  // None: all values are the same.
  std::optional<double> Alpha() const {
    double all = 0, same = 0;
    for (const double count : counts_) {
      all += count;
      same += count * (count - 1);
    }
    const double by_chance = all * (all - 1) - same;  // ordered pairs that differ
    if (by_chance == 0) return std::nullopt;
    return 1 - (all - 1) * differ_ / by_chance;
  }

 private:
  std::vector<double> counts_;  // of each value
  double differ_ = 0;           // ordered pairs within a thing that differ
};

std::optional<Interval> AlphaOf(const std::vector<std::vector<Called>>& images, int num_classes,
                                const AgreementOptions& options) {
  Values values(num_classes);
  for (const auto& things : images) values.Add(things);
  const std::optional<double> alpha = values.Alpha();
  if (!alpha.has_value()) return std::nullopt;
  evaluation::SeededRandom random(options.seed);
  std::vector<double> drawn;
  for (int resample = 0; resample < options.resamples; ++resample) {
    values.Clear();
    for (size_t i = 0; i < images.size(); ++i) values.Add(images[random.Below(images.size())]);
    // All the same: they agree.
    drawn.push_back(values.Alpha().value_or(1));
  }
  std::sort(drawn.begin(), drawn.end());
  const double tail = (1 - options.level) / 2;
  return Interval{*alpha, evaluation::Quantile(drawn, tail), evaluation::Quantile(drawn, 1 - tail)};
}

void Count(const Called& thing, std::vector<ClassAgreement>& classes) {
  const auto of = [&](int32_t label) -> ClassAgreement& { return classes[static_cast<size_t>(label) - 1]; };
  if (thing.second == kNothing) {
    ++of(thing.first).first_only;
  } else if (thing.first == kNothing) {
    ++of(thing.second).second_only;
  } else if (thing.first == thing.second) {
    ++of(thing.first).both;
  } else {
    ++of(thing.first).other_class;
    ++of(thing.second).other_class;
  }
}

}  // namespace

Agreement MeasureAgreement(std::span<const AnswerPair> pairs, int num_classes,
                           const AgreementOptions& options) {
  Agreement agreement;
  agreement.images = pairs.size();
  agreement.classes.resize(static_cast<size_t>(num_classes));
  std::vector<std::vector<Called>> images;
  double iou_sum = 0;
  uint64_t matched = 0;
  for (const AnswerPair& pair : pairs) {
    std::vector<Called>& things = images.emplace_back();
    for (const Thing& thing : MatchAnswers(std::array{pair.first, pair.second})) {
      const bool has_first = thing[0] != kNoBox, has_second = thing[1] != kNoBox;
      const AnswerBox first = has_first ? pair.first[static_cast<size_t>(thing[0])] : AnswerBox();
      const AnswerBox second = has_second ? pair.second[static_cast<size_t>(thing[1])] : AnswerBox();
      things.push_back({has_first ? first.label : kNothing, has_second ? second.label : kNothing});
      Count(things.back(), agreement.classes);
      if (!has_first || !has_second) continue;
      iou_sum += Iou(first, second);
      ++matched;
    }
    agreement.things += things.size();
    if (things.empty()) things.push_back({kNothing, kNothing});
  }
  if (matched > 0) agreement.mean_iou = iou_sum / static_cast<double>(matched);
  agreement.alpha = AlphaOf(images, num_classes, options);
  return agreement;
}

}  // namespace loupe::quality
