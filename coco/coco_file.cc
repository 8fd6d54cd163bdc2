#include "coco/coco_file.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "coco/coco_text.h"
#include "content/text.h"

namespace loupe {
namespace {

namespace fs = std::filesystem;

constexpr double kOverhangPixels = 1.0;

// What a name holds that it must not; null: nothing.
const char* HeldControl(const std::string& name) {
  if (name.find('\0') != std::string::npos) return "a NUL";
  return HasControlCharacter(name) ? "a control character" : nullptr;
}

// What is wrong with a picture's name; nullopt for a good name. A name must not lead out of the images'
// folder.
std::optional<std::string> NameProblem(const std::string& name) {
  if (name.empty()) return "\"file_name\" is empty";
  const std::string shown = absl::StrCat("file name \"", absl::Utf8SafeCEscape(name), "\"");
  if (const char* const held = HeldControl(name)) return absl::StrCat(shown, " holds ", held);
  if (name.front() == '/')
    return absl::StrCat(shown, " is absolute; it must be relative to the images' folder");
  for (const absl::string_view part : absl::StrSplit(name, '/')) {
    if (part == "..") return absl::StrCat(shown, " leads out of the images' folder");
  }
  return std::nullopt;
}

std::string Describe(const std::array<double, 4>& box) {
  return absl::StrCat("box [", box[0], ", ", box[1], ", ", box[2], ", ", box[3], "]");
}

// Reads one document into a CocoFile and collects every problem.
class CocoReader {
 public:
  CocoReader(const CocoReadOptions& options, CocoProblems& problems)
      : options_(options), problems_(problems) {}

  CocoFile Read(simdjson::dom::element root) {
    simdjson::dom::object object;
    if (root.get(object) != simdjson::SUCCESS) {
      problems_.Add("the file is not a JSON object with \"images\", \"annotations\" and \"categories\"");
      return {};
    }
    ForEach(object, "images", "image", [this](CocoFields& fields) { ReadImage(fields); });
    ForEach(object, "categories", "category", [this](CocoFields& fields) { ReadCategory(fields); });
    ForEach(object, "annotations", "annotation", [this](CocoFields& fields) { ReadAnnotation(fields); });
    return std::move(file_);
  }

 private:
  bool for_truth() const { return options_.purpose == CocoPurpose::kTruth; }

  // Problems name an object by its id, or by its place in the list if the id can't be read.
  template <typename ReadOne>
  void ForEach(simdjson::dom::object root, const char* list_name, const char* item_name,
               const ReadOne& read_one) {
    simdjson::dom::array list;
    if (root.at_key(list_name).get(list) != simdjson::SUCCESS) {
      problems_.Add(absl::StrCat("the file has no list \"", list_name, "\""));
      return;
    }
    size_t place = 0;
    for (const simdjson::dom::element item : list) {
      const std::string where = absl::StrCat("entry ", ++place, " of \"", list_name, "\"");
      simdjson::dom::object object;
      if (item.get(object) != simdjson::SUCCESS) {
        problems_.Add(absl::StrCat(where, ": is not an object"));
        continue;
      }
      CocoFields fields(object, where, problems_);
      const std::optional<int64_t> id = fields.WholeNumber("id");
      if (!id.has_value()) continue;
      id_ = *id;
      fields.set_where(absl::StrCat(item_name, " ", id_));
      read_one(fields);
    }
  }

  void ReadImage(CocoFields& fields) {
    CocoImage image;
    image.id = id_;
    if (!images_.emplace(id_, file_.images.size()).second) {
      fields.AddProblem("this image id is there twice");
      return;
    }
    if (for_truth()) {
      ReadName(fields, image);
      image.width = ReadSize(fields, "width");
      image.height = ReadSize(fields, "height");
    }
    file_.images.push_back(std::move(image));
  }

  // The first name decides where all pictures are.
  const fs::path& FolderOf(const std::string& name) {
    if (!file_.images_dir.empty()) return file_.images_dir;
    file_.images_dir = options_.images_dir;
    const fs::path folder =
        options_.images_dir.has_filename() ? options_.images_dir : options_.images_dir.parent_path();
    const fs::path above = folder.parent_path().empty() ? fs::path(".") : folder.parent_path();
    std::error_code error;
    const bool begins_with_it = *fs::path(name).begin() == folder.filename();
    const fs::path inside = folder / "images";
    if (fs::exists(folder / name, error)) return file_.images_dir;
    if (begins_with_it && fs::exists(above / name, error)) {
      file_.images_dir = above;
    } else if (fs::exists(inside / name, error)) {
      file_.images_dir = inside;
    }
    return file_.images_dir;
  }

