// loupe provenance checkpoint|verify
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/cli/commands.h"
#include "client/cli/print.h"
#include "content/whole_file.h"
#include "loupe/v1/provenance.grpc.pb.h"

namespace loupe {
namespace {

constexpr absl::Duration kLongest = absl::Minutes(30);
constexpr size_t kPieceBytes = 64 << 10;
constexpr size_t kLongestStatement = 1000;  // twice as long as one is

struct CheckpointOptions {
  std::filesystem::path file;
};

struct VerifyOptions {
  std::filesystem::path against;
  bool json = false;
};

absl::Status MakeCheckpoint(const Context& context, const CheckpointOptions& options) {
  const absl::StatusOr<Connection> connection = context.Connect();
  if (!connection.ok()) return connection.status();
  v1::ProvenanceService::Stub stub(connection->channel());
  v1::CreateCheckpointRequest request;
  request.set_project(context.project());
  std::string root;
  const absl::Status written = RetryUnavailable(kInteractive.patience, [&] {
    absl::StatusOr<WholeFile> file = WholeFile::Open(options.file);
    if (!file.ok()) return file.status();
    const auto call = connection->NewContext(kLongest);
    const auto reader = stub.CreateCheckpoint(call.get(), request);
    v1::CreateCheckpointResponse piece;
    absl::Status appended;
    while (appended.ok() && reader->Read(&piece)) {
      appended = file->Append(piece.text());
      if (absl::StartsWith(piece.text(), "root ")) root = piece.text().substr(5, 64);
    }
    if (!appended.ok()) call->TryCancel();
    const absl::Status finished = FromGrpc(reader->Finish());
    if (!appended.ok()) return appended;
    if (!finished.ok()) return finished;
    return file->Commit(Durability::kNow);
  });
  if (!written.ok()) return written;
  std::printf("wrote %s: root %s\n", options.file.c_str(), root.c_str());
  std::printf("keep it where whoever may change the database can't: it shows later what was changed\n");
  return absl::OkStatus();
}

void PrintCheck(const v1::VerifyHistoryResponse& check) {
  std::printf("%lu revisions of %lu images with %lu boxes: %s\n", check.revisions(), check.images(),
              check.boxes(), Counted(check.breaks_total(), "break").c_str());
  if (check.has_checkpoint_made_at()) {
    std::printf("compared with the checkpoint of %s; %s since\n",
                TimeText(check.checkpoint_made_at()).c_str(),
                Counted(check.revisions_since(), "revision").c_str());
  }
  for (const std::string& one : check.breaks()) std::printf("  %s\n", Printable(one).c_str());
  if (check.breaks_total() > static_cast<uint64_t>(check.breaks_size())) std::printf("  and others\n");
}

// Sends the file: its end first, which says what was signed.
absl::StatusOr<v1::VerifyHistoryResponse> CompareWith(const Context& context,
                                                      const std::filesystem::path& path) {
  const absl::StatusOr<std::string> text = ReadText(path);
  if (!text.ok()) return text.status();
  const size_t end = text->rfind("\nroot ");
  if (end == std::string::npos || text->size() - end > kLongestStatement) {
    return absl::InvalidArgumentError(absl::StrCat(
        path.string(), " is no whole checkpoint: give a file as `loupe provenance checkpoint` wrote it"));
  }
  const absl::StatusOr<Connection> connection = context.Connect();
  if (!connection.ok()) return connection.status();
  v1::ProvenanceService::Stub stub(connection->channel());
  v1::VerifyHistoryResponse response;
  const absl::Status compared = RetryUnavailable(kInteractive.patience, [&] {
    const auto call = connection->NewContext(kLongest);
    const auto writer = stub.VerifyCheckpoint(call.get(), &response);
    v1::VerifyCheckpointRequest message;
    message.set_project(context.project());
    message.set_statement(text->substr(end + 1));
    bool open = writer->Write(message);
    message.Clear();
    for (size_t place = 0; open && place <= end; place += kPieceBytes) {
      message.set_lines(text->substr(place, std::min(kPieceBytes, end + 1 - place)));
      open = writer->Write(message);
    }
    if (open) writer->WritesDone();
    return FromGrpc(writer->Finish());
  });
  if (!compared.ok()) return compared;
  return response;
}

absl::StatusOr<v1::VerifyHistoryResponse> Check(const Context& context, const VerifyOptions& options) {
  if (!options.against.empty()) return CompareWith(context, options.against);
  v1::VerifyHistoryRequest request;
  request.set_project(context.project());
  return Ask(context, &v1::ProvenanceService::Stub::VerifyHistory, request,
             {.deadline = kLongest, .patience = kInteractive.patience});
}

absl::Status Verify(const Context& context, const VerifyOptions& options) {
  const absl::StatusOr<v1::VerifyHistoryResponse> check = Check(context, options);
  if (!check.ok()) return check.status();
  if (options.json) {
    Json json = {{"images", check->images()},
                 {"revisions", check->revisions()},
                 {"boxes", check->boxes()},
                 {"breaks", std::vector<std::string>(check->breaks().begin(), check->breaks().end())},
                 {"breaks_total", check->breaks_total()}};
    if (check->has_checkpoint_made_at()) {
      json["checkpoint_made_at"] = TimeText(check->checkpoint_made_at());
      json["revisions_since"] = check->revisions_since();
    }
    PrintJson(json);
  } else {
    PrintCheck(*check);
  }
  if (check->breaks_total() == 0) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat("the label history was changed behind the coordinator's back, in ",
                                          Counted(check->breaks_total(), "place")));
}

}  // namespace

void AddCheckpointCommands(CLI::App& provenance, Action& action) {
  auto checkpoint = std::make_shared<CheckpointOptions>();
  CLI::App* command = provenance.add_subcommand(
      "checkpoint", "Write the history as it is now to a file, signed, for `verify --against`");
  command->add_option("file", checkpoint->file, "The file")->required();
  OnChosen(command, action, checkpoint, MakeCheckpoint);

  auto verify = std::make_shared<VerifyOptions>();
  command = provenance.add_subcommand(
      "verify", "Recompute the hashes of the history; exit status 1 when it was changed");
  command->add_option("--against", verify->against,
                      "A file of `checkpoint`: finds also what was cut off, and what has new hashes");
  command->add_flag("--json", verify->json, "Print JSON");
  OnChosen(command, action, verify, Verify);
}

}  // namespace loupe
