// Presets: the detectors that Loupe knows by name.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "loupe/v1/detector.pb.h"

namespace loupe {

// What detectors are called that a configuration of Detectron2 describes. They differ from each other, so
// that this is the name of no preset: their weight files say all of them.
inline constexpr char kDetectron2Preset[] = "detectron2";

// Names of all presets, smallest ResNet first.
std::vector<std::string> PresetNames();

// What a recipe may name: these and kDetectron2Preset.
std::vector<std::string> RecipePresetNames();

// The detector of a preset. `small` is made for pictures of 200 to 400 px on a CPU: ResNet-18 up to layer3, a
// pyramid of 64 channels over layer1 to layer3 and a pooled level, anchors of 16, 32, 64 and 128 px, a box
// head 256 wide. The others are torchvision's, as its builders configure them.
// Errors: INVALID_ARGUMENT for an unknown name, listing the known ones.
absl::StatusOr<v1::Detector> PresetDetector(std::string_view name);

}  // namespace loupe
