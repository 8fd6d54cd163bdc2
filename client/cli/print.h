// Output for people and scripts: tables, JSON, progress.
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

// Prints indented JSON and a line feed to standard output. Keys whose value is null are left out at every
// level; bytes that are not UTF-8 become U+FFFD.
void PrintJson(Json json);

// The same in one line, which is written out at once: for streams.
void PrintJsonLine(Json json);

// The text with `?` in place of control characters, which could control a terminal.
std::string Printable(std::string_view text);

// The text as one word of a shell's command line, in quotes where it needs them.
std::string ShellWord(std::string_view text);

// "1 image", "2 images". noun: a regular one, in the singular.
std::string Counted(uint64_t count, std::string_view noun);

// "40 s", "12 min", "3.5 h".
std::string AboutTime(double seconds);

// A number of bytes, e.g. "3.1 MiB".
std::string BytesText(uint64_t bytes);

// A number with `digits` decimals, e.g. "0.5512" for 4. Values below 0 mean undefined and give "-".
std::string Fixed(double value, int digits);

// Columns under a header, two spaces apart. Columns that hold only numbers are aligned to the right.
class Table {
 public:
  explicit Table(std::vector<std::string> header);
  // One cell per column.
  void Add(std::vector<std::string> row);
  std::string Text() const;
  // Prints to standard output.
  void Print() const;

 private:
  std::vector<std::vector<std::string>> rows_;  // the header first
};

// Shows how far a long action is. On a terminal: one line, updated at most ten times a second. Elsewhere: one
// line per tenth of the way. On standard error, so that results can be piped.
class Progress {
 public:
  // `total` 0: unknown; nothing is printed until Begin gives one.
  Progress(std::string what, uint64_t total);
  // For tests: prints to another stream.
  Progress(std::string what, uint64_t total, std::FILE* stream, bool terminal);
  // Ends the line on a terminal.
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void Update(uint64_t done, std::string_view note = "");

  // Ends the line and starts with another piece of work.
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
