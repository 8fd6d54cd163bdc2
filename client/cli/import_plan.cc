#include "client/cli/import_plan.h"

#include <algorithm>
#include <optional>
#include <regex>
#include <system_error>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "client/cli/context.h"
#include "coco/imported_labels.h"
#include "content/picture_header.h"
#include "content/read_file.h"
#include "content/text.h"

namespace loupe {
namespace {

constexpr size_t kMaxProblems = 20;

class Problems {
 public:
  void Add(std::string problem) {
    if (++total_ <= kMaxProblems) absl::StrAppend(&text_, "\n  ", Printable(problem));
  }
  absl::Status ToStatus(const std::string& where) const {
    if (total_ == 0) return absl::OkStatus();
    const std::string rest =
        total_ > kMaxProblems ? absl::StrCat("\n  and ", total_ - kMaxProblems, " more") : "";
    return absl::InvalidArgumentError(absl::StrCat(where, ": nothing was imported, since", text_, rest));
  }

 private:
  size_t total_ = 0;
  std::string text_;
};

// Finds the group of a file name by the expression of --group-by. It works on code points, so that no
// character is cut.
class Grouping {
 public:
  static absl::StatusOr<Grouping> Parse(const std::string& expression) {
    Grouping grouping;
    if (expression.empty()) return grouping;
    if (!IsUtf8(expression)) return UsageError("--group-by is no UTF-8 text");
    try {
      grouping.expression_.emplace(WideOf(expression));
    } catch (const std::regex_error& error) {
      return UsageError(absl::StrCat("--group-by is no regular expression: ", error.what()));
    }
    return grouping;
  }

  // The first capture group, or the whole match when the expression has none. Empty: the name doesn't match.
  std::string Of(const std::string& file_name) const {
    std::wsmatch match;
    const std::wstring name = WideOf(file_name);
    if (!expression_ || !std::regex_search(name, match, *expression_)) return "";
    return NarrowOf(match.size() > 1 ? match[1].str() : match[0].str());
  }

  void Apply(ImportPlan& plan) const {
    if (!expression_) return;
    for (PlannedPicture& picture : plan.pictures) {
      picture.header.set_group(Of(picture.header.file_name()));
      if (picture.header.group().empty()) ++plan.ungrouped;
    }
  }

