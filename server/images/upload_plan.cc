#include "server/images/upload_plan.h"

#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "coco/coco_file.h"
#include "coco/imported_labels.h"
#include "proto/error_info.h"

namespace loupe {
namespace {

constexpr size_t kMaxListedProblems = 20;

std::string LastName(const std::string& path) { return path.substr(path.rfind('/') + 1); }

// Finds pictures by the names that a COCO file has for them.
class ChosenPictures {
 public:
  explicit ChosenPictures(const v1::ImportUploadsRequest& request) : request_(request) {
    for (int i = 0; i < request.pictures_size(); ++i) {
      by_path_.emplace(request.pictures(i).path(), i);
      by_last_name_[LastName(request.pictures(i).path())].push_back(i);
    }
  }

  // The picture's place in the request. nullopt: `problem` says why there is none.
  std::optional<int> Find(const std::string& name, std::string& problem) const {
    if (const auto same = by_path_.find(name); same != by_path_.end()) return same->second;
    std::vector<int> fitting;
    if (const auto found = by_last_name_.find(LastName(name)); found != by_last_name_.end()) {
      for (const int place : found->second) {
        const std::string& path = request_.pictures(place).path();
        const bool fits =
            absl::EndsWith(path, absl::StrCat("/", name)) || absl::EndsWith(name, absl::StrCat("/", path));
        if (fits) fitting.push_back(place);
      }
    }
    if (fitting.size() == 1) return fitting[0];
    problem = fitting.empty()
                  ? absl::StrCat("no picture \"", name, "\" was chosen")
                  : absl::StrCat("\"", name, "\" may be ", request_.pictures(fitting[0]).path(), " or ",
                                 request_.pictures(fitting[1]).path(), ": choose one folder of pictures");
    return std::nullopt;
  }

 private:
  const v1::ImportUploadsRequest& request_;
  std::unordered_map<std::string, int> by_path_;
  std::unordered_map<std::string, std::vector<int>> by_last_name_;
};

absl::Status BadCoco(const std::vector<std::string>& problems) {
  const size_t listed = std::min(problems.size(), kMaxListedProblems);
  const std::string more =
      listed < problems.size() ? absl::StrCat("\nand ", problems.size() - listed, " more") : "";
  return Error(
      absl::StatusCode::kInvalidArgument, "BAD_COCO",
      absl::StrCat("nothing was imported:\n",
                   absl::StrJoin(problems.begin(), problems.begin() + static_cast<ptrdiff_t>(listed), "\n"),
                   more));
}

std::string ClassListing(const v1::Project& project) {
  std::vector<std::string> names;
  for (const v1::Class& known : project.classes()) {
    if (!known.retired()) names.push_back(known.name());
  }
  return absl::StrJoin(names, ", ");
}

}  // namespace

UploadPlan PlanPictures(const v1::ImportUploadsRequest& request) {
  UploadPlan plan;
  for (const v1::UploadedPicture& picture : request.pictures()) {
    plan.places.push_back(plan.headers.size());
    plan.headers.emplace_back().set_file_name(picture.path());
  }
  return plan;
}

absl::StatusOr<UploadPlan> PlanCoco(const v1::ImportUploadsRequest& request, const v1::Project& project,
                                    std::string_view json) {
  const absl::StatusOr<CocoFile> coco = ParseCocoFile(json, "the COCO file");
  if (!coco.ok()) {
    return Error(absl::StatusCode::kInvalidArgument, "BAD_COCO", std::string(coco.status().message()));
  }
  std::unordered_set<int64_t> with_boxes;
  for (const CocoAnnotation& annotation : coco->annotations) with_boxes.insert(annotation.image_id);

  const ChosenPictures chosen(request);
  UploadPlan plan;
  plan.boxes_clipped = static_cast<uint64_t>(coco->clipped_boxes);
  plan.headers.reserve(coco->images.size());  // pointers into it stay valid
  std::vector<std::string> problems;
  std::unordered_set<int> taken;
  std::unordered_map<int64_t, v1::ImportedLabels*> labels;
  for (const CocoImage& image : coco->images) {
    std::string problem;
    const std::optional<int> place = chosen.Find(image.file_name, problem);
    if (place.has_value() && !taken.insert(*place).second) {
      problem = absl::StrCat("two images are the picture ", request.pictures(*place).path());
    }
    if (!problem.empty()) {
      problems.push_back(absl::StrCat("image ", image.id, ": ", problem));
      continue;
    }
    v1::PictureHeader& header = plan.headers.emplace_back();
    plan.places.push_back(static_cast<size_t>(*place));
    header.set_file_name(image.file_name);
    header.set_annotated_width(static_cast<uint32_t>(image.width));
    header.set_annotated_height(static_cast<uint32_t>(image.height));
    if (request.labelled() == v1::LABELLED_ALL || with_boxes.contains(image.id)) {
      labels[image.id] = header.mutable_labels();
    }
  }
  std::vector<std::string> class_names;
  for (const v1::Class& known : project.classes()) class_names.push_back(known.name());
  for (std::string& problem : AddImportedLabels(*coco, class_names, ClassListing(project), labels)) {
    problems.push_back(std::move(problem));
  }
  if (plan.headers.empty() && problems.empty()) problems.push_back("the COCO file names no image");
  if (!problems.empty()) return BadCoco(problems);
  for (int i = 0; i < request.pictures_size(); ++i) {
    if (!taken.contains(i)) plan.left_out.push_back(static_cast<size_t>(i));
  }
  return plan;
}

}  // namespace loupe
