#include "recipe/detector_metadata.h"

#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>

#include "absl/strings/str_cat.h"
#include "recipe/detector_check.h"
#include "recipe/presets.h"

namespace loupe {

std::string DetectorText(const v1::Detector& detector) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string text;
  // A message without Any can always be printed.
  (void)google::protobuf::util::MessageToJsonString(detector, &text, options);
  return text;
}

absl::StatusOr<v1::Detector> ReadDetector(const std::map<std::string, std::string>& metadata) {
  const auto text = metadata.find(kDetectorKey);
  if (text == metadata.end()) {
    return absl::InvalidArgumentError(
        "the weight file doesn't describe its detector: make it with loupe-worker convert --config");
  }
  v1::Detector detector;
  // Not of a newer Loupe either, whose fields change what a detector computes.
  const auto parsed = google::protobuf::util::JsonStringToMessage(text->second, &detector);
  const absl::Status checked =
      parsed.ok() ? CheckDetector(detector) : absl::InvalidArgumentError(parsed.ToString());
  if (checked.ok()) return detector;
  return absl::InvalidArgumentError(
      absl::StrCat("the metadata '", kDetectorKey, "' can't be used: ", checked.message()));
}

absl::StatusOr<v1::Detector> DetectorOfWeights(const std::string& preset,
                                               const std::map<std::string, std::string>& metadata) {
  const auto file_preset = metadata.find(kPresetKey);
  const bool is_described =
      metadata.contains(kDetectorKey) && file_preset != metadata.end() && file_preset->second == preset;
  return is_described || preset == kDetectron2Preset ? ReadDetector(metadata) : PresetDetector(preset);
}

absl::StatusOr<std::vector<std::string>> ReadClassNames(const std::map<std::string, std::string>& metadata) {
  std::vector<std::string> names;
  const auto text = metadata.find(kClassesKey);
  if (text == metadata.end() || text->second.empty()) return names;
  google::protobuf::ListValue list;
  bool strings = google::protobuf::util::JsonStringToMessage(text->second, &list).ok();
  for (const google::protobuf::Value& value : list.values()) {
    strings = strings && value.kind_case() == google::protobuf::Value::kStringValue;
    names.push_back(value.string_value());
  }
  if (strings) return names;
  return absl::InvalidArgumentError(
      absl::StrCat("the metadata '", kClassesKey, "' must be a JSON list of strings"));
}

}  // namespace loupe
