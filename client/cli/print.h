// What people and scripts read: tables, JSON, progress.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>
#include "absl/time/time.h"

namespace loupe {

// Keys stay in the order in which they were set.
using Json = nlohmann::ordered_json;

// Indented, on standard output, with a line end. Keys whose value is null, anywhere in it, are left out;
// bytes that are not UTF-8 become U+FFFD.
void PrintJson(Json json);

// The text with control characters, which could steer a terminal, replaced by `?`.
std::string Printable(std::string_view text);

// printf with two or so digits for people: "0.5512" for 4; "-" for values below 0, which stand for undefined.
std::string Fixed(double value, int digits);

// Columns under a header, two spaces apart; columns that hold only numbers are aligned to the right.
class Table {
 public:
  explicit Table(std::vector<std::string> header);
  // One cell for each column.
  void Add(std::vector<std::string> row);
  std::string Text() const;
  // On standard output.
  void Print() const;

 private:
  std::vector<std::vector<std::string>> rows_;  // the header first
};

// How far a long action is: on a terminal one line that is written over, at most ten times a second;
// elsewhere a line for each tenth of the way. On standard error, so that results can be piped.
class Progress {
 public:
  // `total` 0: unknown, then nothing is printed until it is known.
  Progress(std::string what, uint64_t total);
  // For tests: another stream.
  Progress(std::string what, uint64_t total, std::FILE* stream, bool terminal);
  // Ends the line on a terminal.
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void Update(uint64_t done, std::string_view note = "");

  // Goes on with another piece of work; the first one's line ends.
  void Begin(std::string what, uint64_t total);

 private:
  void EndLine();

  std::string what_;
  uint64_t total_;
  std::FILE* stream_;
  bool terminal_;
  bool line_open_ = false;
  int tenths_printed_ = 0;
  absl::Time last_print_ = absl::InfinitePast();
};

}  // namespace loupe
