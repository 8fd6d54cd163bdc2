#include "worker/commands/convert_command.h"

#include <google/protobuf/util/message_differencer.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "recipe/detector_metadata.h"
#include "recipe/detector_tensors.h"
#include "recipe/presets.h"
#include "recipe/tensor_names.h"
#include "worker/commands/config_option.h"
#include "worker/detection/faster_rcnn.h"
#include "worker/detection/file_layout.h"
#include "worker/detection/weights.h"
#include "worker/prediction/weight_file.h"
#include "worker/weights/torch_file.h"

namespace loupe {
namespace {

// Tensors that no detector has, such as the classifier, are left out.
absl::Status ConvertBackbone(const SafetensorsFile& weights, const std::string& preset,
                             const std::filesystem::path& to) {
  if (to.extension() != ".safetensors") {
    return absl::InvalidArgumentError(
        absl::StrCat("a backbone alone is written as .safetensors, not as ", to.filename().string()));
  }
  const absl::StatusOr<v1::Detector> detector = DetectorOfWeights(preset, weights.metadata);
  if (!detector.ok()) return detector.status();
  const auto tensors = detection::FromFileLayout(weights.tensors, *detector);
  if (!tensors.ok()) return tensors.status();
  std::vector<NamedShape> shapes;
  std::vector<std::string> names;
  for (const auto& [name, tensor] : *tensors) {
    shapes.push_back({name, tensor.sizes().vec()});
    names.push_back(name);
  }
  if (absl::Status fits = CheckTensors(*detector, shapes); !fits.ok()) return fits;
  SafetensorsFile converted;
  converted.metadata[kPresetKey] = preset;
  for (const auto& [model, file] : ModelTensorNames(names)) converted.tensors[model] = tensors->at(file);
  return WriteSafetensors(to.string(), converted);
}

// The fields in which a detector differs from its preset, but for the size of pictures, which `detect` can be
// told. None of what has no preset.
std::vector<std::string> OverriddenFields(const v1::Detector& detector) {
  const absl::StatusOr<v1::Detector> preset = PresetDetector(detector.preset());
  if (!preset.ok()) return {};
  std::vector<std::string> fields;
  const auto& descriptor = *v1::Detector::descriptor();
  for (int i = 0; i < descriptor.field_count(); ++i) {
    const auto* field = descriptor.field(i);
    if (field->name() == "min_size" || field->name() == "max_size") continue;
    google::protobuf::util::MessageDifferencer differencer;
    differencer.set_message_field_comparison(google::protobuf::util::MessageDifferencer::EQUIVALENT);
    if (!differencer.CompareWithFields(detector, *preset, {field}, {field})) fields.push_back(field->name());
  }
  return fields;
}

}  // namespace

absl::Status RunConvertCommand(const ConvertOptions& options, std::ostream& log) {
  const auto extension = options.to.extension();
  if (extension != ".safetensors" && extension != ".pth") {
    return absl::InvalidArgumentError(absl::StrCat(
        options.to.string(), ": the name must end in .safetensors or .pth, which chooses the format"));
  }
  const absl::StatusOr<SafetensorsFile> weights = ReadWeightFile(options.from);
  if (!weights.ok()) return weights.status();
  DetectorDescription description = options.description;
  if (absl::Status read = ReadConfigOption(options.config, description); !read.ok()) return read;
  if (!description.preset.empty() && !HasBoxHead(*weights)) {
    return ConvertBackbone(*weights, description.preset, options.to);
  }
  const absl::StatusOr<LoadedDetector> detector = LoadDetector(*weights, description);
  if (!detector.ok()) return detector.status();
  const detection::FasterRcnn& model = *detector->model;
  const auto state = detection::StateDict(model);
  if (extension == ".pth") {
    const std::vector<std::string> lost = OverriddenFields(model.config());
    if (!lost.empty()) {
      log << options.to.string() << " can't say that its detector differs from the preset "
          << model.config().preset() << ": in " << absl::StrJoin(lost, ", ") << std::endl;
    }
    return WriteTorchFile(options.to.string(), detection::ToFileLayout(state, model.config()));
  }
  return WriteSafetensors(options.to.string(),
                          {state, detection::WeightMetadata(model, detector->class_names)});
}

}  // namespace loupe
