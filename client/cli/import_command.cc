// loupe import
#include <algorithm>
#include <cstdio>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/types/span.h"
#include "client/cli/commands.h"
#include "client/cli/import_plan.h"
#include "client/cli/message_json.h"
#include "client/lib/blob_stream.h"
#include "client/lib/request_id.h"
#include "content/picture_header.h"
#include "loupe/v1/image.grpc.pb.h"

namespace loupe {
namespace {

// Pictures per stream. The coordinator imports a stream whole or not at all; more pictures are sent in
// several.
constexpr size_t kPicturesPerStream = 20000;
constexpr size_t kNamesPrinted = 20;

struct ImportImagesOptions {
  ImportChoice choice;
  bool replace = false;
  bool skip_bad = false;
  bool json = false;
};

using Pictures = absl::Span<const PlannedPicture>;
using Writer = grpc::ClientWriter<v1::ImportRequest>;

// Sends a picture's header and bytes. Sets `open` to false when the coordinator has ended the stream.
absl::Status SendPicture(const PlannedPicture& picture, Writer& writer, bool& open) {
  std::error_code error;
  v1::ImportRequest request;
  *request.mutable_picture() = picture.header;
  request.mutable_picture()->set_size_bytes(std::filesystem::file_size(picture.path, error));
  if (error)
    return absl::NotFoundError(absl::StrCat("can't read ", picture.path.string(), ": ", error.message()));
  open = writer.Write(request);
  if (!open) return absl::OkStatus();
  return ForEachChunk(picture.path, [&](std::string chunk) {
    request.set_chunk(std::move(chunk));
    return open = writer.Write(request);
  });
}

uint64_t TotalBytes(Pictures pictures) {
  uint64_t total = 0;
  for (const PlannedPicture& picture : pictures) {
    std::error_code error;
    const uint64_t size_bytes = std::filesystem::file_size(picture.path, error);
    if (!error) total += size_bytes;  // SendPicture says which file is missing
  }
  return total;
}

// Sends one stream of pictures, without retries. The deadline allows 20 ms for the coordinator's work on
// each.
absl::Status SendStream(const Connection& connection, v1::ImageService::Stub& stub,
                        const v1::ImportRequest& start, Pictures pictures, uint64_t sent_before,
                        Progress& progress, v1::ImportResponse& response) {
  const auto context = connection.NewContext(StreamDeadline(TotalBytes(pictures)) +
                                             absl::Milliseconds(20) * static_cast<int64_t>(pictures.size()));
  response.Clear();
  const auto writer = stub.Import(context.get(), &response);
  bool open = writer->Write(start);
  absl::Status read;
  for (size_t i = 0; i < pictures.size() && open && read.ok(); ++i) {
    read = SendPicture(pictures[i], *writer, open);
    progress.Update(sent_before + i + 1);
  }
  if (!read.ok()) context->TryCancel();
  if (open && read.ok()) {
    v1::ImportRequest end;
    end.mutable_end()->set_pictures(pictures.size());
    writer->Write(end);
  }
  writer->WritesDone();
  const grpc::Status status = writer->Finish();
  return read.ok() ? FromGrpc(status) : read;
}

void AddUp(const v1::ImportResponse& part, v1::ImportResponse& total) {
  total.set_added(total.added() + part.added());
  total.set_known(total.known() + part.known());
  total.set_labelled(total.labelled() + part.labelled());
  total.set_boxes(total.boxes() + part.boxes());
  total.set_boxes_clipped(total.boxes_clipped() + part.boxes_clipped());
  total.set_added_to_pool(total.added_to_pool() + part.added_to_pool());
  total.set_added_to_holdout(total.added_to_holdout() + part.added_to_holdout());
  total.set_boxes_repeated(total.boxes_repeated() + part.boxes_repeated());
  total.set_skipped_total(total.skipped_total() + part.skipped_total());
  for (const std::string& skipped : part.skipped()) {
    if (total.skipped_size() < static_cast<int>(kNamesPrinted)) total.add_skipped(skipped);
  }
  total.set_replaced(total.replaced() + part.replaced());
  total.set_declared_blind(total.declared_blind() + part.declared_blind());
  total.set_holdout_not_blind(total.holdout_not_blind() + part.holdout_not_blind());
  total.set_groups_kept(total.groups_kept() + part.groups_kept());
  total.set_conflicts_total(total.conflicts_total() + part.conflicts_total());
  for (const std::string& name : part.conflicts()) {
    if (total.conflicts_size() < static_cast<int>(kNamesPrinted)) total.add_conflicts(name);
  }
}

Json ResultJson(const v1::ImportResponse& total, const ImportPlan& plan) {
  return {{"added", total.added()},
          {"known", total.known()},
          {"labelled", total.labelled()},
          {"boxes", total.boxes()},
          {"boxes_clipped", total.boxes_clipped() + static_cast<uint64_t>(plan.clipped_boxes)},
          {"added_to_pool", total.added_to_pool()},
          {"added_to_holdout", total.added_to_holdout()},
          {"conflicts", Json(std::vector<std::string>(total.conflicts().begin(), total.conflicts().end()))},
          {"conflicts_total", total.conflicts_total()},
          {"boxes_repeated", total.boxes_repeated()},
          {"skipped", std::vector<std::string>(total.skipped().begin(), total.skipped().end())},
          {"skipped_total", total.skipped_total()},
          {"replaced", total.replaced()},
          {"declared_blind", total.declared_blind()},
          {"holdout_not_blind", total.holdout_not_blind()},
          {"groups_kept", total.groups_kept()},
          {"left_out", plan.left_out},
          {"skipped_folders", plan.skipped_folders},
          {"ungrouped", plan.ungrouped}};
}

void PrintResult(const v1::ImportResponse& total, const ImportPlan& plan) {
  std::printf("%s added (%lu to the pool, %lu to the holdout)\n", Counted(total.added(), "image").c_str(),
              total.added_to_pool(), total.added_to_holdout());
  if (total.labelled() > total.declared_blind()) {
    std::printf("labels of %s taken, with %s\n",
                Counted(total.labelled() - total.declared_blind(), "image").c_str(),
                Counted(total.boxes(), "box").c_str());
  }
  if (total.known() > 0)
    std::printf("known already, byte for byte, and kept once: %s\n",
                Counted(total.known(), "picture").c_str());
  const uint64_t clipped = total.boxes_clipped() + static_cast<uint64_t>(plan.clipped_boxes);
  if (clipped > 0) std::printf("boxes over the edge by at most a pixel, clipped: %lu\n", clipped);
  if (total.skipped_total() > 0) {
    std::printf("left out: %s\n", Counted(total.skipped_total(), "picture").c_str());
    for (const std::string& skipped : total.skipped()) std::printf("  %s\n", Printable(skipped).c_str());
    const uint64_t more = total.skipped_total() - static_cast<uint64_t>(total.skipped_size());
    if (more > 0) std::printf("  and %lu more\n", more);
  }
  if (total.boxes_repeated() > 0) {
    std::printf("boxes that stood there twice, kept once: %lu\n", total.boxes_repeated());
  }
  if (total.replaced() > 0)
    std::printf("labels replaced: of %s\n", Counted(total.replaced(), "image").c_str());
  if (total.declared_blind() > 0) {
    std::printf("labels kept, and counted as drawn blind from now on: of %s\n",
                Counted(total.declared_blind(), "image").c_str());
  }
  if (total.holdout_not_blind() > 0) {
    std::printf(
        "labels of the holdout that neither train nor judge models, since nothing says that they were drawn "
        "blind: of %s. If people drew them without seeing predictions, import the same files again with "
        "--blind.\n",
        Counted(total.holdout_not_blind(), "picture").c_str());
  }
  if (total.groups_kept() > 0) {
    std::printf(
        "groups kept as they were, since the side of an image is decided once: of %s. Other groups "
        "need a new project.\n",
        Counted(total.groups_kept(), "known picture").c_str());
  }
  if (total.conflicts_total() > 0) {
    std::printf("other labels than those that were kept came with %s; --replace takes the new ones:\n",
                Counted(total.conflicts_total(), "picture").c_str());
    for (const std::string& name : total.conflicts()) std::printf("  %s\n", Printable(name).c_str());
  }
}

// Prints to standard error which files were left out and which names match no group.
void PrintNotes(const ImportPlan& plan) {
  if (!plan.left_out.empty()) {
    std::fprintf(stderr, "left out, not being named %s: %zu files\n", kPictureNames, plan.left_out.size());
    for (size_t i = 0; i < std::min(plan.left_out.size(), kNamesPrinted); ++i) {
      std::fprintf(stderr, "  %s\n", Printable(plan.left_out[i]).c_str());
    }
  }
  if (!plan.skipped_folders.empty()) {
    std::fprintf(stderr, "skipped, being hidden or for thumbnails: %zu folders\n",
                 plan.skipped_folders.size());
    for (size_t i = 0; i < std::min(plan.skipped_folders.size(), kNamesPrinted); ++i) {
      std::fprintf(stderr, "  %s\n", Printable(plan.skipped_folders[i]).c_str());
    }
  }
  if (plan.ungrouped > 0) {
    std::fprintf(stderr, "%lu file names don't match --group-by: each of these images is by itself\n",
                 plan.ungrouped);
  }
}

absl::Status SendAll(const Context& context, const ImportPlan& plan, const ImportImagesOptions& options,
                     v1::ImportResponse& total) {
  const absl::StatusOr<Connection> connection = context.Connect();
  if (!connection.ok()) return connection.status();
  v1::ImageService::Stub stub(connection->channel());
  const Pictures pictures(plan.pictures);
  Progress progress("pictures", pictures.size());
  for (size_t begin = 0; begin < pictures.size(); begin += kPicturesPerStream) {
    v1::ImportRequest start;
    start.mutable_start()->set_request_id(NewRequestId());
    start.mutable_start()->set_project(context.project());
    start.mutable_start()->set_blind(options.choice.blind);
    start.mutable_start()->set_replace(options.replace);
    start.mutable_start()->set_skip_bad(options.skip_bad);
    v1::ImportResponse part;
    absl::Status sent = RetryUnavailable(absl::Seconds(30), [&] {
      return SendStream(*connection, stub, start, pictures.subspan(begin, kPicturesPerStream), begin,
                        progress, part);
    });
    if (!sent.ok() && begin > 0) {
      std::fprintf(stderr, "the first %zu pictures are imported; the rest is not\n", begin);
    }
    if (!sent.ok()) return sent;
    AddUp(part, total);
  }
  return absl::OkStatus();
}

absl::Status ImportImages(const Context& context, const ImportImagesOptions& options) {
  if (absl::Status choice = CheckImportChoice(options.choice); !choice.ok()) return choice;
  const auto classes = FetchClasses(context);
  if (!classes.ok()) return classes.status();
  const absl::StatusOr<ImportPlan> plan = PlanImport(options.choice, *classes);
  if (!plan.ok()) return plan.status();
  PrintNotes(*plan);
  v1::ImportResponse total;
  if (absl::Status sent = SendAll(context, *plan, options, total); !sent.ok()) return sent;
  options.json ? PrintJson(ResultJson(total, *plan)) : PrintResult(total, *plan);
  return absl::OkStatus();
}

}  // namespace

void AddImportCommand(CLI::App& parent, Action& action) {
  auto options = std::make_shared<ImportImagesOptions>();
  CLI::App* command = parent.add_subcommand("import", "Import pictures, with or without labels");
  command
      ->add_option("--images", options->choice.images_dir,
                   "Folder of pictures; without --coco, its subfolders too")
      ->required();
  command->add_option("--coco", options->choice.coco_file, "COCO file with the pictures' boxes");
  command->add_option(
      "--labelled", options->choice.labelled,
      "Which images of the COCO file count as labelled: none, boxes (those with boxes), all, or @FILE "
      "with file names or COCO image ids, one per line");
  command->add_option("--only", options->choice.only, "@FILE: take only these images of the COCO file");
  command->add_flag("--blind", options->choice.blind,
                    "The labels were drawn by people who saw no predictions");
  command
      ->add_flag("--replace", options->replace,
                 "Labels that differ from those that an image has take their place, as a further revision")
      ->needs("--coco");
  command->add_flag("--skip-bad", options->skip_bad,
                    "Leave out pictures that can't be used or aren't what their labels say, and list them; a "
                    "fault of the COCO file itself always stops the import");
  command->add_option(
      "--group-by", options->choice.group_by,
      "Regular expression on file names: images with the same first capture group (or the same match) "
      "share a side of the holdout");
  command->add_flag("--json", options->json, "Print the counts as JSON");
  OnChosen(command, action, options, ImportImages);
}

}  // namespace loupe
