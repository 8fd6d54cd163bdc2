// loupe status
#include <cstdio>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/cli/commands.h"
#include "client/cli/message_json.h"
#include "loupe/v1/project.grpc.pb.h"
#include "loupe/v1/round.grpc.pb.h"

namespace loupe {
namespace {

struct StatusOptions {
  bool json = false;
};

std::string WorkerText(const v1::WorkerStatus& worker) {
  const std::string work =
      worker.job().empty() ? "idle"
                           : absl::StrCat(worker.job(), ", round ", worker.round(), " of ", worker.project());
  return worker.is_here() ? work : absl::StrCat("gone, last heard of ", TimeText(worker.last_heard()));
}

// Of the step that runs; nullopt: none does, or no rate is known yet.
absl::StatusOr<std::optional<double>> SecondsLeft(const Context& context, const v1::ProjectStatus& status) {
  if (status.latest_round() == 0) return std::nullopt;
  v1::GetRoundRequest request;
  request.set_project(status.project().name());
  request.set_number(status.latest_round());
  const auto round = Ask(context, &v1::RoundService::Stub::GetRound, request);
  if (!round.ok()) return round.status();
  return round->has_seconds_left() ? std::optional(round->seconds_left()) : std::nullopt;
}

// What everybody is told.
Table StandingTable(const v1::ProjectStatus& status, const std::optional<double>& seconds_left) {
  Table table({"project", status.project().name()});
  const uint32_t round = status.latest_round();
  const std::string left =
      seconds_left.has_value() ? absl::StrCat(", about ", AboutTime(*seconds_left), " left") : "";
  table.Add({"latest round",
             round == 0 ? "none yet" : absl::StrCat(round, ", ", status.latest_round_state(), left)});
  table.Add(
      {"serving model", status.serving_model() == 0 ? "none yet" : absl::StrCat(status.serving_model())});
  table.Add({"images that people hold now", absl::StrCat(status.open_leases())});
  return table;
}

// What annotators aren't told.
void AddCounts(const v1::ProjectStatus& status, Table& table) {
  const bool all_labelled = status.queue_length() == 0 && status.pool_labelled() == status.pool_images();
  table.Add({"images in the queue now", all_labelled ? "none: all of the pool that can be used are labelled"
                                                     : absl::StrCat(status.queue_length())});
  table.Add({"boxes", absl::StrCat(status.boxes_imported(), " imported, ", status.boxes_accepted(),
                                   " accepted, ", status.boxes_adjusted(), " adjusted, ",
                                   status.boxes_relabelled(), " relabelled, ", status.boxes_drawn(),
                                   " drawn, ", status.boxes_copied(), " copied; ", status.boxes_rejected(),
                                   " predicted ones rejected, ", status.boxes_dropped(), " dropped")});
  table.Add({"holdout", status.holdout_labelled() == 0      ? "none labelled yet"
                        : status.holdout_is_random_sample() ? "a random sample"
                                                            : "imported, not a random sample"});
  if (status.holdout_not_blind() > 0) {
    table.Add(
        {"  labels that don't count",
         absl::StrCat("of ", Counted(status.holdout_not_blind(), "image"),
                      ", since predictions may have been seen: if not, import them again with --blind")});
  }
  if (status.answers_beside_truth() > 0) {
    table.Add(
        {"answers beside the truth",
         absl::StrCat(status.answers_beside_truth(), ", second opinions and planted ones: `loupe quality`")});
  }
  const uint64_t unusable = status.images_set_aside() + status.images_excluded() + status.images_removed();
  if (unusable > 0) {
    table.Add(
        {"images not used",
         absl::StrCat(status.images_set_aside(), " set aside, ", status.images_excluded(), " excluded, ",
                      status.images_removed(), " removed: `loupe image list --unusable` names them")});
  }
  for (const v1::WorkerStatus& worker : status.workers()) {
    table.Add({absl::StrCat("worker ", worker.name()), WorkerText(worker)});
  }
  if (status.workers().empty())
    table.Add({"workers", "none was heard of in the last hour: loupe-worker run starts one"});
}

Table SidesTable(const v1::ProjectStatus& status) {
  Table sides({"", "images", "labelled"});
  if (TellsSplit(status.project())) {
    sides.Add({"pool", absl::StrCat(status.pool_images()), absl::StrCat(status.pool_labelled())});
    sides.Add({"holdout", absl::StrCat(status.holdout_images()), absl::StrCat(status.holdout_labelled())});
  } else {
    sides.Add({"all", absl::StrCat(status.images()), absl::StrCat(status.labelled())});
  }
  return sides;
}

Table ClassesTable(const v1::ProjectStatus& status) {
  Table classes({"class", "boxes", "images", status.holdout_images() > 0 ? "(pool and holdout)" : ""});
  for (const v1::ClassCount& count : status.class_counts()) {
    classes.Add({count.class_().name(), absl::StrCat(count.boxes()), absl::StrCat(count.images()),
                 count.class_().retired() ? "retired"
                 : count.images_to_look_at() > 0
                     ? absl::StrCat(Counted(count.images_to_look_at(), "labelled image"), " to be looked at")
                     : ""});
  }
  return classes;
}

void PrintStatus(const v1::ProjectStatus& status, const std::optional<double>& seconds_left) {
  Table standing = StandingTable(status, seconds_left);
  if (TellsSplit(status.project())) AddCounts(status, standing);
  std::string text = absl::StrCat(standing.Text(), "\n", SidesTable(status).Text());
  if (TellsSplit(status.project())) absl::StrAppend(&text, "\n", ClassesTable(status).Text());
  std::fwrite(text.data(), 1, text.size(), stdout);
}

absl::Status Status(const Context& context, const StatusOptions& options) {
  v1::GetStatusRequest request;
  request.set_project(context.project());
  const auto status = Ask(context, &v1::ProjectService::Stub::GetStatus, request);
  if (!status.ok()) return status.status();
  const absl::StatusOr<std::optional<double>> left = SecondsLeft(context, *status);
  if (!left.ok()) return left.status();
  Json json = StatusJson(*status);
  if (left->has_value()) json["latest_round_seconds_left"] = **left;
  options.json ? PrintJson(json) : PrintStatus(*status, *left);
  return absl::OkStatus();
}

}  // namespace

void AddStatusCommand(CLI::App& parent, Action& action) {
  auto status = std::make_shared<StatusOptions>();
  CLI::App* command =
      parent.add_subcommand("status", "The state of a project: images, labels, rounds, queue");
  command->add_flag("--json", status->json, "Print JSON");
  OnChosen(command, action, status, Status);
}

}  // namespace loupe
