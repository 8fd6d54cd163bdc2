#include "worker/commands/convert_command.h"

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "worker/commands/config_option.h"
#include "worker/detection/faster_rcnn.h"
#include "worker/detection/file_layout.h"
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
  DetectorDescription description = options.description;
  if (absl::Status read = ReadConfigOption(options.config, description); !read.ok()) return read;
  const absl::StatusOr<LoadedDetector> detector = LoadDetector(*weights, description);
  if (!detector.ok()) return detector.status();
  const detection::FasterRcnn& model = *detector->model;
  const auto state = detection::StateDict(model);
  if (extension == ".pth")
    return WriteTorchFile(options.to.string(), detection::ToFileLayout(state, model.config()));
  return WriteSafetensors(options.to.string(),
                          {state, detection::WeightMetadata(model, detector->class_names)});
}

}  // namespace loupe
