#include "evaluation/box_matches.h"

#include <algorithm>

#include "evaluation/grouped_boxes.h"

namespace loupe::evaluation {
namespace {

constexpr double kFoundIou = 0.5;
constexpr double kNearIou = 0.1;

// The boxes of one image, by their indices in the arguments of MatchBoxes.
struct ImageBoxes {
  std::vector<int32_t> truths;
  std::vector<int32_t> detections;  // by falling score
};

class ImageMatcher {
 public:
  ImageMatcher(const GroundTruth& truth, std::span<const DetectedBox> detections, const ImageBoxes& image,
               double score_threshold)
      : truths_(truth.boxes), detections_(detections), image_(image), threshold_(score_threshold) {
    for (const int32_t t : image.truths) {
      if (!truths_[At(t)].crowd) free_truths_.push_back(t);
    }
    for (int c = 0; c < truth.num_classes; ++c) MatchClass(c);
  }

  void MatchTheRest(std::vector<BoxMatch>& matches) {
    std::stable_sort(left_.begin(), left_.end(), [this](int32_t a, int32_t b) {
      return detections_[At(a)].score > detections_[At(b)].score;
    });
    TakeNearest(MatchKind::kConfused, kFoundIou, [](const TrueBox& box, const DetectedBox& found) {
      return box.class_index != found.class_index;
    });
    TakeNearest(MatchKind::kBadlyPlaced, kNearIou, [](const TrueBox& box, const DetectedBox& found) {
      return box.class_index == found.class_index;
    });
    for (const int32_t d : left_) matches_.push_back(FalsePositive(d));
    for (const int32_t t : free_truths_) {
      matches_.push_back({MatchKind::kMissed, t, -1, 0, NearScore(truths_[At(t)])});
    }
    matches.insert(matches.end(), matches_.begin(), matches_.end());
  }

 private:
  static size_t At(int32_t index) { return static_cast<size_t>(index); }

  void MatchClass(int class_index) {
    std::vector<TrueBox> truths;
    std::vector<DetectedBox> found;
    std::vector<int32_t> truth_ids, found_ids;
    for (const int32_t t : image_.truths) {
      if (truths_[At(t)].class_index != class_index) continue;
      truths.push_back(truths_[At(t)]);
      truth_ids.push_back(t);
    }
    for (const int32_t d : image_.detections) {
      const DetectedBox& box = detections_[At(d)];
      if (box.class_index != class_index || box.score < threshold_ || found.size() == kMaxDetections)
        continue;
      found.push_back(box);
      found_ids.push_back(d);
    }
    const std::vector<MatchBits> bits = MatchImage(found, truths, AreaRange{});
    for (size_t i = 0; i < found.size(); ++i) {
      if ((bits[i].ignored & 1U) != 0) continue;
      if (bits[i].truth < 0) {
        left_.push_back(found_ids[i]);
        continue;
      }
      const int32_t t = truth_ids[At(bits[i].truth)];
      std::erase(free_truths_, t);
      matches_.push_back(
          {MatchKind::kMatched, t, found_ids[i], IntersectionOverUnion(found[i].box, truths_[At(t)].box), 0});
    }
  }

  // Matches what is left, by falling score, with the free true box of the largest overlap.
  template <typename MayMatch>
  void TakeNearest(MatchKind kind, double least_iou, const MayMatch& may_match) {
    std::vector<int32_t> still_left;
    for (const int32_t d : left_) {
      const DetectedBox& found = detections_[At(d)];
      BoxMatch match{kind, -1, d, 0, 0};
      for (const int32_t t : free_truths_) {
        const double iou = IntersectionOverUnion(found.box, truths_[At(t)].box);
        if (iou < least_iou || iou <= match.iou || !may_match(truths_[At(t)], found)) continue;
        match.truth = t;
        match.iou = iou;
      }
      if (match.truth < 0) {
        still_left.push_back(d);
        continue;
      }
      std::erase(free_truths_, match.truth);
      matches_.push_back(match);
    }
    left_ = std::move(still_left);
  }

  BoxMatch FalsePositive(int32_t d) const {
    const DetectedBox& found = detections_[At(d)];
    BoxMatch match{MatchKind::kFalsePositive, -1, d, 0, 0};
    for (const int32_t t : image_.truths) {
      const TrueBox& box = truths_[At(t)];
      if (box.crowd || box.class_index != found.class_index) continue;
      const double iou = IntersectionOverUnion(found.box, box.box);
      if (iou < kFoundIou || iou <= match.iou) continue;
      match.truth = t;
      match.iou = iou;
    }
    return match;
  }

  double NearScore(const TrueBox& missed) const {
    for (const int32_t d : image_.detections) {
      const DetectedBox& box = detections_[At(d)];
      if (box.score < threshold_ && box.class_index == missed.class_index &&
          IntersectionOverUnion(box.box, missed.box) >= kFoundIou) {
        return box.score;
      }
    }
    return 0;
  }

  const std::vector<TrueBox>& truths_;
  const std::span<const DetectedBox> detections_;
  const ImageBoxes& image_;
  const double threshold_;
  std::vector<int32_t> free_truths_;
  std::vector<int32_t> left_;  // detections without a match so far
  std::vector<BoxMatch> matches_;
};

}  // namespace

std::vector<BoxMatch> MatchBoxes(const GroundTruth& truth, std::span<const DetectedBox> detections,
                                 double score_threshold) {
  CheckIndices(truth, detections);
  std::vector<ImageBoxes> images(static_cast<size_t>(truth.image_count));
  for (size_t t = 0; t < truth.boxes.size(); ++t) {
    images[static_cast<size_t>(truth.boxes[t].image)].truths.push_back(static_cast<int32_t>(t));
  }
  std::vector<int32_t> order(detections.size());
  for (size_t d = 0; d < order.size(); ++d) order[d] = static_cast<int32_t>(d);
  std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
    return detections[static_cast<size_t>(a)].score > detections[static_cast<size_t>(b)].score;
  });
  for (const int32_t d : order) {
    images[static_cast<size_t>(detections[static_cast<size_t>(d)].image)].detections.push_back(d);
  }
  std::vector<BoxMatch> matches;
  for (const ImageBoxes& image : images) {
    ImageMatcher(truth, detections, image, score_threshold).MatchTheRest(matches);
  }
  return matches;
}

}  // namespace loupe::evaluation
