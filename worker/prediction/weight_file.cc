#include "worker/prediction/weight_file.h"

#include <torch/types.h>

#include <array>
#include <fstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "recipe/presets.h"
#include "worker/detection/faster_rcnn.h"
#include "worker/detection/weights.h"
#include "worker/prediction/detector_config.h"
#include "worker/weights/torch_file.h"

namespace loupe {
namespace {

using detection::FasterRcnn;

constexpr char kClassScores[] = "roi_heads.box_predictor.cls_score.bias";

// Bytes 0 to 7 of a safetensors file are the length of its header. The header starts with a brace.
bool IsSafetensors(const std::filesystem::path& path) {
  std::array<char, 9> start = {};
  std::ifstream stream(path, std::ios::binary);
  stream.read(start.data(), start.size());
  return stream && start[8] == '{';
}

// The description, completed from the file.
absl::StatusOr<DetectorDescription> Completed(DetectorDescription given, const SafetensorsFile& weights,
                                              const detection::WeightDescription& file) {
  if (given.preset.empty()) given.preset = file.preset;
  if (given.preset.empty()) {
    return absl::InvalidArgumentError(
        "the weight file doesn't say which preset it is for; name it with --preset");
  }
  auto file_classes = static_cast<int64_t>(file.class_names.size());
  const auto scores = weights.tensors.find(kClassScores);
  if (file_classes == 0 && scores != weights.tensors.end()) file_classes = scores->second.numel() - 1;
  if (given.num_classes == 0) given.num_classes = file_classes;
  if (given.num_classes <= 0)
    return absl::InvalidArgumentError("the weight file has no box head: it is no detector");
  if (file_classes > 0 && given.num_classes != file_classes) {
    return absl::InvalidArgumentError(
        absl::StrCat("the weight file has ", file_classes, " classes, not ", given.num_classes));
  }
  if (given.min_size == 0) given.min_size = file.min_size;
  if (given.max_size == 0) given.max_size = file.max_size;
  return given;
}

}  // namespace

absl::StatusOr<SafetensorsFile> ReadWeightFile(const std::filesystem::path& path) {
  if (path.extension() == ".safetensors" || IsSafetensors(path)) return ReadSafetensors(path.string());
  absl::StatusOr<std::map<std::string, torch::Tensor>> tensors = ReadTorchFile(path.string());
  if (!tensors.ok()) return tensors.status();
  return SafetensorsFile{*std::move(tensors), {}};
}

absl::StatusOr<LoadedDetector> LoadDetector(const SafetensorsFile& weights,
                                            const DetectorDescription& description) {
  absl::StatusOr<detection::WeightDescription> file = detection::DescribeWeights(weights.metadata);
  if (!file.ok()) return file.status();
  const absl::StatusOr<DetectorDescription> complete = Completed(description, weights, *file);
  if (!complete.ok()) return complete.status();
  absl::StatusOr<v1::Detector> config = PresetDetector(complete->preset);
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
    return LoadedDetector{std::move(model), std::move(file->class_names)};
  } catch (const c10::Error& error) {
    return absl::InternalError(error.what_without_backtrace());
  }
}

}  // namespace loupe
