#include "db/lineage/revision_text.h"

#include <bit>
#include <charconv>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "db/sql_value.h"

namespace loupe {
namespace {

absl::string_view TextOf(const pqxx::field& field) { return {field.c_str(), field.size()}; }

// As PostgreSQL's text of the value; `-` for NULL.
absl::string_view OrDash(const pqxx::field& field) { return field.is_null() ? "-" : TextOf(field); }

absl::string_view OrElse(const pqxx::field& field, absl::string_view otherwise) {
  return field.is_null() ? otherwise : TextOf(field);
}

std::string HexOf(const pqxx::field& field) { return absl::BytesToHexString(TextOf(field)); }

// The digits of the value's bytes.
template <typename Float, typename Bits>
std::string FloatHex(const pqxx::field& field) {
  const absl::string_view text = TextOf(field);
  Float value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return absl::StrCat(
      absl::Hex(std::bit_cast<Bits>(value), sizeof(Bits) == 4 ? absl::kZeroPad8 : absl::kZeroPad16));
}

std::string RealHex(const pqxx::field& field) { return FloatHex<float, uint32_t>(field); }
std::string DoubleHex(const pqxx::field& field) {
  return field.is_null() ? "-" : FloatHex<double, uint64_t>(field);
}

// From four columns.
std::string CornersOf(const pqxx::row& row, int first) {
  return absl::StrCat(RealHex(row[first]), "|", RealHex(row[first + 1]), "|", RealHex(row[first + 2]), "|",
                      RealHex(row[first + 3]));
}

// The text of a revision of version 1 after its first line.
void AppendDetailsOfVersion1(const RevisionParts& parts, std::string& text) {
  for (const BoxText& box : parts.boxes) absl::StrAppend(&text, box.line, "\n");
  for (const std::string& rejection : parts.rejections) absl::StrAppend(&text, rejection, "\n");
}

void AppendBoxes(const RevisionParts& parts, std::string& text) {
  for (const BoxText& box : parts.boxes) absl::StrAppend(&text, box.line, "|", box.spent_ms, "\n");
}

void AppendDetailsOfVersion2(const RevisionParts& parts, const TaskParts* task, std::string& text) {
  AppendBoxes(parts, text);
  if (task == nullptr) return;
  for (const auto& [ordinal, outcome] : parts.outcomes) {
    const auto shown = task->shown_boxes.find(ordinal);
    if (shown == task->shown_boxes.end()) continue;
    absl::StrAppend(&text, "shown|", ordinal, "|", outcome, "|", shown->second, "\n");
  }
}

void AppendShown(const TaskParts& task, std::string& text) {
  for (const auto& [ordinal, rest] : task.shown_boxes)
    absl::StrAppend(&text, "shown|", ordinal, "|", rest, "\n");
}

void AppendDetailsOfVersion3(const RevisionParts& parts, const TaskParts* task, std::string& text) {
  if (task != nullptr) absl::StrAppend(&text, task->served, "|", task->ended, "\n");
  AppendBoxes(parts, text);
  if (task != nullptr) AppendShown(*task, text);
  for (const auto& [ordinal, outcome] : parts.outcomes)
    absl::StrAppend(&text, "outcome|", ordinal, "|", outcome, "\n");
}

}  // namespace

// Columns by their place: there are millions of these rows, and to look up a name takes as long as all else.

BoxText BoxTextOf(const pqxx::row& row) {
  return {
      absl::StrCat("box|", TextOf(row[1]), "|", TextOf(row[2]), "|", TextOf(row[3]), "|", CornersOf(row, 4),
                   "|", TextOf(row[8]), "|", TextOf(row[9]), "|", OrElse(row[10], "-1")),
      std::string(OrElse(row[11], "-1"))};
}

std::string RejectionTextOf(const pqxx::row& row) {
  return absl::StrCat("rejection|", TextOf(row[1]), "|", TextOf(row[2]), "|", RealHex(row[3]), "|",
                      CornersOf(row, 4));
}

std::string ShownTextOf(const pqxx::row& row) {
  return absl::StrCat(TextOf(row[2]), "|", TextOf(row[3]), "|", TextOf(row[4]), "|", RealHex(row[5]), "|",
                      CornersOf(row, 6));
}

TaskParts TaskPartsOf(const pqxx::row& row) {
  TaskParts task;
  task.served =
      absl::StrCat("task|", TextOf(row["id"]), "|", TextOf(row["project_id"]), "|", TextOf(row["image_id"]),
                   "|", TextOf(row["image_side"]), "|", TextOf(row["principal_id"]), "|",
                   TextOf(row["lease_number"]), "|", TextOf(row["kind"]), "|", OrDash(row["request_id"]));
  absl::StrAppend(&task.served, "|", OrDash(row["ranking_id"]), "|", OrDash(row["position"]), "|",
                  OrDash(row["slice"]), "|", DoubleHex(row["score"]), "|", DoubleHex(row["probability"]), "|",
                  TextOf(row["blind"]), "|", OrDash(row["shown_model_id"]), "|", OrDash(row["based_on"]), "|",
                  TextOf(row["created_at"]));
  task.ended = absl::StrCat(TextOf(row["ended_at"]), "|",
                            row["skip_reason"].is_null() ? "-" : HexOf(row["skip_reason"]));
  return task;
}

Sha256 HashOfVersion3(const pqxx::row& row, const Sha256& image, const RevisionParts& parts,
                      const TaskParts* task) {
  std::string text = BytesOf(row["previous_hash"]);
  absl::StrAppend(&text, "revision-3|", TextOf(row["id"]), "|", TextOf(row["image_id"]), "|", ToHex(image),
                  "|", TextOf(row["number"]), "|", TextOf(row["source"]), "|", TextOf(row["author_id"]), "|",
                  HexOf(row["name"]), "|", OrDash(row["task_id"]), "|", TextOf(row["created_at"]), "|");
  absl::StrAppend(&text, TextOf(row["blind"]), "|", TextOf(row["late"]), "|", TextOf(row["spent_ms"]), "|",
                  TextOf(row["standing"]), "|", OrDash(row["based_on"]), "|", HexOf(row["client"]), "|",
                  HexOf(row["note"]), "|", HexOf(row["flags"]), "\n");
  AppendDetailsOfVersion3(parts, task, text);
  return HashOf(text);
}

Sha256 ExpectedHash(const pqxx::row& row, const Sha256& image, const RevisionParts& parts,
                    const TaskParts* task) {
  const absl::string_view version = TextOf(row["hash_version"]);
  if (version == "3") return HashOfVersion3(row, image, parts, task);
  std::string text = BytesOf(row["previous_hash"]);
  const std::string picture = ToHex(image);
  if (version == "1") {
    absl::StrAppend(&text, "revision|", picture, "|", TextOf(row["number"]), "|", TextOf(row["author_id"]),
                    "|", TextOf(row["source"]), "|", OrElse(row["task_id"], "0"), "|",
                    TextOf(row["created_at"]), "|", TextOf(row["blind"]), "|", TextOf(row["late"]), "|",
                    TextOf(row["spent_ms"]), "\n");
    AppendDetailsOfVersion1(parts, text);
  } else if (version == "2") {
    absl::StrAppend(&text, "revision-2|", picture, "|", TextOf(row["number"]), "|", TextOf(row["author_id"]),
                    "|", TextOf(row["source"]), "|", OrElse(row["task_id"], "0"), "|",
                    TextOf(row["created_at"]), "|", TextOf(row["blind"]), "|", TextOf(row["late"]), "|",
                    TextOf(row["spent_ms"]), "|");
    absl::StrAppend(&text, TextOf(row["standing"]), "|", OrElse(row["based_on"], "0"), "|",
                    HexOf(row["client"]), "|", HexOf(row["note"]), "|", HexOf(row["flags_json"]), "\n");
    AppendDetailsOfVersion2(parts, task, text);
  } else {
    return Sha256{};
  }
  return HashOf(text);
}

Sha256 HashOfServed(const TaskParts& task) {
  std::string text = absl::StrCat(task.served, "\n");
  AppendShown(task, text);
  return HashOf(text);
}

}  // namespace loupe
