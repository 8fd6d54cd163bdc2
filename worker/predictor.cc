#include "worker/predictor.h"

#include <torch/torch.h>

#include "absl/strings/str_cat.h"
#include "worker/detection/agreement.h"
#include "worker/detection/weights.h"
#include "worker/detector_config.h"

namespace loupe {
namespace {

using detection::Detections;
using detection::FasterRcnn;

// The description with the gaps filled from the file.
absl::StatusOr<DetectorDescription> Completed(DetectorDescription given,
                                              const detection::WeightDescription& file) {
  if (given.preset.empty()) given.preset = file.preset;
  if (given.preset.empty()) {
    return absl::InvalidArgumentError(
        "the weight file doesn't say which preset it is for; name it with --preset");
  }
  const auto file_classes = static_cast<int64_t>(file.class_names.size());
  if (given.num_classes == 0) given.num_classes = file_classes;
  if (given.num_classes == 0) {
    return absl::InvalidArgumentError(
        "the weight file doesn't say how many classes it has; say so with --classes");
  }
  if (file_classes > 0 && given.num_classes != file_classes) {
    return absl::InvalidArgumentError(
        absl::StrCat("the weight file has ", file_classes, " classes, not ", given.num_classes));
  }
  if (given.min_size == 0) given.min_size = file.min_size;
  if (given.max_size == 0) given.max_size = file.max_size;
  return given;
}

}  // namespace

absl::StatusOr<Predictor> Predictor::Create(const SafetensorsFile& weights,
                                            const DetectorDescription& description) {
  absl::StatusOr<detection::WeightDescription> file = detection::DescribeWeights(weights.metadata);
  if (!file.ok()) return file.status();
  const absl::StatusOr<DetectorDescription> complete = Completed(description, *file);
  if (!complete.ok()) return complete.status();
  absl::StatusOr<detection::FasterRcnnConfig> config = detection::PresetConfig(complete->preset);
  if (!config.ok()) return config.status();
  SetImageSize(complete->min_size, complete->max_size, *config);
  try {
    auto model = std::make_shared<FasterRcnn>(*config, complete->num_classes);
    const absl::StatusOr<detection::LoadReport> report = detection::LoadWeights(weights.tensors, {}, *model);
    if (!report.ok()) return report.status();
    if (!report->complete()) {
      return absl::InvalidArgumentError(absl::StrCat("the weights don't fit a ", complete->preset, " of ",
                                                     complete->num_classes, " classes: ", report->Summary()));
    }
    model->eval();
    return Predictor(std::move(model), std::move(file->class_names));
  } catch (const c10::Error& error) {
    return absl::InternalError(error.what_without_backtrace());
  }
}

absl::StatusOr<std::vector<Prediction>> Predictor::Predict(const std::vector<torch::Tensor>& images,
                                                           const detection::DetectOptions& options,
                                                           bool mirrored) {
  try {
    std::vector<torch::Tensor> inputs = images;
    if (mirrored) {
      for (const torch::Tensor& image : images) inputs.push_back(image.flip({2}));
    }
    std::vector<Detections> detections = model_->Detect(inputs, options);
    std::vector<Prediction> predictions(images.size());
    for (size_t i = 0; i < images.size(); ++i) {
      predictions[i].detections = std::move(detections[i]);
      if (!mirrored) continue;
      Detections& partner = detections[images.size() + i];
      partner.boxes = detection::MirrorBoxes(partner.boxes, images[i].size(2));
      predictions[i].agreement = detection::MirrorAgreement(predictions[i].detections, partner);
    }
    return predictions;
  } catch (const c10::Error& error) {
    return absl::InternalError(error.what_without_backtrace());
  }
}

}  // namespace loupe
