// loupe provenance watch
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "client/cli/commands.h"
#include "client/cli/message_json.h"
#include "client/cli/option_check.h"
#include "loupe/v1/provenance.grpc.pb.h"

namespace loupe {
namespace {

constexpr absl::Duration kEventPatience = absl::Minutes(2);
// A stream that is silent for this long is opened again: its connection may be dead unnoticed.
constexpr absl::Duration kEventStreamDeadline = absl::Minutes(10);

struct EventWatchOptions {
  std::string cursor;
  bool from_start = false;
  bool until_now = false;
  bool json = false;
};

// Held while a line is written, so that an interrupt doesn't cut it.
ABSL_CONST_INIT absl::Mutex printing(absl::kConstInit);

// From now on SIGINT and SIGTERM end the program between two lines, with status 0. A second one ends it at
// once. Requires: no other thread runs.
void EndOnInterrupt() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::thread([signals] {
    int signal = 0;
    sigwait(&signals, &signal);
    pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
    absl::MutexLock lock(&printing);
    std::_Exit(EXIT_SUCCESS);
  }).detach();
}

std::string LabelBoxText(const v1::LabelBox& box, const ClassNames& classes) {
  return absl::StrFormat("%s at %.1f %.1f %.1f %.1f (%s%s)", Printable(classes.Name(box.label())),
                         box.box().x1(), box.box().y1(), box.box().x2(), box.box().y2(),
                         OriginName(box.origin()), box.ignore() ? ", to ignore" : "");
}

std::string BoxChangeText(const v1::BoxChange& change, const ClassNames& classes) {
  if (!change.has_before()) {
    return absl::StrCat("added box ", change.after().box_id(), ", ", LabelBoxText(change.after(), classes));
  }
  if (!change.has_after()) {
    return absl::StrCat("removed box ", change.before().box_id(), ", ",
                        LabelBoxText(change.before(), classes));
  }
  return absl::StrCat("changed box ", change.after().box_id(), ", ", LabelBoxText(change.before(), classes),
                      " to ", LabelBoxText(change.after(), classes));
}

// What happened, without the boxes.
std::string ChangeText(const v1::Event& event) {
  switch (event.change_case()) {
    case v1::Event::kRevisionAdded: {
      const v1::RevisionAdded& added = event.revision_added();
      std::string text = absl::StrCat("revision ", added.number(), ", ", added.source(), ", ",
                                      StandingName(added.standing()));
      if (added.based_on() != 0) {
        absl::StrAppend(&text, added.standing() == v1::STANDING_WITHDRAWN ? ", takes back" : ", corrects",
                        " revision ", added.based_on());
      }
      if (added.truth_before() != 0 && added.truth_after() == 0) absl::StrAppend(&text, ", no truth is left");
      return text;
    }
    case v1::Event::kImageStateChanged:
      return absl::StrCat(ImageStateName(event.image_state_changed().before()), " to ",
                          ImageStateName(event.image_state_changed().after()));
    case v1::Event::kModelServed:
      return absl::StrCat("model ", event.model_served().after(), " serves",
                          event.model_served().before() == 0
                              ? ""
                              : absl::StrCat(" in place of model ", event.model_served().before()));
    case v1::Event::CHANGE_NOT_SET:
      break;
  }
  return "something that this client is too old for";
}

std::string EventText(const v1::Event& event, const ClassNames& classes) {
  std::string text = absl::StrCat(TimeText(event.created_at()), " ");
  if (event.image_id() != 0) absl::StrAppend(&text, "image ", event.image_id());
  if (!event.file_name().empty()) absl::StrAppend(&text, " ", Printable(event.file_name()));
  absl::StrAppend(&text, event.image_id() == 0 ? "" : ": ", ChangeText(event));
  if (!event.author().empty()) absl::StrAppend(&text, ", by ", Printable(event.author()));
  for (const v1::BoxChange& change : event.revision_added().boxes()) {
    absl::StrAppend(&text, "; ", BoxChangeText(change, classes));
  }
  return text;
}

// Whether the event names a class that came later.
bool NamesNewClass(const v1::Event& event, const ClassNames& classes) {
  for (const v1::BoxChange& change : event.revision_added().boxes()) {
    if (std::max(change.before().label(), change.after().label()) > classes.names().size()) return true;
  }
  return false;
}

// Errors: DATA_LOSS (standard output can't be written).
absl::Status PrintEvent(const v1::WatchEventsResponse& message, const ClassNames& classes, bool json) {
  absl::MutexLock lock(&printing);
  if (json) {
    Json line = message.has_event() ? EventJson(message.event(), classes) : Json::object();
    line["cursor"] = message.cursor();
    PrintJsonLine(std::move(line));
  } else if (message.has_event()) {
    std::printf("%s\n", EventText(message.event(), classes).c_str());
    std::fflush(stdout);
  }
  if (std::ferror(stdout) == 0) return absl::OkStatus();
  return absl::DataLossError("can't write to standard output");
}

// One stream of events, from where the request says. Moves the request behind what it has printed. Counts the
// messages that came. Returns how the stream ended.
absl::Status FollowEvents(const Context& context, const Connection& connection, bool json,
                          ClassNames& classes, v1::WatchEventsRequest& request, uint64_t& messages) {
  const std::unique_ptr<grpc::ClientContext> call = connection.NewContext(kEventStreamDeadline);
  const auto stub = v1::ProvenanceService::NewStub(connection.channel());
  const auto reader = stub->WatchEvents(call.get(), request);
  v1::WatchEventsResponse message;
  while (reader->Read(&message)) {
    if (NamesNewClass(message.event(), classes)) {
      absl::StatusOr<ClassNames> now = FetchClasses(context);
      if (now.ok()) classes = *std::move(now);
    }
    // Later streams begin with a cursor that is known.
    if (message.has_event() || messages == 0) {
      if (absl::Status printed = PrintEvent(message, classes, json); !printed.ok()) {
        call->TryCancel();
        return printed;
      }
    }
    request.set_cursor(message.cursor());
    ++messages;
  }
  return FromGrpc(reader->Finish());
}

absl::Status WatchEvents(const Context& asked, const EventWatchOptions& options) {
  EndOnInterrupt();
  const absl::StatusOr<Context> context = NamedProject(asked);
  if (!context.ok()) return context.status();
  absl::StatusOr<ClassNames> classes = FetchClasses(*context);
  if (!classes.ok()) return classes.status();
  const absl::StatusOr<Connection> connection = context->Connect();
  if (!connection.ok()) return connection.status();
  v1::WatchEventsRequest request;
  request.set_project(context->project());
  if (!options.cursor.empty()) request.set_cursor(options.cursor);
  if (options.from_start) request.set_from_start(true);
  request.set_until_now(options.until_now);
  uint64_t messages = 0;
  while (true) {
    bool ended = false;
    const absl::Status status = RetryUnavailable(kEventPatience, [&] {
      const uint64_t before = messages;
      absl::Status end = FollowEvents(*context, *connection, options.json, *classes, request, messages);
      ended = end.ok();
      // A stream that sent something before it broke is no failed attempt: the two minutes begin again.
      return messages > before && IsForLater(end) ? absl::OkStatus() : end;
    });
    if (!status.ok() && !absl::IsDeadlineExceeded(status)) return status;
    if (ended) return absl::OkStatus();
    absl::SleepFor(absl::Milliseconds(200));
  }
}

}  // namespace

void AddEventWatchCommand(CLI::App& provenance, Action& action) {
  auto watch = std::make_shared<EventWatchOptions>();
  CLI::App* command = provenance.add_subcommand(
      "watch", "Print each change of labels, of images' states and of the serving model, as it happens");
  CLI::Option* from_start =
      command->add_flag("--from-start", watch->from_start, "Begin with the first event");
  command
      ->add_option("--cursor", watch->cursor, "Go on behind the event with this cursor, which --json prints")
      ->check(RefuseEmpty)
      ->excludes(from_start);
  command->add_flag("--until-now", watch->until_now, "End when all that has happened is printed");
  command->add_flag("--json", watch->json,
                    "Print one line of JSON per event; before them, one with a cursor");
  OnChosen(command, action, watch, WatchEvents);
}

}  // namespace loupe
