#include "worker/commands/convert_command.h"

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "worker/detection/faster_rcnn.h"
#include "worker/detection/weights.h"
#include "worker/prediction/weight_file.h"
#include "worker/weights/torch_file.h"

namespace loupe {

absl::Status RunConvertCommand(const ConvertOptions& options) {
  const auto extension = options.to.extension();
  if (extension != ".safetensors" && extension != ".pth") {
    return absl::InvalidArgumentError(absl::StrCat(
        options.to.string(), ": the name must end in .safetensors or .pth, which chooses the format"));
  }
  const absl::StatusOr<SafetensorsFile> weights = ReadWeightFile(options.from);
  if (!weights.ok()) return weights.status();
  absl::StatusOr<LoadedDetector> detector = LoadDetector(*weights, options.description);
  if (!detector.ok()) return detector.status();
  if (!options.class_names.empty()) detector->class_names = options.class_names;
  const detection::FasterRcnn& model = *detector->model;
  if (!detector->class_names.empty() &&
      static_cast<int64_t>(detector->class_names.size()) != model.num_classes()) {
    return absl::InvalidArgumentError(absl::StrCat(
        detector->class_names.size(), " class names are given for ", model.num_classes(), " classes"));
  }
  const auto state = detection::StateDict(model);
  if (extension == ".pth") return WriteTorchFile(options.to.string(), state);
  return WriteSafetensors(options.to.string(),
                          {state, detection::WeightMetadata(model, detector->class_names)});
}

}  // namespace loupe
