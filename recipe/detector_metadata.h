// What the metadata of a weight file (safetensors) say of its detector and its classes.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "loupe/v1/detector.pb.h"

namespace loupe {

inline constexpr char kDetectorKey[] = "loupe.detector";  // v1::Detector as JSON
inline constexpr char kPresetKey[] = "loupe.preset";
inline constexpr char kClassesKey[] = "loupe.classes";  // their names, a JSON list in order of label

// The value of kDetectorKey.
std::string DetectorText(const v1::Detector& detector);

// The detector of weights that are used as this preset's: the one that the metadata describe, if they are of
// that preset (a recipe may have overridden some of its fields, and kDetectron2Preset says nothing by
// itself), else the preset.
// Errors: INVALID_ARGUMENT for an unknown preset, and when the metadata have no detector, or one that can't
// be read or that CheckDetector refuses.
absl::StatusOr<v1::Detector> DetectorOfWeights(const std::string& preset,
                                               const std::map<std::string, std::string>& metadata);

// The detector under kDetectorKey. Errors: as DetectorOfWeights.
absl::StatusOr<v1::Detector> ReadDetector(const std::map<std::string, std::string>& metadata);

// The names of the classes, in order of label; empty where the metadata have none. Errors: INVALID_ARGUMENT.
absl::StatusOr<std::vector<std::string>> ReadClassNames(const std::map<std::string, std::string>& metadata);

}  // namespace loupe
