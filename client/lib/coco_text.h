// What COCO's annotation and results files share: reading a JSON file with good messages, writing one safely.
#pragma once

#include <simdjson.h>

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace loupe {

// Collects what is wrong with a file, so that its owner can mend it all at once.
class CocoProblems {
 public:
  static constexpr size_t kListed = 20;

  void Add(std::string problem);
  bool empty() const { return count_ == 0; }

  // OK without problems; else INVALID_ARGUMENT: the first kListed a line each, and the number of the rest.
  absl::Status ToStatus(const std::string& file) const;

 private:
  std::vector<std::string> listed_;
  size_t count_ = 0;
};

// Errors: NOT_FOUND.
absl::StatusOr<simdjson::padded_string> LoadText(const std::filesystem::path& path);

// Parses a whole document; the result lives as long as `parser`.
// Errors: INVALID_ARGUMENT names the file, line and column (in bytes) of the first mistake.
absl::StatusOr<simdjson::dom::element> ParseJson(simdjson::dom::parser& parser,
                                                 const simdjson::padded_string& text,
                                                 const std::string& file);

// Fields of one object. What is missing or of a wrong type is noted as a problem of `where` ("annotation
// 17").
class CocoFields {
 public:
  CocoFields(simdjson::dom::object object, std::string where, CocoProblems& problems)
      : object_(object), where_(std::move(where)), problems_(problems) {}

  void set_where(std::string where) { where_ = std::move(where); }
  void AddProblem(const std::string& problem) const;
  bool Has(const char* name) const;

  // nullopt when missing or wrong, which is then noted. A whole number may be written 3 or 3.0.
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

// Writes to a temporary name beside `path` and renames it when whole. Errors: UNAVAILABLE.
absl::Status WriteWhole(const std::filesystem::path& path, const std::function<void(std::ostream&)>& write);

}  // namespace loupe
