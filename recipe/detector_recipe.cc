#include "recipe/detector_recipe.h"

#include <algorithm>
#include <vector>

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "recipe/detector_check.h"
#include "recipe/detector_metadata.h"

namespace loupe {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

// Clears what MergeFrom would add to: the repeated fields that `overrides` has, at any depth.
void ClearRepeated(const Message& overrides, Message& base) {
  const Reflection& reflection = *overrides.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(overrides, &fields);
  for (const FieldDescriptor* field : fields) {
    if (field->is_repeated()) {
      reflection.ClearField(&base, field);
    } else if (field->message_type() != nullptr) {
      ClearRepeated(reflection.GetMessage(overrides, field), *reflection.MutableMessage(&base, field));
    }
  }
}

}  // namespace

void SetImageSize(uint32_t min_size, uint32_t max_size, v1::Detector& detector) {
  if (min_size > 0) {
    detector.set_min_size(min_size);
    detector.set_max_size(std::max(detector.max_size(), min_size));
  }
  if (max_size > 0) {
    detector.set_max_size(max_size);
    detector.set_min_size(std::min(detector.min_size(), max_size));
  }
}

absl::StatusOr<v1::Detector> DetectorOfRecipe(const v1::DetectorRecipe& recipe,
                                              const std::map<std::string, std::string>& metadata) {
  absl::StatusOr<v1::Detector> detector = DetectorOfWeights(recipe.preset(), metadata);
  if (!detector.ok()) return detector.status();
  SetImageSize(recipe.min_size(), recipe.max_size(), *detector);
  if (!recipe.has_overrides()) return detector;
  ClearRepeated(recipe.overrides(), *detector);
  detector->MergeFrom(recipe.overrides());
  if (absl::Status sound = CheckDetector(*detector); !sound.ok()) return sound;
  return detector;
}

absl::Status CheckOverrides(const v1::Detector& overrides) {
  std::vector<const FieldDescriptor*> fields;
  overrides.GetReflection()->ListFields(overrides, &fields);
  for (const FieldDescriptor* field : fields) {
    const std::string& name = field->name();
    const bool is_elsewhere = name == "preset" || name == "min_size" || name == "max_size";
    if (is_elsewhere)
      return absl::InvalidArgumentError(absl::StrCat(name, " can't be overridden: give detector.", name));
    if (absl::StartsWith(name, "file_")) {
      return absl::InvalidArgumentError(
          absl::StrCat(name, " can't be overridden: it says how files of another program are written"));
    }
  }
  return absl::OkStatus();
}

}  // namespace loupe
