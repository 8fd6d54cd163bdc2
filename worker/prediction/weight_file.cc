#include "worker/prediction/weight_file.h"

#include <torch/types.h>

#include <array>
#include <fstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "detectron2/tensor_names.h"
#include "recipe/detector_metadata.h"
#include "recipe/detector_recipe.h"
#include "recipe/detector_tensors.h"
#include "recipe/presets.h"
#include "worker/detection/faster_rcnn.h"
#include "worker/detection/weights.h"
#include "worker/weights/numpy_pickle.h"
#include "worker/weights/torch_file.h"

namespace loupe {
namespace {

using detection::FasterRcnn;

// Torchvision's name, and Detectron2's; of a model that several GPUs trained it is the second.
constexpr const char* kClassScores[] = {"roi_heads.box_predictor.cls_score.bias",
                                        "module.roi_heads.box_predictor.cls_score.bias"};

// The biases of a detector's classes; null: the file has none.
const torch::Tensor* ClassScores(const SafetensorsFile& weights) {
  for (const char* name : kClassScores) {
    const auto found = weights.tensors.find(name);
    if (found != weights.tensors.end()) return &found->second;
  }
  return nullptr;
}

// Bytes 0 to 7 of a safetensors file are the length of its header. The header starts with a brace.
bool IsSafetensors(const std::filesystem::path& path) {
  std::array<char, 9> start = {};
  std::ifstream stream(path, std::ios::binary);
  stream.read(start.data(), start.size());
  return stream && start[8] == '{';
}

// The detector that the caller or the file describes.
absl::StatusOr<v1::Detector> DetectorOf(const DetectorDescription& given, const SafetensorsFile& weights,
                                        const detection::WeightDescription& file) {
  if (given.detector.has_value()) return *given.detector;
  std::vector<std::string> names;
  for (const auto& item : weights.tensors) names.push_back(item.first);
  if (AreDetectron2Names(names) && (given.preset.empty() || HasBoxHead(weights))) {
    const absl::Status supported = CheckDetectron2Names(names);
    return supported.ok() ? MissingDetectron2Config() : supported;
  }
  if (!given.preset.empty() && given.preset != file.preset) return PresetDetector(given.preset);
  if (file.detector.has_value()) return *file.detector;
  if (!file.preset.empty()) return DetectorOfWeights(file.preset, weights.metadata);
  if (AreMmdetectionNames(names)) {
    return absl::InvalidArgumentError(
        "this is a checkpoint of MMDetection, whose configuration is a program: it isn't supported");
  }
  return absl::InvalidArgumentError(
      "the weight file doesn't say which preset it is for; name it with --preset");
}

// The description, completed from the file.
absl::StatusOr<DetectorDescription> Completed(DetectorDescription given, const SafetensorsFile& weights,
                                              const detection::WeightDescription& file) {
  absl::StatusOr<v1::Detector> detector = DetectorOf(given, weights, file);
  if (!detector.ok()) return detector.status();
  given.detector = *std::move(detector);
  auto file_classes = static_cast<int64_t>(file.class_names.size());
  const torch::Tensor* scores = ClassScores(weights);
  if (file_classes == 0 && scores != nullptr) file_classes = scores->numel() - 1;
  if (given.num_classes == 0) given.num_classes = file_classes;
  if (given.num_classes <= 0)
    return absl::InvalidArgumentError("the weight file has no box head: it is no detector");
  if (file_classes > 0 && given.num_classes != file_classes) {
    return absl::InvalidArgumentError(
        absl::StrCat("the weight file has ", file_classes, " classes, not ", given.num_classes));
  }
  if (given.class_names.empty()) given.class_names = file.class_names;
  const auto named = static_cast<int64_t>(given.class_names.size());
  if (named > 0 && named != given.num_classes) {
    return absl::InvalidArgumentError(
        absl::StrCat(named, " class names are given for ", given.num_classes, " classes"));
  }
  if (given.min_size == 0) given.min_size = file.min_size;
  if (given.max_size == 0) given.max_size = file.max_size;
  return given;
}

}  // namespace

absl::StatusOr<SafetensorsFile> ReadWeightFile(const std::filesystem::path& path) {
  if (path.extension() == ".safetensors" || IsSafetensors(path)) return ReadSafetensors(path.string());
  absl::StatusOr<std::map<std::string, torch::Tensor>> tensors =
      path.extension() == ".pkl" ? ReadNumpyPickle(path.string()) : ReadTorchFile(path.string());
  if (!tensors.ok()) return tensors.status();
  return SafetensorsFile{*std::move(tensors), {}};
}

absl::Status CheckSize(const v1::Detector& config, int64_t num_classes, const SafetensorsFile& weights) {
  constexpr double kMostMissing = 4;  // a file with folded batch norm has a little less than the detector
  double given = 1, needed = 0;
  for (const auto& item : weights.tensors) given += static_cast<double>(item.second.numel());
  for (const NamedShape& tensor : TensorShapes(config, num_classes)) {
    double count = 1;
    for (const int64_t side : tensor.shape) count *= static_cast<double>(side);
    needed += count;
  }
  if (needed <= kMostMissing * given) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrFormat(
      "the weights don't fit a %s of %d classes: its tensors have %.3g numbers, the file has %.3g",
      config.preset(), num_classes, needed, given));
}

bool HasBoxHead(const SafetensorsFile& weights) { return ClassScores(weights) != nullptr; }

absl::StatusOr<LoadedDetector> LoadDetector(const SafetensorsFile& weights,
                                            const DetectorDescription& description) {
  const absl::StatusOr<detection::WeightDescription> file = detection::DescribeWeights(weights.metadata);
  if (!file.ok()) return file.status();
  absl::StatusOr<DetectorDescription> complete = Completed(description, weights, *file);
  if (!complete.ok()) return complete.status();
  v1::Detector& config = *complete->detector;
  SetImageSize(complete->min_size, complete->max_size, config);
  if (absl::Status fits = CheckSize(config, complete->num_classes, weights); !fits.ok()) return fits;
  try {
    auto model = std::make_shared<FasterRcnn>(config, complete->num_classes);
    const absl::StatusOr<detection::LoadReport> report = detection::LoadWeights(weights.tensors, {}, *model);
    if (!report.ok()) return report.status();
    if (!report->complete()) {
      return absl::InvalidArgumentError(absl::StrCat("the weights don't fit a ", config.preset(), " of ",
                                                     complete->num_classes, " classes: ", report->Summary()));
    }
    model->eval();
    return LoadedDetector{std::move(model), std::move(complete->class_names)};
  } catch (const c10::Error& error) {
    return absl::InternalError(error.what_without_backtrace());
  }
}

}  // namespace loupe
