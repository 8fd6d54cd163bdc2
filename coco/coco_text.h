// Reads and writes the JSON text of COCO's annotation and results files.
#pragma once

#include <simdjson.h>

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "content/whole_file.h"

namespace loupe {

// Collects everything that is wrong with a file, so that its owner can correct it in one go.
class CocoProblems {
 public:
  static constexpr size_t kListed = 20;

  void Add(std::string problem);
  bool empty() const { return count_ == 0; }

  // OK without problems; else INVALID_ARGUMENT with the first kListed, one per line, and the number of
  // others.
  absl::Status ToStatus(const std::string& file) const;

 private:
  std::vector<std::string> listed_;
  size_t count_ = 0;
};

// The bytes of a file. Errors: NOT_FOUND (no such file, or it can't be read).
absl::StatusOr<simdjson::padded_string> LoadText(const std::filesystem::path& path);

// Parses a whole document; the result lives as long as `parser`.
// Errors: INVALID_ARGUMENT names the file, line and column (in bytes) of the first mistake.
absl::StatusOr<simdjson::dom::element> ParseJson(simdjson::dom::parser& parser,
                                                 const simdjson::padded_string& text,
                                                 const std::string& file);

// Fields of one object. A field that is missing or has a wrong type is added to the problems, under the
// object's name `where`, e.g. "annotation 17".
class CocoFields {
 public:
  CocoFields(simdjson::dom::object object, std::string where, CocoProblems& problems)
      : object_(object), where_(std::move(where)), problems_(problems) {}

  void set_where(std::string where) { where_ = std::move(where); }
  void AddProblem(const std::string& problem) const;
  bool Has(const char* name) const;

  // nullopt after adding a problem. A whole number may be written 3 or 3.0.
  std::optional<int64_t> WholeNumber(const char* name) const;
  std::optional<double> Number(const char* name) const;
  std::optional<std::string> Text(const char* name) const;
  std::optional<std::array<double, 4>> FourNumbers(const char* name) const;
  std::optional<bool> Flag(const char* name) const;  // true, false, 0 or 1

 private:
  std::optional<simdjson::dom::element> Field(const char* name) const;

  simdjson::dom::object object_;
  std::string where_;
  CocoProblems& problems_;
};

// Shortest text that reads back to the same bits. Requires: a finite number.
void AppendNumber(std::string& out, double number);

// Writes or replaces a file, which is whole or not there. `write` appends the text.
// Errors: UNAVAILABLE when the file can't be written.
absl::Status WriteText(const std::filesystem::path& path, absl::FunctionRef<absl::Status(WholeFile&)> write);

}  // namespace loupe
