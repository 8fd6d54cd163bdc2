#include "worker/training/validation.h"

#include <torch/types.h>

#include <algorithm>

#include "worker/detection/faster_rcnn.h"

namespace loupe {

evaluation::Box BoxOfCorners(const float* corners) {
  return {corners[0], corners[1], double{corners[2]} - corners[0], double{corners[3]} - corners[1]};
}

void AddDetections(int32_t image, const detection::Detections& detections,
                   std::vector<evaluation::DetectedBox>& detected) {
  const torch::Tensor boxes = detections.boxes.cpu().contiguous();
  const torch::Tensor labels = detections.labels.cpu();
  const torch::Tensor scores = detections.scores.cpu();
  for (int64_t i = 0; i < scores.size(0); ++i) {
    detected.push_back({image, static_cast<int32_t>(labels.data_ptr<int64_t>()[i]) - 1,
                        BoxOfCorners(boxes.data_ptr<float>() + 4 * i), scores.data_ptr<float>()[i]});
  }
}

namespace {

void AddTruth(int32_t image, const detection::Target& target, evaluation::GroundTruth& truth) {
  for (const TrainingBox& box : BoxesOf(target)) {
    evaluation::TrueBox added;
    added.image = image;
    added.box = BoxOfCorners(box.corners.data());
    added.area = added.box.width * added.box.height;
    added.crowd = box.ignore;
    const int32_t first = box.ignore ? 0 : static_cast<int32_t>(box.label) - 1;
    const int32_t end = box.ignore ? truth.num_classes : first + 1;
    for (added.class_index = first; added.class_index < end; ++added.class_index)
      truth.boxes.push_back(added);
  }
}

}  // namespace

absl::StatusOr<evaluation::CocoSummary> MeasureDetector(const std::vector<TrainingImage>& images,
                                                        int64_t batch_size, detection::FasterRcnn& model) {
  constexpr double kScoreThreshold = 0.01;  // AP needs the whole precision-recall curve
  const auto stride = static_cast<size_t>(batch_size);
  evaluation::GroundTruth truth;
  truth.image_count = static_cast<int>(images.size());
  truth.num_classes = static_cast<int>(model.num_classes());
  std::vector<evaluation::DetectedBox> detected;
  for (size_t begin = 0; begin < images.size(); begin += stride) {
    std::vector<detection::ResizedPicture> pictures;
    for (size_t i = begin; i < std::min(begin + stride, images.size()); ++i) {
      const absl::StatusOr<torch::Tensor> picture = images[i].load();
      if (!picture.ok()) return picture.status();
      pictures.push_back(model.Resize(*picture));
      AddTruth(static_cast<int32_t>(i), images[i].target, truth);
    }
    const auto detections = model.Detect(model.Stack(pictures), {.score_threshold = kScoreThreshold});
    for (size_t i = 0; i < detections.size(); ++i) {
      AddDetections(static_cast<int32_t>(begin + i), detections[i], detected);
    }
  }
  return evaluation::EvaluateCoco(truth, detected).overall;
}

}  // namespace loupe
