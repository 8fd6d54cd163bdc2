// The option --config of commands: a configuration of Detectron2.
#pragma once

#include <filesystem>
#include <optional>

#include "absl/status/status.h"
#include "worker/prediction/detector_description.h"

namespace loupe {

// Sets the detector and the number of classes that the file describes; without a file it does nothing.
// Requires: `description` has the class names that the caller gave. Errors: those of ReadDetectron2Config;
// INVALID_ARGUMENT when the class names are missing, or more or fewer than the configuration's classes.
absl::Status ReadConfigOption(const std::optional<std::filesystem::path>& config,
                              DetectorDescription& description);

}  // namespace loupe
