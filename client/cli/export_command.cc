// loupe export
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <string>
#include <unordered_set>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/cli/box_export.h"
#include "client/cli/box_filter.h"
#include "client/cli/box_text.h"
#include "client/cli/commands.h"
#include "client/cli/export_names.h"
#include "client/cli/message_json.h"
#include "client/cli/print.h"
#include "client/lib/blob_stream.h"
#include "coco/coco_file.h"
#include "content/sha256.h"
#include "loupe/v1/image.grpc.pb.h"
#include "loupe/v1/project.grpc.pb.h"

namespace loupe {
namespace {

struct ExportLabelsOptions {
  std::string format;
  std::filesystem::path out;
  BoxFilterOptions filter;
  bool lineage = false;
  bool json = false;
};

struct Exported {
  CocoFile coco;
  std::vector<v1::Image> images;  // parallel to coco.images
};

// In an export the label is the category id.
int64_t CategoryIdOf(uint32_t label) { return label; }

CocoAnnotation AnnotationOf(const v1::LabelBox& box, int64_t image_id) {
  CocoAnnotation annotation;
  annotation.id = box.box_id();
  annotation.image_id = image_id;
  annotation.category_id = CategoryIdOf(box.label());
  const double width = static_cast<double>(box.box().x2()) - box.box().x1();
  const double height = static_cast<double>(box.box().y2()) - box.box().y1();
  annotation.bbox = {box.box().x1(), box.box().y1(), width, height};
  annotation.area = width * height;
  annotation.iscrowd = box.ignore();
  return annotation;
}

absl::StatusOr<Exported> FetchLabels(const Connection& connection, const v1::ExportBoxesRequest& request,
                                     const v1::Project& project, bool lineage) {
  const ClassNames classes(project);
  Exported exported;
  const absl::Status status = ReadExport(
      connection, request,
      [&] {
        exported = {};
        for (const v1::Class& one : project.classes())
          exported.coco.categories.push_back({CategoryIdOf(one.label()), one.name()});
        return absl::OkStatus();
      },
      [&](const v1::ExportBoxesResponse& message) {
        for (const v1::FoundBox& found : message.boxes()) {
          CocoAnnotation& annotation =
              exported.coco.annotations.emplace_back(AnnotationOf(found.box(), found.image_id()));
          if (lineage) AppendLineageMembers(annotation.more, found, classes);
        }
        exported.images.insert(exported.images.end(), message.images().begin(), message.images().end());
        return absl::OkStatus();
      });
  if (!status.ok()) return status;
  std::sort(exported.images.begin(), exported.images.end(),
            [](const v1::Image& a, const v1::Image& b) { return a.id() < b.id(); });
  std::sort(exported.coco.annotations.begin(), exported.coco.annotations.end(),
            [](const CocoAnnotation& a, const CocoAnnotation& b) {
              return std::pair(a.image_id, a.id) < std::pair(b.image_id, b.id);
            });
  const std::vector<std::string> names = ExportNames(exported.images);
  for (size_t i = 0; i < names.size(); ++i) {
    const v1::Image& image = exported.images[i];
    exported.coco.images.push_back(
        {image.id(), names[i], static_cast<int>(image.width()), static_cast<int>(image.height())});
  }
  return exported;
}

// Whoever takes the folder as it is would take pictures, too, that were excluded or removed since an earlier
// export. Errors: FAILED_PRECONDITION, naming one.
absl::Status CheckNoOthers(const Exported& exported, const std::filesystem::path& folder) {
  std::unordered_set<std::string> names;
  for (const CocoImage& image : exported.coco.images) names.insert(image.file_name);
  size_t others = 0;
  std::string first;
  std::error_code error;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder, error)) {
    const std::string name = entry.path().lexically_relative(folder).generic_string();
    if (entry.is_directory(error) || names.contains(name)) continue;
    if (others == 0 || name < first) first = name;
    ++others;
  }
  if (others == 0) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(folder.string(), " holds ", Counted(others, "file"), " of something else, as ",
                   Printable(first), ": delete what is not wanted any more, or export to a new folder"));
}

// Files of an earlier export that have the right bytes are not fetched again.
absl::Status SavePictures(const Context& context, const Connection& connection, const Exported& exported,
                          const std::filesystem::path& folder) {
  v1::ImageService::Stub stub(connection.channel());
  Progress progress("pictures", exported.images.size());
  for (size_t i = 0; i < exported.images.size(); ++i) {
    const v1::Image& image = exported.images[i];
    const std::filesystem::path path = folder / exported.coco.images[i].file_name;
    const auto expected = FromBytes(image.sha256());
    if (const auto there = HashOfFile(path); !there.ok() || there.value() != expected) {
      v1::ReadImageRequest request;
      request.set_project(context.project());
      request.set_image_id(image.id());
      absl::Status saved = RetryUnavailable(kInteractive.patience, [&] {
        const auto call = connection.NewContext(StreamDeadline(image.size_bytes()));
        const auto reader = stub.ReadImage(call.get(), request);
        return SaveChunks(*call, *reader, path, expected);
      });
      if (!saved.ok()) return saved;
    }
    progress.Update(i + 1);
  }
  return absl::OkStatus();
}

