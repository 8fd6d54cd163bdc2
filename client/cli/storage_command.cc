// loupe storage, loupe storage collect|verify
#include <algorithm>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cli/commands.h"
#include "client/cli/print.h"
#include "content/sha256.h"
#include "loupe/v1/storage.grpc.pb.h"

namespace loupe {
namespace {

// The coordinator looks at every file.
constexpr absl::Duration kDeadline = absl::Hours(1);
constexpr size_t kListed = 20;
constexpr uint64_t kFolders = 256;  // a message for each

struct StorageOptions {
  bool json = false;
};

struct CollectOptions {
  bool dry_run = false;
  bool json = false;
};

Json CountJson(const v1::BlobCount& count) { return {{"blobs", count.blobs()}, {"bytes", count.bytes()}}; }

// Reads a stream to its end and passes each message to `take`. Errors: the RPC's.
template <typename Request, typename Response, typename Take>
absl::Status ReadAll(const Context& context,
                     std::unique_ptr<grpc::ClientReader<Response>> (v1::StorageService::Stub::*method)(
                         grpc::ClientContext*, const Request&),
                     const Request& request, Take take) {
  const absl::StatusOr<Connection> connection = context.Connect();
  if (!connection.ok()) return connection.status();
  v1::StorageService::Stub stub(connection->channel());
  const auto call = connection->NewContext(kDeadline);
  const auto reader = (stub.*method)(call.get(), request);
  for (Response response; reader->Read(&response);) take(response);
  return FromGrpc(reader->Finish());
}

absl::Status ShowStorage(const Context& context, const StorageOptions& options) {
  const auto storage = Ask(context, &v1::StorageService::Stub::GetStorage, v1::GetStorageRequest(),
                           {.deadline = kDeadline, .patience = absl::Seconds(10)});
  if (!storage.ok()) return storage.status();
  if (options.json) {
    PrintJson({{"disk_bytes", storage->disk_bytes()},
               {"free_bytes", storage->free_bytes()},
               {"reserve_bytes", storage->reserve_bytes()},
               {"pictures", CountJson(storage->pictures())},
               {"weights", CountJson(storage->weights())},
               {"checkpoints", CountJson(storage->checkpoints())},
               {"uploads", CountJson(storage->uploads())},
               {"unneeded", CountJson(storage->unneeded())},
               {"unneeded_of_last_hour", CountJson(storage->unneeded_of_last_hour())},
               {"database_bytes", storage->database_bytes()}});
    return absl::OkStatus();
  }
  Table table({"", "files", "size"});
  const auto add = [&](const char* what, const v1::BlobCount& count) {
    table.Add({what, absl::StrCat(count.blobs()), BytesText(count.bytes())});
  };
  add("pictures", storage->pictures());
  add("weights", storage->weights());
  add("checkpoints of open rounds", storage->checkpoints());
  add("uploads that wait to be imported", storage->uploads());
  add("needed by nothing", storage->unneeded());
  add("needed by nothing yet, of the last hour", storage->unneeded_of_last_hour());
  table.Add({"database", "", BytesText(storage->database_bytes())});
  table.Print();
  std::printf("\n%s of %s are free; imports and uploads leave %s\n", BytesText(storage->free_bytes()).c_str(),
              BytesText(storage->disk_bytes()).c_str(), BytesText(storage->reserve_bytes()).c_str());
  if (storage->unneeded().blobs() > 0) {
    std::printf("`loupe storage collect` removes what is needed by nothing: %s\n",
                BytesText(storage->unneeded().bytes()).c_str());
  }
  return absl::OkStatus();
}

absl::Status Collect(const Context& context, const CollectOptions& options) {
  v1::CollectStorageRequest request;
  request.set_dry_run(options.dry_run);
  v1::CollectStorageResponse total;
  absl::Status collected;
  {
    Progress progress("folders", kFolders);
    uint64_t folders = 0;
    collected = ReadAll(context, &v1::StorageService::Stub::CollectStorage, request,
                        [&](const v1::CollectStorageResponse& so_far) {
                          total = so_far;
                          progress.Update(++folders, Counted(total.removed().blobs(), "file"));
                        });
  }
  if (!collected.ok()) return collected;
  if (options.json) {
    PrintJson({{"dry_run", options.dry_run},
               {"looked_at", CountJson(total.looked_at())},
               {"removed", CountJson(total.removed())},
               {"kept", CountJson(total.kept())}});
  } else {
    std::printf("%s of %s, %s: %s\n", Counted(total.removed().blobs(), "file").c_str(),
                Counted(total.looked_at().blobs(), "file").c_str(),
                BytesText(total.removed().bytes()).c_str(), options.dry_run ? "would be removed" : "removed");
  }
  if (total.kept().blobs() == 0) return absl::OkStatus();
  return absl::InternalError(absl::StrCat(Counted(total.kept().blobs(), "file"),
                                          " could not be removed: the coordinator's log says which and why"));
}

absl::Status Verify(const Context& context, const StorageOptions& options) {
  v1::VerifyStorageResponse total;
  Json damaged = Json::array();
  std::optional<Progress> progress(std::in_place, "folders", kFolders);
  uint64_t folders = 0;
  const absl::Status read =
      ReadAll(context, &v1::StorageService::Stub::VerifyStorage, v1::VerifyStorageRequest(),
              [&](const v1::VerifyStorageResponse& so_far) {
                total = so_far;
                progress->Update(++folders, Counted(total.verified().blobs(), "file"));
                for (const v1::DamagedBlob& blob : so_far.damaged()) {
                  damaged.push_back({{"sha256", ToHex(FromBytes(blob.sha256()).value_or(Sha256{}))},
                                     {"needed_by", blob.needed_by()},
                                     {"fault", blob.fault()}});
                }
              });
  progress.reset();
  if (!read.ok()) return read;
  if (options.json) {
    PrintJson({{"verified", CountJson(total.verified())}, {"damaged", damaged}});
  } else {
    std::printf(
        "%s, %s: %s\n", Counted(total.verified().blobs(), "file").c_str(),
        BytesText(total.verified().bytes()).c_str(),
        damaged.empty() ? "all are whole" : absl::StrCat(damaged.size(), " damaged or missing").c_str());
    for (size_t i = 0; i < std::min(damaged.size(), kListed); ++i) {
      std::printf("  %s: %s\n", Printable(damaged[i]["needed_by"].get<std::string>()).c_str(),
                  Printable(damaged[i]["fault"].get<std::string>()).c_str());
    }
    if (damaged.size() > kListed) std::printf("  and %zu more: --json lists all\n", damaged.size() - kListed);
  }
  if (damaged.empty()) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(Counted(damaged.size(), "file"), " damaged or missing"));
}

}  // namespace

void AddStorageCommands(CLI::App& parent, Action& action) {
  auto show = std::make_shared<StorageOptions>();
  CLI::App* storage = parent.add_subcommand("storage", "What is on the coordinator's disk");
  storage->require_subcommand(0, 1);
  storage->add_flag("--json", show->json, "Print JSON");
  // CLI11 calls it after that of a subcommand, too.
  storage->callback([storage, &action, show] {
    if (!storage->get_subcommands().empty()) return;
    action = [show](const Context& context) { return ShowStorage(context, *show); };
  });

  auto collect = std::make_shared<CollectOptions>();
  CLI::App* command = storage->add_subcommand(
      "collect", "Remove files that nothing needs: of imports that broke off, and old checkpoints");
  command->add_flag("--dry-run", collect->dry_run, "Only say how many there are");
  command->add_flag("--json", collect->json, "Print JSON");
  OnChosen(command, action, collect, Collect);

  auto verify = std::make_shared<StorageOptions>();
  command = storage->add_subcommand(
      "verify", "Read every picture, weights and checkpoint; exit status 1 when one is damaged or missing");
  command->add_flag("--json", verify->json, "Print JSON");
  OnChosen(command, action, verify, Verify);
}

}  // namespace loupe
