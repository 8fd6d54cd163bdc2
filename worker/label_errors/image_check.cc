#include "worker/label_errors/image_check.h"

#include <torch/types.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "content/sha256.h"
#include "worker/detection/faster_rcnn.h"
#include "worker/training/validation.h"

namespace loupe {
namespace {

constexpr double kLeastScore = 0.01;

// probabilities: [G, C + 1], of the boxes that aren't regions to ignore.
void AddLabels(const detection::Target& target, const torch::Tensor& probabilities,
               evaluation::CheckedImage& checked) {
  const torch::Tensor rows = probabilities.cpu().contiguous();
  const auto columns = static_cast<size_t>(rows.size(1));
  const float* row = rows.data_ptr<float>();
  for (const TrainingBox& box : BoxesOf(target)) {
    evaluation::TrueBox& label = checked.labels.emplace_back();
    label.class_index = static_cast<int32_t>(box.label) - 1;
    label.box = BoxOfCorners(box.corners.data());
    label.crowd = box.ignore;
    std::vector<float>& chances = checked.probabilities.emplace_back();
    if (box.ignore) continue;
    chances.assign(row, row + columns);
    row += columns;
  }
}

}  // namespace

absl::StatusOr<std::vector<evaluation::CheckedImage>> CheckImages(const std::vector<TrainingImage>& images,
                                                                  int64_t batch_size,
                                                                  detection::FasterRcnn& model,
                                                                  absl::FunctionRef<absl::Status()> go_on) {
  model.eval();
  const auto stride = static_cast<size_t>(batch_size);
  std::vector<evaluation::CheckedImage> checked(images.size());
  for (size_t begin = 0; begin < images.size(); begin += stride) {
    if (absl::Status may = go_on(); !may.ok()) return may;
    std::vector<detection::ResizedPicture> pictures;
    std::vector<detection::Target> targets;
    for (size_t i = begin; i < std::min(begin + stride, images.size()); ++i) {
      const absl::StatusOr<torch::Tensor> picture = images[i].load();
      if (!picture.ok()) return picture.status();
      pictures.push_back(model.Resize(*picture));
      targets.push_back(images[i].target);
    }
    try {
      const detection::Batch batch = model.Stack(pictures);
      const auto detections = model.Detect(batch, {.score_threshold = kLeastScore});
      const auto probabilities = model.ClassifyBoxes(batch, targets);
      for (size_t i = 0; i < targets.size(); ++i) {
        AddLabels(targets[i], probabilities[i], checked[begin + i]);
        AddDetections(static_cast<int32_t>(begin + i), detections[i], checked[begin + i].detections);
      }
    } catch (const c10::Error& error) {
      return absl::InternalError(error.what_without_backtrace());
    }
  }
  return checked;
}

uint32_t FoldOf(const TrainingImage& image, uint32_t folds) {
  uint64_t bits = 0;
  const Sha256 hash = HashOf(image.name);
  std::memcpy(&bits, hash.data(), sizeof(bits));
  return static_cast<uint32_t>(bits % folds) + 1;
}

}  // namespace loupe
