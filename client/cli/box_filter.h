// Options that say which boxes.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "absl/status/statusor.h"
#include "loupe/v1/provenance.pb.h"

namespace loupe {

struct BoxFilterOptions {
  std::string reviewer;
  std::vector<std::string> origins;
  std::vector<std::string> outcomes;
  std::string slice;
  std::string class_name;
  std::string model;
  std::optional<float> min_score;
  std::optional<float> max_score;
  std::string from;
  std::string to;
  std::string side;
};

// Returns their group.
CLI::Option_group* AddBoxFilterOptions(CLI::App* command, BoxFilterOptions& options);

// Errors: usage error (a time that is none).
absl::StatusOr<v1::BoxFilter> BoxFilterOf(const BoxFilterOptions& options);

}  // namespace loupe
