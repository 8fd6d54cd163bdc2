// Weight files of other programs as files that a coordinator takes.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace loupe {

struct WeightsConversion {
  std::filesystem::path from;
  std::filesystem::path to;  // .safetensors
  std::string preset;        // empty: `config` tells it, or the file
  std::optional<std::filesystem::path> config;
  std::vector<std::string> class_names;
};

// Runs `loupe-worker convert`, which is beside this program or in PATH. Errors: FAILED_PRECONDITION when
// there is no such program, with the command to run elsewhere; INVALID_ARGUMENT with what it says.
absl::Status ConvertWeights(const WeightsConversion& conversion);

// The preset that the metadata of a safetensors file name; empty: they name none; nullopt: the file is
// another, or can't be read.
std::optional<std::string> PresetOfFile(const std::filesystem::path& weights);

}  // namespace loupe