// Writes DIR/pool.txt or DIR/holdout.txt: one file name per line. Whoever trains on an export can so keep the
// holdout apart (`loupe import --only @pool.txt` reads them).
absl::StatusOr<size_t> WriteSide(const Exported& exported, v1::Side side, const std::filesystem::path& out) {
  absl::StatusOr<IncomingFile> file = IncomingFile::Open(out / absl::StrCat(SideName(side), ".txt"));
  if (!file.ok()) return file.status();
  size_t count = 0;
  for (size_t i = 0; i < exported.images.size(); ++i) {
    if (exported.images[i].side() != side) continue;
    ++count;
    absl::Status written = file->Append(absl::StrCat(exported.coco.images[i].file_name, "\n"));
    if (!written.ok()) return written;
  }
  if (absl::Status done = file->Commit(std::nullopt); !done.ok()) return done;
  return count;
}

absl::Status ExportCoco(const Context& context, const ExportLabelsOptions& options,
                        const Connection& connection, const v1::ExportBoxesRequest& request,
                        const v1::Project& project) {
  v1::ExportBoxesRequest with_images = request;
  with_images.set_with_images(true);
  const absl::StatusOr<Exported> exported = FetchLabels(connection, with_images, project, options.lineage);
  if (!exported.ok()) return exported.status();
  if (exported->images.empty() && request.filter().ByteSizeLong() == 0)
    return absl::FailedPreconditionError("no image is labelled: there is nothing to export");
  if (absl::Status alone = CheckNoOthers(*exported, options.out / "images"); !alone.ok()) return alone;
  absl::Status saved = SavePictures(context, connection, *exported, options.out / "images");
  if (!saved.ok()) return saved;
  const auto pool = WriteSide(*exported, v1::POOL, options.out);
  if (!pool.ok()) return pool.status();
  const auto holdout = WriteSide(*exported, v1::HOLDOUT, options.out);
  if (!holdout.ok()) return holdout.status();
  // Written last: if it exists, the export is complete.
  absl::Status written = WriteCocoFile(exported->coco, options.out / "annotations.json");
  if (!written.ok()) return written;
  const size_t boxes = exported->coco.annotations.size();
  if (options.json) {
    PrintJson(
        {{"images", exported->images.size()}, {"pool", *pool}, {"holdout", *holdout}, {"boxes", boxes}});
  } else {
    std::printf(
        "%zu labelled images with %zu boxes: %zu of the pool (pool.txt), %zu of the holdout (holdout.txt)\n",
        exported->images.size(), boxes, *pool, *holdout);
  }
  return absl::OkStatus();
}

absl::Status ExportLines(const ExportLabelsOptions& options, const Connection& connection,
                         const v1::ExportBoxesRequest& request, const v1::Project& project) {
  const LineFormat format = options.format == "csv" ? LineFormat::kCsv : LineFormat::kJson;
  const absl::StatusOr<SavedBoxes> saved =
      SaveBoxLines(connection, request, ClassNames(project), format, options.out);
  if (!saved.ok()) return saved.status();
  if (options.json) {
    PrintJson({{"images", saved->images}, {"boxes", saved->boxes}});
  } else {
    std::printf("%s of %s\n", Counted(saved->boxes, "box").c_str(), Counted(saved->images, "image").c_str());
  }
  return absl::OkStatus();
}

absl::Status ExportLabels(const Context& context, const ExportLabelsOptions& options) {
  v1::ExportBoxesRequest request;
  request.set_project(context.project());
  const absl::StatusOr<v1::BoxFilter> filter = BoxFilterOf(options.filter);
  if (!filter.ok()) return filter.status();
  *request.mutable_filter() = *filter;
  v1::GetProjectRequest which;
  which.set_project(context.project());
  const auto project = Ask(context, &v1::ProjectService::Stub::GetProject, which);
  if (!project.ok()) return project.status();
  const absl::StatusOr<Connection> connection = context.Connect();
  if (!connection.ok()) return connection.status();
  return options.format == "coco" ? ExportCoco(context, options, *connection, request, *project)
                                  : ExportLines(options, *connection, request, *project);
}

}  // namespace

void AddExportCommand(CLI::App& parent, Action& action) {
  auto options = std::make_shared<ExportLabelsOptions>();
  CLI::App* command = parent.add_subcommand(
      "export", "Save the labels as they are at this moment: all, or those that match what is given");
  command
      ->add_option(
          "--format", options->format,
          "coco: with the pictures; csv, jsonl: one line per box, with where it comes from. In csv a "
          "text that begins with = + - @ has a ' before it, so that no program runs it")
      ->required()
      ->check(CLI::IsMember({"coco", "csv", "jsonl"}));
  command
      ->add_option("--out", options->out,
                   "coco: a folder, for annotations.json, images/, and the sides' file names in pool.txt and "
                   "holdout.txt; csv, jsonl: a file")
      ->required();
  command->add_flag("--lineage", options->lineage,
                    "coco: say of each annotation where it comes from, in fields of Loupe's own. csv and "
                    "jsonl always say it");
  AddBoxFilterOptions(command, options->filter)
      ->description(
          "Images without a box that matches are left out of coco where --origin, --outcome, --class, "
          "--model "
          "or a score is asked for; otherwise images that are clean are in it");
  command->add_flag("--json", options->json, "Print the counts as JSON");
  OnChosen(command, action, options, ExportLabels);
}

}  // namespace loupe
