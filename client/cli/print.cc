#include "client/cli/print.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "content/text.h"

namespace loupe {
namespace {

bool IsNumberOrEmpty(const std::string& cell) {
  double value;
  return cell.empty() || cell == "-" || absl::SimpleAtod(cell, &value);
}

// The number of UTF-8 characters: close enough to the columns on a terminal.
size_t Width(std::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

void DropNulls(Json& json) {
  if (!json.is_structured()) return;
  for (auto value = json.begin(); value != json.end();) {
    if (json.is_object() && value->is_null()) {
      value = json.erase(value);
    } else {
      DropNulls(*value);
      ++value;
    }
  }
}

}  // namespace

void PrintJson(Json json) {
  DropNulls(json);
  const std::string text = json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
  std::fwrite(text.data(), 1, text.size(), stdout);
}

void PrintJsonLine(Json json) {
  DropNulls(json);
  const std::string text = json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

std::string Printable(std::string_view text) {
  std::string printable(text);
  for (size_t i = 0; i < printable.size(); ++i) {
    const size_t bytes = std::max(ControlCharacterAt(printable, i), BidiControlAt(printable, i));
    if (bytes > 0) printable.replace(i, bytes, "?");
  }
  return printable;
}

std::string ShellWord(std::string_view text) {
  const bool plain = !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
           absl::StrContains("_./@%+=:,-", std::string(1, c));
  });
  if (plain) return std::string(text);
  return absl::StrCat("'", absl::StrReplaceAll(std::string(text), {{"'", "'\\''"}}), "'");
}

std::string Counted(uint64_t count, std::string_view noun) {
  const char* plural = !noun.empty() && noun.back() == 'x' ? "es" : "s";
  return absl::StrCat(count, " ", std::string(noun), count == 1 ? "" : plural);
}

std::string AboutTime(double seconds) {
  if (seconds < 99.5) return absl::StrFormat("%.0f s", seconds);
  if (seconds < 99.5 * 60) return absl::StrFormat("%.0f min", seconds / 60);
  return absl::StrFormat("%.1f h", seconds / 3600);
}

std::string BytesText(uint64_t bytes) {
  constexpr const char* kUnits[] = {"KiB", "MiB", "GiB", "TiB"};
  if (bytes < 1024) return absl::StrCat(bytes, " B");
  double value = static_cast<double>(bytes) / 1024;
  size_t unit = 0;
  for (; value >= 1024 && unit + 1 < std::size(kUnits); ++unit) value /= 1024;
  return absl::StrFormat("%.1f %s", value, kUnits[unit]);
}

std::string Fixed(double value, int digits) {
  return value < 0 ? "-" : absl::StrFormat("%.*f", digits, value);
}

Table::Table(std::vector<std::string> header) { rows_.push_back(std::move(header)); }

void Table::Add(std::vector<std::string> row) {
  row.resize(rows_[0].size());
  for (std::string& cell : row) cell = Printable(cell);
  rows_.push_back(std::move(row));
}

std::string Table::Text() const {
  const size_t columns = rows_[0].size();
  std::vector<size_t> widths(columns, 0);
  std::vector<bool> right(columns, true);
  for (size_t r = 0; r < rows_.size(); ++r) {
    for (size_t c = 0; c < columns; ++c) {
      widths[c] = std::max(widths[c], Width(rows_[r][c]));
      if (r > 0 && !IsNumberOrEmpty(rows_[r][c])) right[c] = false;
    }
  }
  std::string text;
  for (const auto& row : rows_) {
    std::string line;
    for (size_t c = 0; c < columns; ++c) {
      const std::string space(widths[c] - Width(row[c]), ' ');
      absl::StrAppend(&line, c == 0 ? "" : "  ", right[c] ? space : "", row[c], right[c] ? "" : space);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    absl::StrAppend(&text, line, "\n");
  }
  return text;
}

void Table::Print() const {
  const std::string text = Text();
  std::fwrite(text.data(), 1, text.size(), stdout);
}

Progress::Progress(std::string what, uint64_t total)
    : Progress(std::move(what), total, stderr, isatty(STDERR_FILENO) == 1) {}

Progress::Progress(std::string what, uint64_t total, std::FILE* stream, bool terminal)
    : what_(std::move(what)), total_(total), stream_(stream), terminal_(terminal) {}

Progress::~Progress() { EndLine(); }

void Progress::Update(uint64_t done, std::string_view note) {
  if (total_ == 0) return;
  const int tenths = static_cast<int>(10 * std::min(done, total_) / total_);
  const std::string line =
      absl::StrCat(what_, " ", done, "/", total_, note.empty() ? "" : "  ", Printable(note));
  if (terminal_) {
    const absl::Time now = absl::Now();
    if (done < total_ && now - last_print_ < absl::Milliseconds(100)) return;
    last_print_ = now;
    std::fprintf(stream_, "\r%s\x1b[K", line.c_str());
    line_open_ = true;
  } else if (tenths > tenths_printed_) {
    std::fprintf(stream_, "%s\n", line.c_str());
    tenths_printed_ = tenths;
  }
  std::fflush(stream_);
}

void Progress::Begin(std::string what, uint64_t total) {
  EndLine();
  what_ = std::move(what);
  total_ = total;
  tenths_printed_ = 0;
  last_print_ = absl::InfinitePast();
}

void Progress::EndLine() {
  if (std::exchange(line_open_, false)) std::fputc('\n', stream_);
}

}  // namespace loupe
