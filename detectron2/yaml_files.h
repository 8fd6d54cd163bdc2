// A YAML file and those that it is based on, as one configuration.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <yaml-cpp/node/node.h>

#include "absl/status/statusor.h"

namespace loupe {

class YamlFiles {
 public:
  // Reads a file and, by `_BASE_`, those beside it or in folders below that it is based on. A file says what
  // differs from its base.
  // Errors: NOT_FOUND; FAILED_PRECONDITION as ReadFile; INVALID_ARGUMENT, with path and line: it is no YAML,
  // holds tags (which ask for objects of a program), nests deeper than 32, is above 1 MiB, has no keys, or is
  // based on a file outside the folder, on itself, or on more than 16.
  static absl::StatusOr<YamlFiles> Read(const std::filesystem::path& path);

  // The value at a key such as "MODEL.RPN.NMS_THRESH", of the first file that has it; undefined if none has.
  YAML::Node Find(const std::string& key) const;

  // The names of what is in a map, of all files that have one at this key.
  std::vector<std::string> KeysOf(const std::string& key) const;

 private:
  absl::Status Add(const std::filesystem::path& folder, const std::filesystem::path& path);

  static YAML::Node FindIn(const YAML::Node& root, const std::string& key);

  std::vector<std::filesystem::path> paths_;
  std::vector<YAML::Node> roots_;  // a file before its bases
};

}  // namespace loupe