  void ReadName(CocoFields& fields, CocoImage& image) {
    std::optional<std::string> name = fields.Text("file_name");
    if (!name.has_value()) return;
    const std::optional<std::string> problem = NameProblem(*name);
    std::error_code error;
    if (problem.has_value()) {
      fields.AddProblem(*problem);
    } else if (!file_names_.insert(*name).second) {
      fields.AddProblem(absl::StrCat("file name \"", absl::Utf8SafeCEscape(*name), "\" is there twice"));
    } else if (!options_.images_dir.empty() && !fs::is_regular_file(FolderOf(*name) / *name, error)) {
      fields.AddProblem(
          absl::StrCat("no file \"", absl::Utf8SafeCEscape(*name), "\" in ", file_.images_dir.string()));
    }
    image.file_name = *std::move(name);
  }

  static int ReadSize(CocoFields& fields, const char* name) {
    if (!fields.Has(name)) return 0;
    const std::optional<int64_t> size = fields.WholeNumber(name);
    if (!size.has_value()) return 0;
    if (*size > 0 && *size <= std::numeric_limits<int>::max()) return static_cast<int>(*size);
    fields.AddProblem(absl::StrCat("\"", name, "\" is ", *size, "; it must be from 1 to ",
                                   std::numeric_limits<int>::max()));
    return 0;
  }

  void ReadCategory(CocoFields& fields) {
    CocoCategory category;
    category.id = id_;
    if (!categories_.insert(id_).second) {
      fields.AddProblem("this category id is there twice");
      return;
    }
    if (for_truth() || fields.Has("name")) {
      category.name = fields.Text("name").value_or("");
      if (for_truth()) CheckCategoryName(fields, category.name);
    }
    file_.categories.push_back(std::move(category));
  }

  void CheckCategoryName(const CocoFields& fields, const std::string& name) {
    if (!fields.Has("name")) return;
    if (name.empty()) fields.AddProblem("\"name\" is empty or not a text");
    if (const char* const held = HeldControl(name)) fields.AddProblem(absl::StrCat("\"name\" holds ", held));
    if (!name.empty() && !category_names_.insert(name).second) {
      fields.AddProblem(absl::StrCat("the name \"", absl::Utf8SafeCEscape(name), "\" is there twice"));
    }
  }

  void ReadAnnotation(CocoFields& fields) {
    CocoAnnotation annotation;
    annotation.id = id_;
    if (!annotations_.insert(id_).second) {
      fields.AddProblem("this annotation id is there twice");
      return;
    }
    const std::optional<int64_t> image_id = fields.WholeNumber("image_id");
    const std::optional<int64_t> category_id = fields.WholeNumber("category_id");
    const auto bbox = fields.FourNumbers("bbox");
    const std::optional<double> area = fields.Has("area") ? fields.Number("area") : 0;
    const std::optional<bool> iscrowd = fields.Has("iscrowd") ? fields.Flag("iscrowd") : false;
    if (!image_id || !category_id || !bbox || !area || !iscrowd) return;

    annotation.image_id = *image_id;
    annotation.category_id = *category_id;
    annotation.bbox = *bbox;
    annotation.iscrowd = *iscrowd;
    const auto image = images_.find(*image_id);
    if (image == images_.end()) fields.AddProblem(absl::StrCat("unknown image ", *image_id));
    if (!categories_.contains(*category_id)) {
      fields.AddProblem(absl::StrCat("unknown category ", *category_id));
    }
    if (for_truth() && image != images_.end()) {
      CheckBox(fields, file_.images[image->second], annotation.bbox);
    }
    annotation.area = fields.Has("area") ? *area : annotation.bbox[2] * annotation.bbox[3];
    if (!std::isfinite(annotation.area)) {
      fields.AddProblem(
          absl::StrCat(Describe(annotation.bbox), " has an area that is too large for a number"));
    }
    file_.annotations.push_back(annotation);
  }

  // Clips an overhang of at most a pixel. Needs the image's size; without it only the box is checked.
  void CheckBox(const CocoFields& fields, const CocoImage& image, std::array<double, 4>& box) {
    if (box[2] <= 0 || box[3] <= 0) {
      fields.AddProblem(absl::StrCat(Describe(box), " has no size; width and height must be above 0"));
      return;
    }
    if (image.width == 0 || image.height == 0) return;
    const ClipResult clip = ClipOverhang(image.width, image.height, box);
    if (!clip.fits) {
      fields.AddProblem(absl::StrCat(Describe(box), " is outside image ", image.id, " (", image.width, " x ",
                                     image.height, ") by more than a pixel"));
      return;
    }
    file_.clipped_boxes += static_cast<int64_t>(clip.overhang > 0);
  }

