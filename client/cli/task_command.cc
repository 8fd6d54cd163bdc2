// loupe next, reopen, submit, skip, release, renew, queue
#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cli/commands.h"
#include "client/cli/task_json.h"
#include "client/lib/blob_stream.h"
#include "client/lib/request_id.h"
#include "content/sha256.h"
#include "loupe/v1/image.grpc.pb.h"
#include "loupe/v1/labeling.grpc.pb.h"

namespace loupe {
namespace {

struct NextOptions {
  bool take_new = false;
  bool skipped = false;
  uint32_t count = 1;
  std::string picture;
};

struct ReopenOptions {
  std::string image;
  std::string picture;
};

struct SkipOptions {
  std::string file = "-";
  std::string reason;
};

struct TaskOptions {
  std::string file = "-";
  bool json = false;
};

struct QueueOptions {
  uint32_t limit = 20;
  bool json = false;
};

absl::Status SavePicture(const Context& context, const v1::Image& image, const std::string& path) {
  const absl::StatusOr<Connection> connection = context.Connect();
  if (!connection.ok()) return connection.status();
  v1::ImageService::Stub stub(connection->channel());
  v1::ReadImageRequest request;
  request.set_project(context.project());
  request.set_image_id(image.id());
  const auto call = connection->NewContext(StreamDeadline(image.size_bytes()));
  const auto reader = stub.ReadImage(call.get(), request);
  return SaveChunks(*call, *reader, path, FromBytes(image.sha256()));
}

v1::TaskLease LeaseOf(const v1::Task& task) {
  v1::TaskLease lease;
  lease.set_task_id(task.task_id());
  lease.set_lease(task.lease());
  return lease;
}

absl::Status ReleaseTask(const Context& context, const v1::TaskLease& lease) {
  v1::ReleaseRequest request;
  request.set_request_id(NewRequestId());
  *request.add_tasks() = lease;
  return Ask(context, &v1::LabelingService::Stub::Release, request).status();
}

// Prints a task that was taken just now. When its picture can't be saved, the task is released.
absl::Status ShowTaken(const Context& context, const v1::Task& task, const ClassNames& classes,
                       const std::string& picture) {
  if (!picture.empty()) {
    const absl::Status saved = SavePicture(context, task.image(), picture);
    if (!saved.ok()) (void)ReleaseTask(context, LeaseOf(task));  // else its lease expires
    if (!saved.ok()) return saved;
  }
  PrintJson(TaskJson(task, classes));
  return absl::OkStatus();
}

absl::StatusOr<std::vector<v1::Task>> OpenTasks(const Context& context) {
  v1::ListOpenTasksRequest request;
  request.set_project(context.project());
  const auto open = Ask(context, &v1::LabelingService::Stub::ListOpenTasks, request);
  if (!open.ok()) return open.status();
  return std::vector<v1::Task>(open->tasks().begin(), open->tasks().end());
}

absl::StatusOr<std::vector<v1::Task>> TakeTasks(const Context& context, const NextOptions& options) {
  v1::NextTasksRequest request;
  request.set_request_id(NewRequestId());
  request.set_project(context.project());
  request.set_count(options.count);
  request.set_skipped(options.skipped);
  const auto response = Ask(context, &v1::LabelingService::Stub::NextTasks, request);
  if (!response.ok()) return response.status();
  if (response->tasks().empty() && response->skipped_images() > 0 && !options.skipped) {
    return absl::NotFoundError(absl::StrCat("no other image waits to be labelled; you have skipped ",
                                            response->skipped_images(),
                                            ": `loupe next --skipped` takes them up again"));
  }
  if (response->tasks().empty()) {
    return absl::NotFoundError(options.skipped ? "you have skipped no image that still waits"
                                               : "no image waits to be labelled: `loupe status` says why");
  }
  return std::vector<v1::Task>(response->tasks().begin(), response->tasks().end());
}

absl::Status Next(const Context& context, const NextOptions& options) {
  const auto classes = FetchClasses(context);
  if (!classes.ok()) return classes.status();
  const bool several = options.count > 1;
  if (several && !options.picture.empty())
    return UsageError("--picture saves one picture: leave out --count");
  if (!options.take_new && !options.skipped && !several) {
    const auto open = OpenTasks(context);
    if (!open.ok()) return open.status();
    if (!open->empty()) {
      std::fprintf(stderr, "this task of yours is still open; `loupe next --new` takes another one\n");
      PrintJson(TaskJson(open->front(), *classes));
      if (options.picture.empty()) return absl::OkStatus();
      return SavePicture(context, open->front().image(), options.picture);
    }
  }
  const auto tasks = TakeTasks(context, options);
  if (!tasks.ok()) return tasks.status();
  if (!several) return ShowTaken(context, tasks->front(), *classes, options.picture);
  Json json = Json::array();
  for (const v1::Task& task : *tasks) json.push_back(TaskJson(task, *classes));
  PrintJson(json);
  return absl::OkStatus();
}

absl::Status Reopen(const Context& context, const ReopenOptions& options) {
  const auto classes = FetchClasses(context);
  if (!classes.ok()) return classes.status();
  v1::OpenTaskRequest request;
  request.set_request_id(NewRequestId());
  request.set_project(context.project());
  SetImage(options.image, request);
  const auto task = Ask(context, &v1::LabelingService::Stub::OpenTask, request);
  if (!task.ok()) return task.status();
  return ShowTaken(context, *task, *classes, options.picture);
}

absl::Status InFile(const std::string& file, const absl::Status& why) {
  return {why.code(), absl::StrCat(file == "-" ? "standard input" : file, ": ", why.message())};
}

// The same correction has the same id, so that a command that is given again after a lost connection finds
// what the first one did.
std::string RequestIdOf(const v1::SubmitRequest& request) {
  return absl::StrCat("submit-", ToHex(HashOf(request.SerializeAsString())).substr(0, 40));
}

absl::Status SubmitTask(const Context& context, const TaskOptions& options) {
  const absl::StatusOr<std::string> text = ReadText(options.file);
  if (!text.ok()) return text.status();
  const auto classes = FetchClasses(context);
  if (!classes.ok()) return classes.status();
  absl::StatusOr<v1::SubmitRequest> request = ParseCorrection(*text, *classes);
  if (!request.ok()) return InFile(options.file, request.status());
  request->set_client("loupe submit");
  request->set_request_id(RequestIdOf(*request));
  const auto response = Ask(context, &v1::LabelingService::Stub::Submit, *request);
  if (!response.ok()) return response.status();
  if (options.json) {
    PrintJson({{"revision_id", response->revision_id()},
               {"revision", response->revision()},
               {"late", response->late()},
               {"standing", StandingName(response->standing())},
               {"accepted", response->accepted()},
               {"adjusted", response->adjusted()},
               {"relabelled", response->relabelled()},
               {"drawn", response->drawn()},
               {"copied", response->copied()},
               {"accepted_at_once", response->accepted_at_once()},
               {"rejected", response->rejected()},
               {"dropped", response->dropped()},
               {"removed", response->removed()},
               {"clipped", response->clipped()}});
    return absl::OkStatus();
  }
  std::printf("revision %u: %u accepted, %u adjusted, %u relabelled, %u drawn, %u copied, %u removed\n",
              response->revision(), response->accepted(), response->adjusted(), response->relabelled(),
              response->drawn(), response->copied(),
              response->rejected() + response->dropped() + response->removed());
  if (response->clipped() > 0) {
    std::printf("%u boxes reached over the edge by at most a pixel and were clipped\n", response->clipped());
  }
  if (response->standing() == v1::STANDING_LATE) {
    std::printf("the image was labelled by somebody else meanwhile: yours is kept beside that truth\n");
  } else if (response->standing() == v1::STANDING_OPINION) {
    std::printf("somebody else had labelled the image: yours is kept as a second opinion\n");
  } else if (response->late()) {
    std::printf("it came after its lease had ended; nobody had answered, so it is the truth\n");
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::TaskLease> ReadLease(const std::string& file) {
  const absl::StatusOr<std::string> text = ReadText(file);
  if (!text.ok()) return text.status();
  const absl::StatusOr<v1::TaskLease> lease = ParseTaskLease(*text);
  return lease.ok() ? lease : InFile(file, lease.status());
}

absl::Status Skip(const Context& context, const SkipOptions& options) {
  const absl::StatusOr<v1::TaskLease> lease = ReadLease(options.file);
  if (!lease.ok()) return lease.status();
  v1::SkipRequest request;
  request.set_request_id(NewRequestId());
  request.set_task_id(lease->task_id());
  request.set_lease(lease->lease());
  request.set_reason(options.reason);
  const auto response = Ask(context, &v1::LabelingService::Stub::Skip, request);
  if (response.ok()) {
    std::printf(
        "the image is left to the others; `loupe next --skipped` takes it up again. An answer that you had "
        "opened again stays as it was.\n");
  }
  return response.status();
}

absl::Status Release(const Context& context, const TaskOptions& options) {
  const absl::StatusOr<v1::TaskLease> lease = ReadLease(options.file);
  if (!lease.ok()) return lease.status();
  const absl::Status released = ReleaseTask(context, *lease);
  if (released.ok()) {
    std::printf(
        "the image waits as before; an answer that you had opened again stays as it was, and so does a task "
        "that had ended already\n");
  }
  return released;
}

absl::Status Renew(const Context& context, const TaskOptions& options) {
  const absl::StatusOr<v1::TaskLease> lease = ReadLease(options.file);
  if (!lease.ok()) return lease.status();
  v1::RenewRequest request;
  *request.add_tasks() = *lease;
  const auto response = Ask(context, &v1::LabelingService::Stub::Renew, request);
  if (!response.ok()) return response.status();
  if (!response->ended_task_ids().empty()) {
    return absl::FailedPreconditionError(
        "there is nothing to renew: the task is not yours, was submitted, skipped or released, or its lease "
        "has ended. A correction after the end of the lease is still taken, and is the truth if nobody else "
        "answers "
        "first");
  }
  std::printf("leased until %s\n", TimeText(response->lease_expires_at()).c_str());
  return absl::OkStatus();
}

absl::Status Queue(const Context& context, const QueueOptions& options) {
  const auto classes = FetchClasses(context);
  if (!classes.ok()) return classes.status();
  Json json = {{"entries", Json::array()}};
  Table table({"position", "image", "slice", "score", "probability", "blind", "state"});
  v1::ListQueueRequest request;
  request.set_project(context.project());
  uint32_t left = options.limit;
  while (left > 0) {
    request.set_page_size(std::min(left, 1000u));
    const auto page = Ask(context, &v1::LabelingService::Stub::ListQueue, request);
    if (!page.ok()) return page.status();
    for (const v1::QueueEntry& entry : page->entries()) {
      const v1::Reason& reason = entry.reason();
      json["entries"].push_back(QueueEntryJson(entry, *classes));
      table.Add({absl::StrCat(reason.position()), entry.image().file_name(), SliceName(reason.slice()),
                 reason.has_score() ? Fixed(reason.score(), 4) : "-",
                 reason.has_probability() ? Fixed(reason.probability(), 4) : "-",
                 entry.blind() ? "yes" : "no", entry.state()});
    }
    left -= std::min(left, static_cast<uint32_t>(page->entries_size()));
    request.set_page_token(page->next_page_token());
    if (request.page_token().empty()) break;
  }
  options.json ? PrintJson(json) : table.Print();
  return absl::OkStatus();
}

}  // namespace

void AddTaskCommands(CLI::App& parent, Action& action) {
  auto next = std::make_shared<NextOptions>();
  CLI::App* command = parent.add_subcommand(
      "next", "Take the next image to label, or one's own task that is still open; prints the task as JSON");
  CLI::Option* take_new =
      command->add_flag("--new", next->take_new, "Take another image, also while a task is open");
  command->add_flag("--skipped", next->skipped, "Take up an image that you skipped")->excludes(take_new);
  command->add_option("--count", next->count, "Take this many new ones; prints a JSON array (1)")
      ->check(CLI::Range(1, 100));
  command->add_option("--picture", next->picture, "Save the picture to this file, too");
  command->footer(
      "Add \"boxes\" to the JSON and give it to `loupe submit`, within 10 minutes:\n"
      "  \"boxes\": [{\"box\": [x1, y1, x2, y2], \"class\": \"scratch\", \"predicted_index\": 0}]\n"
      "in pixels; [] says that the image is clean; predicted_index names the prediction it was made from.\n"
      "\"classes\" has the names of the classes, with their labels; \"new_classes\" those that were added\n"
      "since the image was labelled, and \"label_errors\" what seems wrong with the labels: your answer "
      "decides\n"
      "it.\n");
  OnChosen(command, action, next, Next);

  auto reopen = std::make_shared<ReopenOptions>();
  command = parent.add_subcommand(
      "reopen", "Open an answer again, to correct it as a further revision; prints the task as JSON");
  command->add_option("image", reopen->image, "The image's id or file name")->required();
  command->add_option("--picture", reopen->picture, "Save the picture to this file, too");
  command->footer(
      "Change \"boxes\" in the JSON, keep the \"box_id\" of boxes that stay, and give it to "
      "`loupe submit`.\nAnnotators open answers of their own, engineers anybody's. While the task is open, "
      "`loupe next` prints it again.\n");
  OnChosen(command, action, reopen, Reopen);

  auto submit = std::make_shared<TaskOptions>();
  command =
      parent.add_subcommand("submit", "Send a task's boxes: its JSON from `loupe next` with \"boxes\" added");
  command->add_option("file", submit->file, "JSON file, or - for standard input (default)");
  command->add_flag("--json", submit->json, "Print the response as JSON");
  OnChosen(command, action, submit, SubmitTask);

  auto skip = std::make_shared<SkipOptions>();
  command = parent.add_subcommand("skip", "\"I can't say\": leave the image to the other annotators");
  command->add_option("file", skip->file, "The task's JSON, or - for standard input (default)");
  command->add_option("--reason", skip->reason, "Why, in a few words");
  OnChosen(command, action, skip, Skip);

  auto release = std::make_shared<TaskOptions>();
  command = parent.add_subcommand("release", "Give back a task that was not begun");
  command->add_option("file", release->file, "The task's JSON, or - for standard input (default)");
  OnChosen(command, action, release, Release);

  auto renew = std::make_shared<TaskOptions>();
  command = parent.add_subcommand("renew", "Keep a task for 10 minutes from now");
  command->add_option("file", renew->file, "The task's JSON, or - for standard input (default)");
  OnChosen(command, action, renew, Renew);

  auto queue = std::make_shared<QueueOptions>();
  command = parent.add_subcommand(
      "queue", "The ranking in its order, with the reasons; images asked for outside it are served first");
  command->add_option("--limit", queue->limit, "At most this many (20)");
  command->add_flag("--json", queue->json, "Print JSON");
  OnChosen(command, action, queue, Queue);
}

}  // namespace loupe
