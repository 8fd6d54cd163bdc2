// loupe next, submit, skip, queue
#include <algorithm>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>

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
  std::string picture;
};

struct TaskOptions {
  std::string file = "-";
  bool json = false;
};

struct QueueOptions {
  uint32_t limit = 20;
  bool json = false;
};

absl::StatusOr<std::string> ReadTask(const std::string& file) {
  if (file == "-") return std::string(std::istreambuf_iterator<char>(std::cin), {});
  std::ifstream stream(file, std::ios::binary);
  if (!stream) return absl::NotFoundError(absl::StrCat("can't read ", file));
  return std::string(std::istreambuf_iterator<char>(stream), {});
}

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

absl::Status Next(const Context& context, const NextOptions& options) {
  const auto classes = FetchClasses(context);
  if (!classes.ok()) return classes.status();
  v1::NextTasksRequest request;
  request.set_request_id(NewRequestId());
  request.set_project(context.project());
  request.set_count(1);
  const auto response = Ask(context, &v1::LabelingService::Stub::NextTasks, request);
  if (!response.ok()) return response.status();
  if (response->tasks().empty())
    return absl::NotFoundError("no image waits to be labelled: `loupe status` says why");
  const v1::Task& task = response->tasks(0);
  PrintJson(TaskJson(task, *classes));
  return options.picture.empty() ? absl::OkStatus() : SavePicture(context, task.image(), options.picture);
}

absl::Status SubmitTask(const Context& context, const TaskOptions& options) {
  const absl::StatusOr<std::string> text = ReadTask(options.file);
  if (!text.ok()) return text.status();
  const auto classes = FetchClasses(context);
  if (!classes.ok()) return classes.status();
  absl::StatusOr<v1::SubmitRequest> request = ParseCorrection(*text, *classes);
  if (!request.ok()) return request.status();
  request->set_request_id(NewRequestId());
  const auto response = Ask(context, &v1::LabelingService::Stub::Submit, *request);
  if (!response.ok()) return response.status();
  if (options.json) {
    PrintJson({{"revision_id", response->revision_id()},
               {"revision", response->revision()},
               {"late", response->late()},
               {"accepted", response->accepted()},
               {"adjusted", response->adjusted()},
               {"relabelled", response->relabelled()},
               {"drawn", response->drawn()},
               {"rejected", response->rejected()}});
    return absl::OkStatus();
  }
  std::printf("revision %u: %u accepted, %u adjusted, %u relabelled, %u drawn, %u removed\n",
              response->revision(), response->accepted(), response->adjusted(), response->relabelled(),
              response->drawn(), response->rejected());
  if (response->late()) std::printf("it came after its lease had ended and is kept as a further revision\n");
  return absl::OkStatus();
}

absl::Status Skip(const Context& context, const TaskOptions& options) {
  const absl::StatusOr<std::string> text = ReadTask(options.file);
  if (!text.ok()) return text.status();
  const absl::StatusOr<v1::TaskLease> lease = ParseTaskLease(*text);
  if (!lease.ok()) return lease.status();
  v1::SkipRequest request;
  request.set_request_id(NewRequestId());
  request.set_task_id(lease->task_id());
  request.set_lease(lease->lease());
  const auto response = Ask(context, &v1::LabelingService::Stub::Skip, request);
  if (response.ok()) std::printf("the image is left to the other annotators\n");
  return response.status();
}

absl::Status Queue(const Context& context, const QueueOptions& options) {
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
      json["entries"].push_back(QueueEntryJson(entry));
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
  CLI::App* command = parent.add_subcommand("next", "Take the next image to label; prints the task as JSON");
  command->add_option("--picture", next->picture, "Save the picture to this file, too");
  command->footer(
      "Add \"boxes\" to the JSON and give it to `loupe submit`, within 10 minutes:\n"
      "  \"boxes\": [{\"box\": [x1, y1, x2, y2], \"class\": \"scratch\", \"predicted_index\": 0}]\n"
      "in pixels; [] says that the image is clean; predicted_index names the prediction it was made from.\n");
  OnChosen(command, action, next, Next);

  auto submit = std::make_shared<TaskOptions>();
  command =
      parent.add_subcommand("submit", "Send a task's boxes: its JSON from `loupe next` with \"boxes\" added");
  command->add_option("file", submit->file, "JSON file, or - for standard input (default)");
  command->add_flag("--json", submit->json, "Print the response as JSON");
  OnChosen(command, action, submit, SubmitTask);

  auto skip = std::make_shared<TaskOptions>();
  command = parent.add_subcommand("skip", "\"I can't say\": leave the image to the other annotators");
  command->add_option("file", skip->file, "The task's JSON, or - for standard input (default)");
  OnChosen(command, action, skip, Skip);

  auto queue = std::make_shared<QueueOptions>();
  command = parent.add_subcommand("queue", "The next images to be served, with the reasons");
  command->add_option("--limit", queue->limit, "At most this many (20)");
  command->add_flag("--json", queue->json, "Print JSON");
  OnChosen(command, action, queue, Queue);
}

}  // namespace loupe
