#include "worker/training/training_set.h"

#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <iterator>
#include <map>
#include <set>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "coco/category_labels.h"
#include "content/sha256.h"
#include "evaluation/seeded_random.h"
#include "worker/pictures/image_decode.h"

namespace loupe {
namespace {

using evaluation::Mix64;
using evaluation::SeededRandom;

torch::Tensor BoxTensor(const std::vector<std::array<float, 4>>& boxes) {
  torch::Tensor tensor = torch::zeros({static_cast<int64_t>(boxes.size()), 4});
  if (!boxes.empty()) std::copy_n(boxes.front().data(), boxes.size() * 4, tensor.data_ptr<float>());
  return tensor;
}

// Training uses float32. There a tiny box may become empty and a huge one infinite: both are refused.
absl::StatusOr<TrainingBox> BoxOf(const CocoAnnotation& annotation, int64_t label, const std::string& name) {
  const auto& [x, y, width, height] = annotation.bbox;
  const std::array<float, 4> corners = {static_cast<float>(x), static_cast<float>(y),
                                        static_cast<float>(x + width), static_cast<float>(y + height)};
  const bool sound =
      corners[2] > corners[0] && corners[3] > corners[1] &&
      std::all_of(corners.begin(), corners.end(), [](float side) { return std::isfinite(side); });
  if (!sound) {
    return absl::InvalidArgumentError(absl::StrCat("the box of annotation ", annotation.id, " of ", name,
                                                   " is too small or too far out; correct or remove it"));
  }
  return TrainingBox{corners, label, annotation.iscrowd};
}

}  // namespace

detection::Target TargetOf(const std::vector<TrainingBox>& boxes) {
  std::vector<std::array<float, 4>> truth;
  std::vector<int64_t> labels;
  std::vector<std::array<float, 4>> ignored;
  for (const TrainingBox& box : boxes) {
    (box.ignore ? ignored : truth).push_back(box.corners);
    if (!box.ignore) labels.push_back(box.label);
  }
  return {BoxTensor(truth), torch::tensor(labels, torch::kInt64), BoxTensor(ignored)};
}

std::vector<TrainingBox> BoxesOf(const detection::Target& target) {
  std::vector<TrainingBox> boxes;
  const auto add = [&boxes](const torch::Tensor& corners, const int64_t* labels) {
    const float* at = corners.data_ptr<float>();
    for (int64_t i = 0; i < corners.size(0); ++i, at += 4) {
      boxes.push_back({{at[0], at[1], at[2], at[3]}, labels == nullptr ? 0 : labels[i], labels == nullptr});
    }
  };
  add(target.boxes, target.labels.data_ptr<int64_t>());
  if (target.ignore_boxes.defined()) add(target.ignore_boxes, nullptr);
  return boxes;
}

absl::StatusOr<TrainingSet> TrainingSetFromCoco(const CocoFile& coco, const std::filesystem::path& images_dir,
                                                IntensityRange range) {
  if (coco.categories.empty()) return absl::InvalidArgumentError("the COCO file names no category");
  const CategoryLabels labels = CategoryLabels::ByAscendingId(coco.categories);
  TrainingSet set;
  set.class_names = labels.class_names();
  std::map<int64_t, std::string> name_of;
  for (const CocoImage& image : coco.images) name_of[image.id] = image.file_name;
  std::map<int64_t, std::vector<TrainingBox>> boxes_of;
  for (const CocoAnnotation& annotation : coco.annotations) {
    const absl::StatusOr<TrainingBox> box =
        BoxOf(annotation, labels.LabelOf(annotation.category_id).value(), name_of[annotation.image_id]);
    if (!box.ok()) return box.status();
    boxes_of[annotation.image_id].push_back(*box);
  }
  for (const CocoImage& image : coco.images) {
    const std::filesystem::path file = images_dir / image.file_name;
    set.images.push_back(
        {image.file_name, [file, range] { return LoadImage(file, range); }, TargetOf(boxes_of[image.id])});
  }
  return set;
}

void HoldOut(double share, uint64_t seed, TrainingSet& set) {
  const auto stays = [share, seed](const TrainingImage& image) {
    if (image.pseudo) return true;
    uint64_t bits = 0;
    const Sha256 hash = HashOf(absl::StrCat(seed, "/", image.name));
    std::memcpy(&bits, hash.data(), sizeof(bits));
    return SeededRandom(bits).Uniform() >= share;
  };
  const auto held_out = std::stable_partition(set.images.begin(), set.images.end(), stays);
  set.validation.insert(set.validation.end(), std::make_move_iterator(held_out),
                        std::make_move_iterator(set.images.end()));
  set.images.erase(held_out, set.images.end());
}

std::vector<double> RepeatFactors(const std::vector<TrainingImage>& images, double threshold) {
  std::vector<std::set<int64_t>> labels_of;
  std::map<int64_t, double> images_with;
  for (const TrainingImage& image : images) {
    const torch::Tensor& labels = image.target.labels;
    const auto* begin = labels.data_ptr<int64_t>();
    labels_of.emplace_back(begin, begin + labels.numel());
    for (const int64_t label : labels_of.back()) ++images_with[label];
  }
  std::vector<double> factors;
  for (const std::set<int64_t>& labels : labels_of) {
    double factor = 1;
    for (const int64_t label : labels) {
      const double share = images_with[label] / static_cast<double>(images.size());
      factor = std::max(factor, std::sqrt(threshold / share));
    }
    factors.push_back(factor);
  }
  return factors;
}

SampleOrder::SampleOrder(std::vector<double> factors, uint64_t seed)
    : factors_(std::move(factors)), seed_(seed) {
  DrawEpoch();
}

void SampleOrder::DrawEpoch() {
  SeededRandom random(Mix64(seed_) ^ epoch_);
  order_.clear();
  for (size_t i = 0; i < factors_.size(); ++i) {
    const double whole = std::floor(factors_[i]);
    const double times = whole + (random.Uniform() < factors_[i] - whole ? 1 : 0);
    order_.insert(order_.end(), static_cast<size_t>(times), i);
  }
  for (size_t i = order_.size(); i > 1; --i) std::swap(order_[i - 1], order_[random.Below(i)]);
}

size_t SampleOrder::At(uint64_t position) {
  if (position < begin_) {
    epoch_ = 0;
    begin_ = 0;
    DrawEpoch();
  }
  while (position - begin_ >= order_.size()) {
    begin_ += order_.size();
    ++epoch_;
    DrawEpoch();
  }
  return order_[position - begin_];
}

}  // namespace loupe
