#include "client/cli/box_text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

#include "absl/strings/str_cat.h"

namespace loupe {
namespace {

template <typename Number>
void AppendShortest(std::string& out, Number number) {
  std::array<char, 32> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), number).ptr;
  out.append(text.data(), static_cast<size_t>(end - text.data()));
}

// Each Field() is one value, or none; each Corners() four. The order is that of the columns.

class CsvHeaderWriter {
 public:
  explicit CsvHeaderWriter(std::string& out) : out_(out) {}

  template <typename Value>
  void Field(const char* name, bool, const Value&) {
    absl::StrAppend(&out_, out_.empty() ? "" : ",", name);
  }
  void Corners(const char*, const char* prefix, bool, const v1::Box&) {
    for (const char* corner : {"x1", "y1", "x2", "y2"}) {
      absl::StrAppend(&out_, out_.empty() ? "" : ",", prefix, corner);
    }
  }

 private:
  std::string& out_;
};

class CsvWriter {
 public:
  explicit CsvWriter(std::string& out) : out_(out) {}

  template <typename Value>
  void Field(const char*, bool present, const Value& value) {
    Separate();
    if (present) Append(value);
  }
  void Corners(const char*, const char*, bool present, const v1::Box& box) {
    for (const float corner : {box.x1(), box.y1(), box.x2(), box.y2()}) Field("", present, corner);
  }

 private:
  void Separate() {
    if (!first_) out_ += ',';
    first_ = false;
  }

  template <typename Number>
  void Append(Number number) {
    AppendShortest(out_, number);
  }
  void Append(bool flag) { out_ += flag ? "true" : "false"; }
  void Append(const std::string& text) {
    // A program for tables would run a text that begins so as a formula.
    constexpr std::string_view kFormula = "=+-@\t\r\n";
    const char* guard = !text.empty() && kFormula.find(text[0]) != std::string_view::npos ? "'" : "";
    const auto special = [](unsigned char c) { return c < ' ' || c == '"' || c == ','; };
    if (std::none_of(text.begin(), text.end(), special)) {
      absl::StrAppend(&out_, guard, text);
      return;
    }
    absl::StrAppend(&out_, "\"", guard);
    for (const char c : text) {
      if (c == '"') out_ += '"';
      out_ += c;
    }
    out_ += '"';
  }

  std::string& out_;
  bool first_ = true;
};

class JsonWriter {
 public:
  JsonWriter(std::string& out, std::string_view before_first) : out_(out), separator_(before_first) {}

  template <typename Value>
  void Field(const char* name, bool present, const Value& value) {
    if (!present) return;
    Name(name);
    Append(value);
  }
  void Corners(const char* name, const char*, bool present, const v1::Box& box) {
    if (!present) return;
    Name(name);
    char before = '[';
    for (const float corner : {box.x1(), box.y1(), box.x2(), box.y2()}) {
      out_ += before;
      Append(corner);
      before = ',';
    }
    out_ += ']';
  }

 private:
  void Name(const char* name) {
    out_ += separator_;
    absl::StrAppend(&out_, "\"", name, "\": ");
    separator_ = ", ";
  }

  template <typename Number>
  void Append(Number number) {
    AppendShortest(out_, number);
  }
  void Append(bool flag) { out_ += flag ? "true" : "false"; }
  void Append(const std::string& text) {
    out_ += Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
  }

  std::string& out_;
  std::string_view separator_;
};

template <typename Writer>
void WriteBox(const v1::FoundBox& found, const ClassNames& classes, Writer& writer) {
  writer.Field("image_id", true, found.image_id());
  writer.Field("file_name", true, found.file_name());
  writer.Field("class", true, classes.Name(found.box().label()));
  writer.Corners("box", "", true, found.box().box());
  writer.Field("ignore", true, found.box().ignore());
}

template <typename Writer>
void WriteLineage(const v1::FoundBox& found, const ClassNames& classes, Writer& writer) {
  writer.Field("box_id", true, found.box().box_id());
  writer.Field("origin", true, OriginName(found.box().origin()));
  writer.Field("revision", true, found.revision());
  writer.Field("reviewer", true, found.reviewer());
  writer.Field("created_at", true, TimeText(found.created_at()));
  writer.Field("slice", found.slice() != v1::SLICE_UNSPECIFIED, SliceName(found.slice()));
  writer.Field("blind", true, found.blind());
  writer.Field("client", !found.client().empty(), found.client());
  writer.Field("image_spent_ms", true, found.image_spent_ms());
  writer.Field("spent_ms", found.has_spent_ms(), found.spent_ms());
  writer.Field("made_by", true, found.made_by());
  writer.Field("made_at", true, TimeText(found.made_at()));
  const bool predicted = found.has_source();
  const v1::BoxSource& source = found.source();
  writer.Field("model", predicted, source.model());
  writer.Field("score", predicted, source.box().score());
  writer.Field("outcome", predicted, OutcomeName(source.outcome()));
  writer.Field("iou", predicted, source.iou());
  writer.Field("predicted_class", predicted, classes.Name(source.box().label()));
  writer.Corners("predicted_box", "predicted_", predicted, source.box().box());
}

}  // namespace

std::string CsvHeader() {
  std::string header;
  CsvHeaderWriter writer(header);
  const ClassNames none{v1::Project()};
  WriteBox({}, none, writer);
  WriteLineage({}, none, writer);
  return header + "\n";
}

void AppendCsvLine(std::string& out, const v1::FoundBox& found, const ClassNames& classes) {
  CsvWriter writer(out);
  WriteBox(found, classes, writer);
  WriteLineage(found, classes, writer);
  out += '\n';
}

void AppendJsonLine(std::string& out, const v1::FoundBox& found, const ClassNames& classes) {
  JsonWriter writer(out, "{");
  WriteBox(found, classes, writer);
  WriteLineage(found, classes, writer);
  out += "}\n";
}

void AppendLineageMembers(std::string& out, const v1::FoundBox& found, const ClassNames& classes) {
  JsonWriter writer(out, ", ");
  WriteLineage(found, classes, writer);
}

}  // namespace loupe
