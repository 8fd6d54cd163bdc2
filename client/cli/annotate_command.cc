// loupe annotate --oracle: an annotator that takes its corrections from a COCO file, with the same calls as a
// person.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <optional>
#include <random>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/cli/commands.h"
#include "client/cli/correction_log.h"
#include "client/cli/message_json.h"
#include "client/cli/option_check.h"
#include "client/cli/oracle.h"
#include "client/lib/request_id.h"
#include "loupe/v1/labeling.grpc.pb.h"

namespace loupe {
namespace {

// Tasks taken at a time; the annotation page prefetches as many.
constexpr uint64_t kPrefetch = 8;

struct AnnotateOptions {
  std::string oracle;
  std::optional<uint64_t> tasks;
  double blind_error = 0;
  uint64_t seed = 1;
  double patience_s = 60;
  std::string log;
  bool json = false;
};

// The indexes of predictions that no box names.
std::set<uint32_t> Unnamed(const google::protobuf::RepeatedPtrField<v1::PredictedBox>& predictions,
                           const std::vector<v1::CorrectedBox>& boxes) {
  std::set<uint32_t> unnamed;
  for (const v1::PredictedBox& prediction : predictions) unnamed.insert(prediction.index());
  for (const v1::CorrectedBox& box : boxes) {
    if (box.has_predicted_index()) unnamed.erase(box.predicted_index());
  }
  return unnamed;
}

struct Summary {
  uint64_t tasks = 0;
  uint64_t blind = 0;
  uint64_t late = 0;
  uint64_t accepted = 0;
  uint64_t adjusted = 0;
  uint64_t relabelled = 0;
  uint64_t drawn = 0;
  uint64_t copied = 0;  // by a person, in an answer that the task corrects
  uint64_t removed = 0;
};

class Annotator {
 public:
  Annotator(Connection connection, std::string project, Oracle oracle, const AnnotateOptions& options)
      : connection_(std::move(connection)),
        stub_(connection_.channel()),
        project_(std::move(project)),
        oracle_(std::move(oracle)),
        options_(options),
        call_{.patience = absl::Seconds(options.patience_s)} {}

  void LogTo(CorrectionLog log) { log_.emplace(std::move(log)); }
  const Summary& summary() const { return summary_; }

  // Submits corrections until the wanted number of tasks is done or none is left. On an error it releases the
  // tasks that it still holds.
  absl::Status Run() {
    Progress progress("tasks", options_.tasks.value_or(0));
    while (!options_.tasks || summary_.tasks < *options_.tasks) {
      const uint64_t left = options_.tasks ? *options_.tasks - summary_.tasks : kPrefetch;
      const auto tasks = Next(std::min(left, kPrefetch));
      if (!tasks.ok()) return tasks.status();
      if (tasks->tasks().empty()) return absl::OkStatus();
      for (int i = 0; i < tasks->tasks_size(); ++i) {
        absl::Status submitted = Submit(tasks->tasks(i));
        if (!submitted.ok()) {
          Release(*tasks, i);
          return submitted;
        }
        progress.Update(++summary_.tasks);
      }
    }
    return absl::OkStatus();
  }

 private:
  absl::StatusOr<v1::NextTasksResponse> Next(uint64_t count) {
    v1::NextTasksRequest request;
    request.set_request_id(NewRequestId());
    request.set_project(project_);
    request.set_count(static_cast<uint32_t>(count));
    return Call(connection_, stub_, &v1::LabelingService::Stub::NextTasks, request, call_);
  }

  absl::Status Submit(const v1::Task& task) {
    const std::vector<TruthBox>* truth = oracle_.Find(task.image().file_name());
    if (truth == nullptr) {
      return absl::NotFoundError(absl::StrCat(options_.oracle, " has no image ",
                                              Printable(task.image().file_name()), " (image ",
                                              task.image().id(), "); its task was released"));
    }
    v1::SubmitRequest request;
    request.set_request_id(NewRequestId());
    request.set_task_id(task.task_id());
    request.set_lease(task.lease());
    // The image is part of the seed, so that the errors of a blind task don't depend on the order of tasks.
    std::mt19937_64 random(options_.seed ^ static_cast<uint64_t>(task.image().id()) * 0x9e3779b97f4a7c15u);
    const auto boxes = task.blind() ? DrawBlind(*truth, task.image(), options_.blind_error, random)
                                    : Review({task.predictions().begin(), task.predictions().end()}, *truth);
    request.mutable_boxes()->Assign(boxes.begin(), boxes.end());
    request.set_client("loupe annotate");
    for (const uint32_t index : Unnamed(task.predictions(), boxes)) request.add_rejected(index);
    const auto response = Call(connection_, stub_, &v1::LabelingService::Stub::Submit, request, call_);
    if (!response.ok()) return response.status();
    summary_.blind += task.blind();
    summary_.late += response->late();
    summary_.accepted += response->accepted();
    summary_.adjusted += response->adjusted();
    summary_.relabelled += response->relabelled();
    summary_.drawn += response->drawn();
    summary_.copied += response->copied();
    summary_.removed += response->rejected() + response->removed();
    return log_ ? log_->Append(task.image().id(), request, *response) : absl::OkStatus();
  }