 private:
  std::optional<std::wregex> expression_;
};

absl::StatusOr<std::vector<std::string>> ReadLines(const std::filesystem::path& path) {
  const absl::StatusOr<std::string> content = ReadFile(path);
  if (!content.ok()) return content.status();
  std::vector<std::string> lines;
  constexpr char kByteOrderMark[] = "\xef\xbb\xbf";
  for (const absl::string_view line : absl::StrSplit(*content, '\n')) {
    const absl::string_view text = absl::StripAsciiWhitespace(absl::StripPrefix(line, kByteOrderMark));
    if (!text.empty()) lines.emplace_back(text);
  }
  return lines;
}

// The lines of FILE when `value` is @FILE; none otherwise.
absl::StatusOr<std::vector<std::string>> LinesOf(const std::string& value) {
  if (!absl::StartsWith(value, "@")) return std::vector<std::string>();
  return ReadLines(value.substr(1));
}

// Folders and files that programs make beside pictures: hidden ones, and thumbnails.
bool IsHidden(const std::filesystem::path& path) { return absl::StartsWith(path.filename().string(), "."); }
bool IsSkippedFolder(const std::filesystem::path& path) {
  const std::string name = absl::AsciiStrToLower(path.filename().string());
  return IsHidden(path) || name == "@eadir" || name == "__macosx" || name == "thumbnails" || name == "thumbs";
}

// With `?` in place of other bytes.
std::string OnlyAscii(std::string name) {
  std::replace_if(
      name.begin(), name.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x80; }, '?');
  return name;
}

// Names that can't be sent or shown.
void CheckNames(const ImportPlan& plan, Problems& problems) {
  for (const PlannedPicture& picture : plan.pictures) {
    const std::string& name = picture.header.file_name();
    if (!IsUtf8(name)) {
      problems.Add(
          absl::StrCat("the name of ", OnlyAscii(name), " is not UTF-8: rename the file, e.g. with convmv"));
    } else if (HasControlCharacter(name)) {
      problems.Add(absl::StrCat("the name of ", name, " holds a control character: rename the file"));
    }
  }
}

// Indices of the images in coco.images that the lines name.
std::unordered_set<size_t> Named(const CocoFile& coco, const std::vector<std::string>& lines,
                                 const std::string& option, Problems& problems) {
  std::unordered_map<std::string, size_t> by_name;
  std::unordered_map<int64_t, size_t> by_id;
  for (size_t i = 0; i < coco.images.size(); ++i) {
    by_name.emplace(coco.images[i].file_name, i);
    by_id.emplace(coco.images[i].id, i);
  }
  std::unordered_set<size_t> named;
  for (const std::string& line : lines) {
    int64_t id;
    if (const auto found = by_name.find(line); found != by_name.end()) {
      named.insert(found->second);
    } else if (absl::SimpleAtoi(line, &id) && by_id.contains(id)) {
      named.insert(by_id.at(id));
    } else {
      problems.Add(absl::StrCat(option, " names \"", line, "\", which is no image of the COCO file"));
    }
  }
  return named;
}

absl::StatusOr<ImportPlan> PlanFolder(const std::filesystem::path& images_dir) {
  ImportPlan plan;
  std::error_code error;
  std::filesystem::recursive_directory_iterator entries(
      images_dir, std::filesystem::directory_options::follow_directory_symlink, error);
  if (error)
    return absl::NotFoundError(
        absl::StrCat("can't read the folder ", images_dir.string(), ": ", error.message()));
  for (; entries != std::filesystem::recursive_directory_iterator(); entries.increment(error)) {
    std::error_code type_error;
    const std::string name = entries->path().lexically_relative(images_dir).generic_string();
    if (entries->is_directory(type_error) && IsSkippedFolder(entries->path())) {
      plan.skipped_folders.push_back(name);
      entries.disable_recursion_pending();
    }
    if (!entries->is_regular_file(type_error)) continue;
    if (!IsPictureName(name) || IsHidden(entries->path())) {
      plan.left_out.push_back(name);
      continue;
    }
    PlannedPicture& picture = plan.pictures.emplace_back();
    picture.path = entries->path();
    picture.header.set_file_name(name);
  }
  if (error)
    return absl::NotFoundError(
        absl::StrCat("can't read all of ", images_dir.string(), ": ", error.message()));
  std::sort(plan.left_out.begin(), plan.left_out.end());
  std::sort(plan.pictures.begin(), plan.pictures.end(), [](const PlannedPicture& a, const PlannedPicture& b) {
    return a.header.file_name() < b.header.file_name();
  });
  return plan;
}

}  // namespace

absl::Status CheckImportChoice(const ImportChoice& choice) {
  if (!choice.coco_file.empty() && choice.labelled.empty()) {
    return UsageError(
        "--coco needs --labelled none|boxes|all|@FILE: a COCO file can't say whether an image without boxes "
        "is clean "
        "or was never looked at. boxes: images with boxes count as labelled; all: every image does; none: "
        "none does; "
        "@FILE: those it names");
  }
  if (choice.coco_file.empty() && (!choice.labelled.empty() || !choice.only.empty() || choice.blind)) {
    return UsageError(
        "--labelled, --only and --blind say something about a COCO file: give --coco F with them");
  }
  const std::string& labelled = choice.labelled;
  if (!labelled.empty() && labelled != "none" && labelled != "boxes" && labelled != "all" &&
      !(labelled.size() > 1 && labelled[0] == '@')) {
    return UsageError(absl::StrCat("--labelled is none, boxes, all or @FILE, not ", labelled));
  }
  if (!choice.only.empty() && !(choice.only.size() > 1 && choice.only[0] == '@')) {
    return UsageError(absl::StrCat("--only is @FILE, not ", choice.only));
  }
  return Grouping::Parse(choice.group_by).status();
}

