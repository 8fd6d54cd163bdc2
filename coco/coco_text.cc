#include "coco/coco_text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace loupe {
namespace {

namespace fs = std::filesystem;

// Reads a document only to find the place of its first mistake.
class MistakeFinder : public nlohmann::json_sax<nlohmann::json> {
 public:
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_object(std::size_t) override { return true; }
  bool key(string_t&) override { return true; }
  bool end_object() override { return true; }
  bool start_array(std::size_t) override { return true; }
  bool end_array() override { return true; }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception&) override {
    place_ = position;
    return false;
  }

  // Bytes up to the mistake, with the wrong byte; never 0.
  std::optional<size_t> place() const { return place_; }

 private:
  std::optional<size_t> place_;
};

absl::Status BrokenJson(std::string_view text, const std::string& file, simdjson::error_code error) {
  MistakeFinder finder;
  nlohmann::json::sax_parse(text.begin(), text.end(), &finder);
  if (!finder.place().has_value()) {
    return absl::InvalidArgumentError(
        absl::StrCat(file, ": not readable as JSON: ", simdjson::error_message(error)));
  }
  // The parser counts the end of the file as a byte.
  const bool at_end = *finder.place() > text.size();
  const std::string_view before = text.substr(0, at_end ? text.size() : *finder.place() - 1);
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const size_t line_start = before.rfind('\n') == std::string_view::npos ? 0 : before.rfind('\n') + 1;
  return absl::InvalidArgumentError(absl::StrCat(file, ": broken JSON in line ", line, ", column ",
                                                 before.size() - line_start + 1,
                                                 at_end ? ", where the file ends too early" : ""));
}

}  // namespace

void CocoProblems::Add(std::string problem) {
  if (++count_ <= kListed) listed_.push_back(std::move(problem));
}

absl::Status CocoProblems::ToStatus(const std::string& file) const {
  if (count_ == 0) return absl::OkStatus();
  std::string message = absl::StrCat(file, " has ", count_, count_ == 1 ? " problem" : " problems",
                                     " and was not read:\n  ", absl::StrJoin(listed_, "\n  "));
  if (count_ > listed_.size()) absl::StrAppend(&message, "\n  and ", count_ - listed_.size(), " more");
  return absl::InvalidArgumentError(message);
}

absl::StatusOr<simdjson::padded_string> LoadText(const fs::path& path) {
  std::error_code error;
  if (!fs::is_regular_file(path, error)) {
    return absl::NotFoundError(absl::StrCat(
        fs::is_directory(path, error) ? "a folder, and no file: " : "no such file: ", path.string()));
  }
  simdjson::padded_string text;
  if (simdjson::padded_string::load(path.string()).get(text) != simdjson::SUCCESS) {
    return absl::NotFoundError(absl::StrCat("cannot read ", path.string(), "; check its permissions"));
  }
  return text;
}

absl::StatusOr<simdjson::dom::element> ParseJson(simdjson::dom::parser& parser,
                                                 const simdjson::padded_string& text,
                                                 const std::string& file) {
  std::string_view json(text.data(), text.size());
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";  // some Windows editors begin a file with it
  if (json.substr(0, kByteOrderMark.size()) == kByteOrderMark) json.remove_prefix(kByteOrderMark.size());
  simdjson::dom::element root;
  // The text is padded at its end, so that the parser needs no copy of its own.
  const simdjson::error_code error = parser.parse(json.data(), json.size(), false).get(root);
  if (error != simdjson::SUCCESS) return BrokenJson(json, file, error);
  return root;
}

void CocoFields::AddProblem(const std::string& problem) const {
  problems_.Add(absl::StrCat(where_, ": ", problem));
}

bool CocoFields::Has(const char* name) const {
  simdjson::dom::element value;
  return object_.at_key(name).get(value) == simdjson::SUCCESS && !value.is_null();
}

std::optional<simdjson::dom::element> CocoFields::Field(const char* name) const {
  simdjson::dom::element value;
  if (object_.at_key(name).get(value) == simdjson::SUCCESS) return value;
  AddProblem(absl::StrCat("has no \"", name, "\""));
  return std::nullopt;
}

std::optional<int64_t> CocoFields::WholeNumber(const char* name) const {
  const auto value = Field(name);
  if (!value.has_value()) return std::nullopt;
  int64_t whole = 0;
  if (value->get(whole) == simdjson::SUCCESS) return whole;
  constexpr double kExactlyRepresentable = 9007199254740992.0;  // 2^53
  double number = 0;
  if (value->get(number) == simdjson::SUCCESS && number == std::floor(number) &&
      std::abs(number) <= kExactlyRepresentable) {
    return static_cast<int64_t>(number);
  }
  AddProblem(absl::StrCat("\"", name, "\" is not a whole number"));
  return std::nullopt;
}

std::optional<double> CocoFields::Number(const char* name) const {
  const auto value = Field(name);
  if (!value.has_value()) return std::nullopt;
  double number = 0;
  if (value->get(number) == simdjson::SUCCESS && std::isfinite(number)) return number;
  AddProblem(absl::StrCat("\"", name, "\" is not a finite number"));
  return std::nullopt;
}

std::optional<std::string> CocoFields::Text(const char* name) const {
  const auto value = Field(name);
  if (!value.has_value()) return std::nullopt;
  std::string_view text;
  if (value->get(text) == simdjson::SUCCESS) return std::string(text);
  AddProblem(absl::StrCat("\"", name, "\" is not a text"));
  return std::nullopt;
}

std::optional<std::array<double, 4>> CocoFields::FourNumbers(const char* name) const {
  const auto value = Field(name);
  if (!value.has_value()) return std::nullopt;
  std::array<double, 4> numbers{};
  simdjson::dom::array array;
  bool good = value->get(array) == simdjson::SUCCESS && array.size() == numbers.size();
  if (good) {
    size_t i = 0;
    for (const simdjson::dom::element item : array) {
      good = item.get(numbers[i]) == simdjson::SUCCESS && std::isfinite(numbers[i]) && good;
      ++i;
    }
  }
  if (good) return numbers;
  AddProblem(absl::StrCat("\"", name, "\" is not a list of four finite numbers"));
  return std::nullopt;
}

std::optional<bool> CocoFields::Flag(const char* name) const {
  const auto value = Field(name);
  if (!value.has_value()) return std::nullopt;
  bool flag = false;
  if (value->get(flag) == simdjson::SUCCESS) return flag;
  double number = 0;
  if (value->get(number) == simdjson::SUCCESS && (number == 0 || number == 1)) return number == 1;
  AddProblem(absl::StrCat("\"", name, "\" is neither 0 nor 1"));
  return std::nullopt;
}

void AppendNumber(std::string& out, double number) {
  // A parser takes a number without a point or exponent for an integer, and refuses one above 64 bits.
  constexpr double kLargeWhole = 1e18;
  std::array<char, 32> digits{};
  char* const last = digits.data() + digits.size();
  const auto written = std::abs(number) < kLargeWhole
                           ? std::to_chars(digits.data(), last, number)
                           : std::to_chars(digits.data(), last, number, std::chars_format::scientific);
  out.append(digits.data(), written.ptr);
}

absl::Status WriteText(const fs::path& path, absl::FunctionRef<absl::Status(WholeFile&)> write) {
  absl::StatusOr<WholeFile> file = WholeFile::Open(path);
  absl::Status written = file.ok() ? write(*file) : file.status();
  if (written.ok()) written = file->Commit(Durability::kLater);
  if (written.ok()) return written;
  return absl::UnavailableError(
      absl::StrCat(written.message(), "; check that the file's folder exists and has room"));
}

}  // namespace loupe
