// COCO's metrics by the definition, one loop a line, with no thought for speed: what the fast ones must
// equal.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "evaluation/coco_metrics.h"

namespace loupe::evaluation::slow {

struct Cell {  // one class, area range and limit, at one threshold; -1 where no box counts
  double precision = -1;
  double recall = -1;
};

struct Counted {
  double score;
  bool correct;
};

inline bool Outside(double area, double low, double high) { return area < low || area > high; }

inline double Overlap(const Box& d, const Box& g, bool crowd) {
  const double w = std::min(d.x + d.width, g.x + g.width) - std::max(d.x, g.x);
  const double h = std::min(d.y + d.height, g.y + g.height) - std::max(d.y, g.y);
  if (w <= 0 || h <= 0) return 0;
  return w * h / (crowd ? d.width * d.height : d.width * d.height + g.width * g.height - w * h);
}

// Appends what counts of one image's detections; returns how many of its true boxes count.
inline int JudgeImage(std::vector<DetectedBox> dets, const std::vector<TrueBox>& truths, double threshold,
                      double low, double high, size_t limit, std::vector<Counted>& out) {
  std::stable_sort(dets.begin(), dets.end(), [](const auto& a, const auto& b) { return a.score > b.score; });
  if (dets.size() > 100) dets.resize(100);
  std::vector<bool> taken(truths.size());
  const auto ignored = [&](size_t g) { return truths[g].crowd || Outside(truths[g].area, low, high); };
  for (size_t d = 0; d < dets.size(); ++d) {
    int found = -1;
    // First among the boxes that count, and only if none of those fits among the ones to ignore.
    for (const bool among_ignored : {false, true}) {
      double best = threshold;
      for (size_t g = 0; g < truths.size() && (found < 0 || ignored(found) == among_ignored); ++g) {
        if (ignored(g) != among_ignored || (taken[g] && !truths[g].crowd)) continue;
        const double overlap = Overlap(dets[d].box, truths[g].box, truths[g].crowd);
        if (overlap < best) continue;
        best = overlap;
        found = static_cast<int>(g);
      }
      if (found >= 0) break;
    }
    bool counts = true;
    bool correct = false;
    if (found >= 0) {
      taken[found] = true;
      counts = !ignored(found);
      correct = !truths[found].id_is_zero;
    }
    if (!correct && Outside(dets[d].box.width * dets[d].box.height, low, high)) counts = false;
    if (counts && d < limit) out.push_back({dets[d].score, correct});
  }
  int count = 0;
  for (size_t g = 0; g < truths.size(); ++g) count += ignored(g) ? 0 : 1;
  return count;
}

inline Cell Judge(const GroundTruth& truth, const std::vector<DetectedBox>& detections, int class_index,
                  double threshold, double low, double high, size_t limit) {
  std::vector<Counted> counted;
  int truth_count = 0;
  for (int image = 0; image < truth.image_count; ++image) {
    std::vector<DetectedBox> dets;
    std::vector<TrueBox> truths;
    for (const auto& d : detections) {
      if (d.image == image && d.class_index == class_index) dets.push_back(d);
    }
    for (const auto& g : truth.boxes) {
      if (g.image == image && g.class_index == class_index) truths.push_back(g);
    }
    truth_count += JudgeImage(dets, truths, threshold, low, high, limit, counted);
  }
  if (truth_count == 0) return {};
  std::stable_sort(counted.begin(), counted.end(),
                   [](const auto& a, const auto& b) { return a.score > b.score; });
  std::vector<double> recalls;
  std::vector<double> precisions;
  double correct = 0;
  for (size_t i = 0; i < counted.size(); ++i) {
    correct += counted[i].correct ? 1 : 0;
    recalls.push_back(correct / truth_count);
    precisions.push_back(correct / static_cast<double>(i + 1));
  }
  double sum = 0;
  for (int point = 0; point <= 100; ++point) {
    double best = 0;
    for (size_t i = 0; i < recalls.size(); ++i) {
      if (recalls[i] >= point * 0.01) best = std::max(best, precisions[i]);
    }
    sum += best;
  }
  return {sum / 101, correct / truth_count};
}

// Means over classes and the thresholds given, leaving undefined ones out.
inline Cell Mean(const GroundTruth& truth, const std::vector<DetectedBox>& detections,
                 const std::vector<int>& classes, const std::vector<double>& thresholds, double low,
                 double high, size_t limit) {
  Cell sum{0, 0};
  int count = 0;
  for (const int class_index : classes) {
    for (const double threshold : thresholds) {
      const Cell cell = Judge(truth, detections, class_index, threshold, low, high, limit);
      if (cell.precision < 0) continue;
      sum.precision += cell.precision;
      sum.recall += cell.recall;
      ++count;
    }
  }
  return count == 0 ? Cell{} : Cell{sum.precision / count, sum.recall / count};
}

inline CocoMetrics Evaluate(const GroundTruth& truth, const std::vector<DetectedBox>& detections) {
  const std::vector<double> all = {0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95};
  std::vector<int> classes;
  for (int c = 0; c < truth.num_classes; ++c) classes.push_back(c);
  const auto mean = [&](const std::vector<double>& thresholds, double low = 0, double high = 1e10,
                        size_t limit = 100) {
    return Mean(truth, detections, classes, thresholds, low, high, limit);
  };
  CocoMetrics metrics;
  metrics.overall = {
      mean(all).precision,          mean({0.5}).precision,           mean({0.75}).precision,
      mean(all, 0, 1024).precision, mean(all, 1024, 9216).precision, mean(all, 9216, 1e10).precision,
      mean(all, 0, 1e10, 1).recall, mean(all, 0, 1e10, 10).recall,   mean(all).recall,
      mean(all, 0, 1024).recall,    mean(all, 1024, 9216).recall,    mean(all, 9216, 1e10).recall};
  for (const int c : classes) {
    metrics.per_class.push_back({Mean(truth, detections, {c}, all, 0, 1e10, 100).precision,
                                 Mean(truth, detections, {c}, {0.5}, 0, 1e10, 100).precision});
  }
  return metrics;
}

}  // namespace loupe::evaluation::slow