  const CocoReadOptions& options_;
  CocoProblems& problems_;
  CocoFile file_;
  int64_t id_ = 0;
  absl::flat_hash_map<int64_t, size_t> images_;  // id -> index
  absl::flat_hash_set<int64_t> annotations_;
  absl::flat_hash_set<int64_t> categories_;
  absl::flat_hash_set<std::string> file_names_;
  absl::flat_hash_set<std::string> category_names_;
};

absl::StatusOr<CocoFile> ParseText(const simdjson::padded_string& text, const std::string& name,
                                   const CocoReadOptions& options) {
  simdjson::dom::parser parser;
  const absl::StatusOr<simdjson::dom::element> root = ParseJson(parser, text, name);
  if (!root.ok()) return root.status();
  CocoProblems problems;
  CocoFile file = CocoReader(options, problems).Read(*root);
  if (!problems.empty()) return problems.ToStatus(name);
  return file;
}

std::string Quoted(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

void WriteImage(std::string& out, const CocoImage& image) {
  absl::StrAppend(&out, "{\"id\": ", image.id, ", \"file_name\": ", Quoted(image.file_name));
  if (image.width > 0) absl::StrAppend(&out, ", \"width\": ", image.width);
  if (image.height > 0) absl::StrAppend(&out, ", \"height\": ", image.height);
  out += '}';
}

void WriteCategory(std::string& out, const CocoCategory& category) {
  absl::StrAppend(&out, "{\"id\": ", category.id, ", \"name\": ", Quoted(category.name), "}");
}

void WriteAnnotation(std::string& out, const CocoAnnotation& annotation) {
  absl::StrAppend(&out, "{\"id\": ", annotation.id, ", \"image_id\": ", annotation.image_id,
                  ", \"category_id\": ", annotation.category_id, ", \"bbox\": [");
  for (size_t i = 0; i < annotation.bbox.size(); ++i) {
    if (i > 0) out += ", ";
    AppendNumber(out, annotation.bbox[i]);
  }
  out += "], \"area\": ";
  AppendNumber(out, annotation.area);
  absl::StrAppend(&out, ", \"iscrowd\": ", annotation.iscrowd ? 1 : 0, annotation.more, "}");
}

// Appends `before` and a list of the file.
template <typename Item>
absl::Status WriteList(WholeFile& out, const char* before, const char* name, const std::vector<Item>& items,
                       void (*write_item)(std::string&, const Item&)) {
  absl::Status written = out.Append(absl::StrCat(before, "\"", name, "\": ["));
  std::string line;
  for (size_t i = 0; written.ok() && i < items.size(); ++i) {
    line = i == 0 ? "\n" : ",\n";
    write_item(line, items[i]);
    written = out.Append(line);
  }
  return written.ok() ? out.Append("\n]") : written;
}

absl::Status WriteLists(WholeFile& out, const CocoFile& file) {
  absl::Status written = WriteList(out, "{\n", "images", file.images, WriteImage);
  if (written.ok()) written = WriteList(out, ",\n", "annotations", file.annotations, WriteAnnotation);
  if (written.ok()) written = WriteList(out, ",\n", "categories", file.categories, WriteCategory);
  return written.ok() ? out.Append("\n}\n") : written;
}

}  // namespace

ClipResult ClipOverhang(int width, int height, std::array<double, 4>& box) {
  const std::array<double, 2> limits = {static_cast<double>(width), static_cast<double>(height)};
  std::array<double, 4> clipped = box;
  double overhang = 0;
  for (size_t axis = 0; axis < limits.size(); ++axis) {
    const double end = box[axis] + box[axis + 2];
    overhang = std::max({overhang, -box[axis], end - limits[axis]});
    clipped[axis] = std::max(box[axis], 0.0);
    if (box[axis] < 0 || end > limits[axis]) clipped[axis + 2] = std::min(end, limits[axis]) - clipped[axis];
  }
  const bool fits = overhang <= kOverhangPixels && clipped[2] > 0 && clipped[3] > 0;
  if (fits) box = clipped;
  return {overhang, fits};
}

absl::StatusOr<CocoFile> ReadCocoFile(const fs::path& path, const CocoReadOptions& options) {
  const absl::StatusOr<simdjson::padded_string> text = LoadText(path);
  if (!text.ok()) return text.status();
  return ParseText(*text, path.string(), options);
}

absl::StatusOr<CocoFile> ParseCocoFile(std::string_view json, const std::string& name,
                                       const CocoReadOptions& options) {
  return ParseText(simdjson::padded_string(json), name, options);
}

absl::Status WriteCocoFile(const CocoFile& file, const fs::path& path) {
  for (const CocoAnnotation& annotation : file.annotations) {
    const bool finite =
        std::isfinite(annotation.area) && std::all_of(annotation.bbox.begin(), annotation.bbox.end(),
                                                      [](double number) { return std::isfinite(number); });
    if (!finite) {
      return absl::InvalidArgumentError(
          absl::StrCat("annotation ", annotation.id, " holds a number that is not finite"));
    }
  }
  return WriteText(path, [&](WholeFile& out) { return WriteLists(out, file); });
}

}  // namespace loupe