  // Failure is ignored: leases that are not released expire.
  void Release(const v1::NextTasksResponse& tasks, int first) {
    v1::ReleaseRequest request;
    request.set_request_id(NewRequestId());
    for (int i = first; i < tasks.tasks_size(); ++i) {
      v1::TaskLease* lease = request.add_tasks();
      lease->set_task_id(tasks.tasks(i).task_id());
      lease->set_lease(tasks.tasks(i).lease());
    }
    (void)Call(connection_, stub_, &v1::LabelingService::Stub::Release, request,
               {.patience = absl::Seconds(3)});
  }

  Connection connection_;
  v1::LabelingService::Stub stub_;
  std::string project_;
  Oracle oracle_;
  const AnnotateOptions& options_;
  CallOptions call_;
  std::optional<CorrectionLog> log_;
  Summary summary_;
};

void PrintSummary(const Summary& summary, double seconds, bool json) {
  if (json) {
    PrintJson({{"tasks", summary.tasks},
               {"blind", summary.blind},
               {"late", summary.late},
               {"accepted", summary.accepted},
               {"adjusted", summary.adjusted},
               {"relabelled", summary.relabelled},
               {"drawn", summary.drawn},
               {"copied", summary.copied},
               {"removed", summary.removed},
               {"seconds", seconds}});
    return;
  }
  std::printf("%lu tasks answered (%lu of them blind) in %.1f s\n", summary.tasks, summary.blind, seconds);
  std::printf("boxes: %lu accepted, %lu adjusted, %lu relabelled, %lu drawn, %lu copied, %lu removed\n",
              summary.accepted, summary.adjusted, summary.relabelled, summary.drawn, summary.copied,
              summary.removed);
  if (summary.late > 0) std::printf("%lu corrections came after their lease had ended\n", summary.late);
}

absl::Status Annotate(const Context& asked, const AnnotateOptions& options) {
  const absl::StatusOr<CocoFile> coco = ReadCocoFile(options.oracle);
  if (!coco.ok()) return coco.status();
  const absl::StatusOr<Context> named = NamedProject(asked, {.patience = absl::Seconds(options.patience_s)});
  if (!named.ok()) return named.status();
  const Context& context = *named;
  const auto classes = FetchClasses(context, {.patience = absl::Seconds(options.patience_s)});
  if (!classes.ok()) return classes.status();
  absl::StatusOr<Oracle> oracle = Oracle::FromCoco(*coco, *classes);
  if (!oracle.ok()) return oracle.status();
  absl::StatusOr<Connection> connection = context.Connect();
  if (!connection.ok()) return connection.status();
  Annotator annotator(*std::move(connection), context.project(), *std::move(oracle), options);
  if (!options.log.empty()) {
    absl::StatusOr<CorrectionLog> log = CorrectionLog::Open(options.log);
    if (!log.ok()) return log.status();
    annotator.LogTo(*std::move(log));
  }
  const absl::Time start = absl::Now();
  absl::Status status = annotator.Run();
  PrintSummary(annotator.summary(), absl::ToDoubleSeconds(absl::Now() - start), options.json);
  if (status.ok() && options.tasks && annotator.summary().tasks < *options.tasks) {
    std::fprintf(stderr, "no more images wait to be labelled: %lu of %lu tasks were there\n",
                 annotator.summary().tasks, *options.tasks);
  }
  return status;
}

}  // namespace

void AddAnnotateCommand(CLI::App& parent, Action& action) {
  auto options = std::make_shared<AnnotateOptions>();
  CLI::App* command =
      parent.add_subcommand("annotate", "Rehearse: submit corrections from a COCO file that holds the truth");
  command->add_option("--oracle", options->oracle, "COCO file with the truth, by file name")->required();
  command->add_option("--tasks", options->tasks, "Stop after this many tasks; default: all there are");
  command
      ->add_option("--blind-error", options->blind_error,
                   "Probability that a box of a blind task is missed or drawn badly, 0 to 1 (0)")
      ->check(CLI::Range(0.0, 1.0));
  command->add_option("--seed", options->seed, "Seed of these errors (1)");
  command
      ->add_option("--patience", options->patience_s,
                   "Seconds to keep trying while the coordinator is away (60)")
      ->check(AtLeast(0));
  command->add_option(
      "--log", options->log,
      "Append a JSON line for each acknowledged correction: image_id, task_id, revision_id, revision, "
      "boxes_sha256");
  command->add_flag("--json", options->json, "Print the summary as JSON");
  OnChosen(command, action, options, Annotate);
}

}  // namespace loupe