absl::StatusOr<ImportPlan> PlanImport(const ImportChoice& choice, const ClassNames& classes) {
  const absl::StatusOr<Grouping> grouping = Grouping::Parse(choice.group_by);
  if (!grouping.ok()) return grouping.status();
  if (choice.coco_file.empty()) {
    absl::StatusOr<ImportPlan> plan = PlanFolder(choice.images_dir);
    if (!plan.ok()) return plan;
    if (plan->pictures.empty()) {
      return absl::NotFoundError(
          absl::StrCat("no picture (", kPictureNames, ") in ", choice.images_dir.string()));
    }
    Problems problems;
    CheckNames(*plan, problems);
    if (absl::Status named = problems.ToStatus(choice.images_dir.string()); !named.ok()) return named;
    grouping->Apply(*plan);
    return plan;
  }
  const absl::StatusOr<CocoFile> coco = ReadCocoFile(choice.coco_file, {.images_dir = choice.images_dir});
  if (!coco.ok()) return coco.status();
  const auto labelled_lines = LinesOf(choice.labelled);
  if (!labelled_lines.ok()) return labelled_lines.status();
  const auto only_lines = LinesOf(choice.only);
  if (!only_lines.ok()) return only_lines.status();
  return PlanCocoImport(choice, classes, *coco, *labelled_lines, *only_lines);
}

absl::StatusOr<ImportPlan> PlanCocoImport(const ImportChoice& choice, const ClassNames& classes,
                                          const CocoFile& coco,
                                          const std::vector<std::string>& labelled_lines,
                                          const std::vector<std::string>& only_lines) {
  const absl::StatusOr<Grouping> grouping = Grouping::Parse(choice.group_by);
  if (!grouping.ok()) return grouping.status();
  Problems problems;
  const auto only = Named(coco, only_lines, "--only", problems);
  const auto listed = Named(coco, labelled_lines, "--labelled", problems);
  std::unordered_set<int64_t> with_boxes;
  for (const CocoAnnotation& annotation : coco.annotations) with_boxes.insert(annotation.image_id);

  ImportPlan plan;
  plan.clipped_boxes = coco.clipped_boxes;
  std::vector<std::pair<int64_t, size_t>> labelled;  // image id, place in the plan
  for (size_t i = 0; i < coco.images.size(); ++i) {
    const CocoImage& image = coco.images[i];
    const bool taken = choice.only.empty() || only.contains(i);
    if (!taken) {
      if (listed.contains(i)) {
        problems.Add(absl::StrCat("--labelled names \"", image.file_name, "\", which --only leaves out"));
      }
      continue;
    }
    PlannedPicture& picture = plan.pictures.emplace_back();
    picture.path = (coco.images_dir.empty() ? choice.images_dir : coco.images_dir) / image.file_name;
    picture.header.set_file_name(image.file_name);
    picture.header.set_annotated_width(static_cast<uint32_t>(image.width));
    picture.header.set_annotated_height(static_cast<uint32_t>(image.height));
    if (choice.labelled == "all" || (choice.labelled == "boxes" && with_boxes.contains(image.id)) ||
        listed.contains(i)) {
      labelled.emplace_back(image.id, plan.pictures.size() - 1);
    }
  }
  // The plan no longer grows from here on, so pointers into it stay valid.
  std::unordered_map<int64_t, v1::ImportedLabels*> labels;
  for (const auto& [id, place] : labelled) labels[id] = plan.pictures[place].header.mutable_labels();
  for (const std::string& problem : AddImportedLabels(coco, classes.names(), classes.Listing(), labels)) {
    problems.Add(problem);
  }
  if (plan.pictures.empty()) problems.Add("no image is left to import");
  CheckNames(plan, problems);
  if (absl::Status status = problems.ToStatus(choice.coco_file.string()); !status.ok()) return status;
  grouping->Apply(plan);
  return plan;
}

}  // namespace loupe
