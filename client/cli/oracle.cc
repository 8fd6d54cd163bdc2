#include "client/cli/oracle.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "coco/category_labels.h"

namespace loupe {
namespace {

constexpr double kMatchIou = 0.5;
constexpr double kAcceptIou = 0.9;
constexpr double kJitter = 0.2;  // of a box's width or height

v1::Box CornersOf(const std::array<double, 4>& bbox) {
  v1::Box box;
  box.set_x1(static_cast<float>(bbox[0]));
  box.set_y1(static_cast<float>(bbox[1]));
  box.set_x2(static_cast<float>(bbox[0] + bbox[2]));
  box.set_y2(static_cast<float>(bbox[1] + bbox[3]));
  return box;
}

v1::CorrectedBox Drawn(const TruthBox& truth) {
  v1::CorrectedBox box;
  *box.mutable_box() = truth.box;
  box.set_label(truth.label);
  box.set_ignore(truth.ignore);
  return box;
}

struct Pair {
  bool other_class;
  double iou;
  size_t prediction;
  size_t truth;
};

// All pairs that may match, the best first.
std::vector<Pair> Candidates(const std::vector<v1::PredictedBox>& predictions,
                             const std::vector<TruthBox>& truth) {
  std::vector<Pair> pairs;
  for (size_t p = 0; p < predictions.size(); ++p) {
    for (size_t t = 0; t < truth.size(); ++t) {
      const double iou = truth[t].ignore ? 0 : IouOf(predictions[p].box(), truth[t].box);
      if (iou >= kMatchIou) pairs.push_back({predictions[p].label() != truth[t].label, iou, p, t});
    }
  }
  std::sort(pairs.begin(), pairs.end(), [](const Pair& a, const Pair& b) {
    return std::tuple(a.other_class, -a.iou, a.prediction, a.truth) <
           std::tuple(b.other_class, -b.iou, b.prediction, b.truth);
  });
  return pairs;
}

}  // namespace

absl::StatusOr<Oracle> Oracle::FromCoco(const CocoFile& coco, const ClassNames& classes) {
  Oracle oracle;
  std::unordered_map<int64_t, std::vector<TruthBox>*> by_id;
  for (const CocoImage& image : coco.images) by_id[image.id] = &oracle.truth_[image.file_name];
  const CategoryLabels labels = CategoryLabels::ByName(coco.categories, classes.names());
  for (const CocoAnnotation& annotation : coco.annotations) {
    const auto label = labels.LabelOf(annotation.category_id);
    if (!label) {
      return absl::InvalidArgumentError(absl::StrCat(
          "annotation ", annotation.id, " is of category \"", labels.NameOf(annotation.category_id),
          "\", which is no class of the project: ", classes.Listing()));
    }
    std::vector<TruthBox>& boxes = *by_id.at(annotation.image_id);
    const TruthBox box{CornersOf(annotation.bbox), *label, annotation.iscrowd};
    if (std::find(boxes.begin(), boxes.end(), box) == boxes.end()) boxes.push_back(box);
  }
  return oracle;
}

const std::vector<TruthBox>* Oracle::Find(const std::string& file_name) const {
  const auto found = truth_.find(file_name);
  return found == truth_.end() ? nullptr : &found->second;
}

double IouOf(const v1::Box& a, const v1::Box& b) {
  const double width = std::min<double>(a.x2(), b.x2()) - std::max<double>(a.x1(), b.x1());
  const double height = std::min<double>(a.y2(), b.y2()) - std::max<double>(a.y1(), b.y1());
  if (width <= 0 || height <= 0) return 0;
  const auto area = [](const v1::Box& box) {
    return (static_cast<double>(box.x2()) - box.x1()) * (static_cast<double>(box.y2()) - box.y1());
  };
  return width * height / (area(a) + area(b) - width * height);
}

std::vector<v1::CorrectedBox> Review(const std::vector<v1::PredictedBox>& predictions,
                                     const std::vector<TruthBox>& truth) {
  std::vector<bool> prediction_used(predictions.size(), false);
  std::vector<bool> truth_found(truth.size(), false);
  std::vector<v1::CorrectedBox> corrected;
  for (const Pair& pair : Candidates(predictions, truth)) {
    if (prediction_used[pair.prediction] || truth_found[pair.truth]) continue;
    prediction_used[pair.prediction] = truth_found[pair.truth] = true;
    v1::CorrectedBox& box = corrected.emplace_back(Drawn(truth[pair.truth]));
    box.set_predicted_index(predictions[pair.prediction].index());
    if (pair.iou >= kAcceptIou) *box.mutable_box() = predictions[pair.prediction].box();
  }
  for (size_t t = 0; t < truth.size(); ++t) {
    if (!truth_found[t]) corrected.push_back(Drawn(truth[t]));
  }
  return corrected;
}

std::vector<v1::CorrectedBox> DrawBlind(const std::vector<TruthBox>& truth, const v1::Image& image,
                                        double error_rate, std::mt19937_64& random) {
  std::uniform_real_distribution<double> unit(0, 1);
  std::vector<v1::CorrectedBox> drawn;
  for (const TruthBox& one : truth) {
    v1::CorrectedBox box = Drawn(one);
    if (unit(random) < error_rate) {
      if (unit(random) < 0.5) continue;
      // Each side moves by less than half of the box, so that its corners stay in order.
      const double width = one.box.x2() - one.box.x1();
      const double height = one.box.y2() - one.box.y1();
      const auto moved = [&](double at, double size, double limit) {
        return static_cast<float>(std::clamp(at + kJitter * size * (2 * unit(random) - 1), 0.0, limit));
      };
      box.mutable_box()->set_x1(moved(one.box.x1(), width, image.width()));
      box.mutable_box()->set_x2(moved(one.box.x2(), width, image.width()));
      box.mutable_box()->set_y1(moved(one.box.y1(), height, image.height()));
      box.mutable_box()->set_y2(moved(one.box.y2(), height, image.height()));
    }
    drawn.push_back(std::move(box));
  }
  return drawn;
}

}  // namespace loupe
