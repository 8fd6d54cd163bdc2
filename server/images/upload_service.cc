#include "server/images/upload_service.h"

#include <algorithm>
#include <map>
#include <set>
#include <unordered_set>

#include <spdlog/spdlog.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "content/steady_clock.h"
#include "db/stores/image_store.h"
#include "db/stores/needed_blob_store.h"
#include "db/stores/project_store.h"
#include "db/stores/request_store.h"
#include "db/uploads/upload_store.h"
#include "proto/error_info.h"
#include "server/images/upload_part.h"
#include "server/storage/unneeded_blobs.h"
#include "server/storage/uploads_erasure.h"

namespace loupe {
namespace {

constexpr char kImportUploads[] = "UploadService.ImportUploads";
constexpr int kMaxFound = 10'000;
constexpr int kMaxImported = 20'000;
constexpr uint64_t kMaxCocoBytes = 128 << 20;  // read into memory, it takes several times as much
constexpr absl::Duration kProgressPeriod = absl::Milliseconds(500);
constexpr size_t kErasedTogether = 200;

absl::Status NotUploaded(const std::string& what) {
  return Error(absl::StatusCode::kFailedPrecondition, "NOT_UPLOADED",
               absl::StrCat(what, " has not come, or was deleted: send it again. Nothing was imported"));
}

absl::Status ClientWentAway() { return absl::CancelledError("the client went away: nothing was imported"); }

absl::StatusOr<Sha256> HashIn(const std::string& bytes) {
  const std::optional<Sha256> hash = FromBytes(bytes);
  if (hash.has_value()) return *hash;
  return InvalidArgument("sha256 must have 32 bytes");
}

// A name must not lead out of a folder: exports write files under it.
absl::Status CheckPath(const std::string& path) {
  bool is_good = !path.empty() && path.size() <= 1000 && path.front() != '/';
  for (const absl::string_view part : absl::StrSplit(path, '/')) is_good = is_good && part != "..";
  if (is_good) return absl::OkStatus();
  return InvalidArgument("path must have 1 to 1000 bytes, be relative and hold no `..`");
}

absl::Status CheckImport(const v1::ImportUploadsRequest& request) {
  if (request.pictures().empty() || request.pictures_size() > kMaxImported) {
    return InvalidArgument(absl::StrCat("pictures must name 1 to ", kMaxImported, " pictures"));
  }
  const bool has_coco = !request.coco_sha256().empty();
  if (has_coco != (request.labelled() != v1::LABELLED_IMAGES_UNSPECIFIED)) {
    return InvalidArgument(
        "labelled says which images of a COCO file count as labelled: give it with coco_sha256");
  }
  if (has_coco && !FromBytes(request.coco_sha256()).has_value()) {
    return InvalidArgument("coco_sha256 must have 32 bytes");
  }
  std::unordered_set<std::string> paths;
  for (const v1::UploadedPicture& picture : request.pictures()) {
    if (const absl::Status path = CheckPath(picture.path()); !path.ok()) return path;
    if (!paths.insert(picture.path()).second) {
      return InvalidArgument(absl::StrCat("the path ", picture.path(), " is there twice"));
    }
    const bool needs_hash = !request.dry_run() || !picture.sha256().empty();
    if (needs_hash && !FromBytes(picture.sha256()).has_value())
      return InvalidArgument("sha256 must have 32 bytes");
  }
  return absl::OkStatus();
}

v1::ImportPlan Described(const UploadPlan& plan) {
  v1::ImportPlan described;
  described.set_pictures(plan.headers.size());
  for (const v1::PictureHeader& header : plan.headers) {
    described.set_labelled(described.labelled() + static_cast<uint64_t>(header.has_labels()));
    described.set_boxes(described.boxes() + static_cast<uint64_t>(header.labels().boxes_size()));
  }
  for (const size_t place : plan.left_out) described.add_left_out(static_cast<uint32_t>(place));
  return described;
}

v1::ImportStart ImportStartOf(const v1::ImportUploadsRequest& request) {
  v1::ImportStart start;
  start.set_blind(request.blind());
  start.set_replace(request.replace());
  start.set_skip_bad(request.skip_bad());
  return start;
}

}  // namespace

grpc::Status UploadServiceImpl::FindUploads(grpc::ServerContext* context,
                                            const v1::FindUploadsRequest* request,
                                            v1::FindUploadsResponse* response) {
  constexpr char kMethod[] = "UploadService.FindUploads";
  using Response = absl::StatusOr<v1::FindUploadsResponse>;
  return calls_.Unary(context, kMethod, request, response, [&](const Call& call) -> Response {
    if (request->sha256_size() > kMaxFound) {
      return InvalidArgument(absl::StrCat("at most ", kMaxFound, " files at once"));
    }
    std::vector<Sha256> files;
    for (const std::string& bytes : request->sha256()) {
      const absl::StatusOr<Sha256> hash = HashIn(bytes);
      if (!hash.ok()) return hash.status();
      files.push_back(*hash);
    }
    return database_.Transact({kMethod, call.deadline}, [&](Transaction& transaction) -> Response {
      const absl::StatusOr<ProjectId> project = FindProject(transaction, request->project());
      if (!project.ok()) return project.status();
      std::map<Sha256, UploadedFile> found = loupe::FindUploads(transaction, call.principal.id, files);
      for (const KnownImage& image : FindImages(transaction, *project, files)) {
        if (image.state != v1::REMOVED) found[image.sha256].is_complete = true;
      }
      v1::FindUploadsResponse states;
      for (const Sha256& file : files) {
        *states.add_files() = StateOf(found.contains(file) ? found.at(file) : UploadedFile());
      }
      return states;
    });
  });
}

grpc::Status UploadServiceImpl::UploadPart(grpc::ServerContext* context, const v1::UploadPartRequest* request,
                                           v1::UploadPartResponse* response) {
  constexpr char kMethod[] = "UploadService.UploadPart";
  using Response = absl::StatusOr<v1::UploadPartResponse>;
  return calls_.Unary(context, kMethod, request, response, [&](const Call& call) -> Response {
    const absl::StatusOr<UploadedFile> file =
        TakePart(database_, blobs_, {kMethod, call.deadline}, call.principal.id, *request);
    if (!file.ok()) return file.status();
    v1::UploadPartResponse taken;
    *taken.mutable_file() = StateOf(*file);
    return taken;
  });
}

absl::StatusOr<std::string> UploadServiceImpl::ReadUpload(const Call& call, const std::string& name,
                                                          const Sha256& hash) {
  absl::StatusOr<BlobReader> reader = blobs_.OpenBlob(hash);
  if (!reader.ok() && !absl::IsNotFound(reader.status())) return reader.status();
  if (reader.ok()) {
    absl::StatusOr<std::string> bytes = reader->Next(reader->size_bytes());
    // A power failure may have cut short what was not durable yet.
    if (bytes.ok() && HashOf(*bytes) == hash) return bytes;
  }
  const absl::Status dropped =
      database_.Transact({kImportUploads, call.deadline}, [&](Transaction& transaction) {
        DeleteUploads(transaction, call.principal.id, {hash});
        return absl::OkStatus();
      });
  return dropped.ok() ? NotUploaded(name) : dropped;
}

absl::StatusOr<UploadPlan> UploadServiceImpl::Plan(const Call& call, const v1::Project& project,
                                                   const v1::ImportUploadsRequest& request) {
  if (request.coco_sha256().empty()) return PlanPictures(request);
  const Sha256 hash = *FromBytes(request.coco_sha256());
  const auto found = database_.Transact({kImportUploads, call.deadline}, [&](Transaction& transaction) {
    return absl::StatusOr<std::map<Sha256, UploadedFile>>(
        loupe::FindUploads(transaction, call.principal.id, {hash}));
  });
  if (!found.ok()) return found.status();
  if (!found->contains(hash) || !found->at(hash).is_complete) return NotUploaded("the COCO file");
  if (found->at(hash).received_bytes > kMaxCocoBytes) {
    return Error(absl::StatusCode::kInvalidArgument, "BAD_COCO",
                 "the COCO file is larger than 128 MiB: split it, or use `loupe import`");
  }
  const auto turn = calls_.WaitForTurn(call);
  if (!turn.ok()) return turn.status();
  const absl::StatusOr<std::string> json = ReadUpload(call, "the COCO file", hash);
  if (!json.ok()) return json.status();
  return PlanCoco(request, project, *json);
}

absl::StatusOr<std::set<Sha256>> UploadServiceImpl::FindComplete(const Call& call, const v1::Project& project,
                                                                 const std::vector<Sha256>& files) {
  return database_.Transact(
      {kImportUploads, call.deadline}, [&](Transaction& transaction) -> absl::StatusOr<std::set<Sha256>> {
        std::set<Sha256> complete;
        for (const auto& [hash, file] : loupe::FindUploads(transaction, call.principal.id, files)) {
          if (file.is_complete) complete.insert(hash);
        }
        for (const KnownImage& image : FindImages(transaction, ProjectId(project.id()), files)) {
          if (image.state != v1::REMOVED) complete.insert(image.sha256);
        }
        return complete;
      });
}

absl::Status UploadServiceImpl::TakeFiles(const Call& call, const std::vector<v1::PictureHeader>& headers,
                                          const std::vector<Sha256>& files, ImportSession& session,
                                          Writer& writer) {
  Stopwatch since_progress;
  for (size_t i = 0; i < files.size(); ++i) {
    if (const absl::Status up = calls_.RefuseWhenDraining(); !up.ok()) return up;
    if (call.cancelled()) return ClientWentAway();
    v1::PictureHeader header = headers[i];
    absl::StatusOr<std::string> bytes = ReadUpload(call, header.file_name(), files[i]);
    if (!bytes.ok()) return bytes.status();
    header.set_size_bytes(bytes->size());
    if (absl::Status taken = session.TakeStored(header, *std::move(bytes), files[i]); !taken.ok())
      return taken;
    if (since_progress.Elapsed() < kProgressPeriod) continue;
    since_progress = Stopwatch();
    v1::ImportUploadsResponse progress;
    progress.set_checked(i + 1);
    if (!writer.Write(progress)) return ClientWentAway();
  }
  v1::ImportRequest end;
  end.mutable_end()->set_pictures(files.size());
  const absl::Status ended = session.Take(end);
  return ended.ok() ? session.EndOfStream() : ended;
}

absl::StatusOr<v1::ImportResponse> UploadServiceImpl::Import(const Call& call, const v1::Project& project,
                                                             const v1::ImportUploadsRequest& request,
                                                             const UploadPlan& plan, Writer& writer) {
  std::vector<Sha256> files;
  for (const size_t place : plan.places) {
    files.push_back(*FromBytes(request.pictures(static_cast<int>(place)).sha256()));
  }
  const absl::StatusOr<std::set<Sha256>> complete = FindComplete(call, project, files);
  if (!complete.ok()) return complete.status();
  for (size_t i = 0; i < files.size(); ++i) {
    if (!complete->contains(files[i])) return NotUploaded(plan.headers[i].file_name());
  }
  ImportSession session(blobs_, project, ImportStartOf(request));
  if (absl::Status taken = TakeFiles(call, plan.headers, files, session, writer); !taken.ok()) return taken;

  const RequestKey key = KeyOf(call.principal.id, kImportUploads, request.request_id(), request);
  if (!request.coco_sha256().empty()) files.push_back(*FromBytes(request.coco_sha256()));
  std::vector<Sha256> freed;
  auto imported = database_.Transact({kImportUploads, call.deadline}, [&](Transaction& transaction) {
    freed.clear();
    return WithRequestId<v1::ImportResponse>(transaction, key, [&]() -> absl::StatusOr<v1::ImportResponse> {
      absl::StatusOr<v1::ImportResponse> written = session.Write(transaction, call.principal.id);
      if (!written.ok()) return written;
      written->set_boxes_clipped(written->boxes_clipped() + plan.boxes_clipped);
      freed = DeleteUploads(transaction, call.principal.id, files);
      return written;
    });
  });
  if (!imported.ok()) return imported;
  calls_.metrics().BoxesImported(imported->boxes());
  EraseFreed(freed);  // the COCO file, and pictures that were left out
  return imported;
}

void UploadServiceImpl::EraseFreed(const std::vector<Sha256>& freed) {
  for (size_t begin = 0; begin < freed.size(); begin += kErasedTogether) {
    const size_t end = std::min(begin + kErasedTogether, freed.size());
    const std::vector<Sha256> some(freed.begin() + static_cast<ptrdiff_t>(begin),
                                   freed.begin() + static_cast<ptrdiff_t>(end));
    const auto erased = EraseUnneeded(database_, blobs_, some, absl::Now() + absl::Minutes(1));
    if (const absl::Status gone = erased.ok() ? erased->why : erased.status(); !gone.ok()) {
      spdlog::warn("{}: files that nothing needs stay: {}", kImportUploads, gone.ToString());
    }
  }
}

grpc::Status UploadServiceImpl::ImportUploads(grpc::ServerContext* context,
                                              const v1::ImportUploadsRequest* request,
                                              grpc::ServerWriter<v1::ImportUploadsResponse>* writer) {
  return calls_.Stream(context, kImportUploads, request, [&](const Call& call) -> absl::Status {
    if (const absl::Status valid = CheckImport(*request); !valid.ok()) return valid;
    const RequestKey key = KeyOf(call.principal.id, kImportUploads, request->request_id(), *request);
    v1::ImportUploadsResponse last;
    bool is_repeated = false;
    const auto project = database_.Transact(
        {kImportUploads, call.deadline}, [&](Transaction& transaction) -> absl::StatusOr<v1::Project> {
          const absl::StatusOr<ProjectId> found = FindProject(transaction, request->project());
          if (!found.ok()) return found.status();
          if (!request->dry_run()) {
            // What it imported doesn't wait any more.
            const absl::StatusOr<std::optional<std::string>> answer = FindResponse(transaction, key);
            if (!answer.ok()) return answer.status();
            is_repeated = answer->has_value() && last.mutable_result()->ParseFromString(**answer);
          }
          return ReadProject(transaction, *found);
        });
    if (!project.ok()) return project.status();
    if (!is_repeated) {
      const absl::StatusOr<UploadPlan> plan = Plan(call, *project, *request);
      if (!plan.ok()) return plan.status();
      if (request->dry_run()) {
        *last.mutable_plan() = Described(*plan);
      } else {
        absl::StatusOr<v1::ImportResponse> imported = Import(call, *project, *request, *plan, *writer);
        if (!imported.ok()) return imported.status();
        *last.mutable_result() = *std::move(imported);
      }
    }
    writer->Write(last);
    return absl::OkStatus();
  });
}

grpc::Status UploadServiceImpl::DropUploads(grpc::ServerContext* context,
                                            const v1::DropUploadsRequest* request,
                                            v1::DropUploadsResponse* response) {
  constexpr char kMethod[] = "UploadService.DropUploads";
  using Response = absl::StatusOr<v1::DropUploadsResponse>;
  return calls_.Unary(context, kMethod, request, response, [&](const Call& call) -> Response {
    v1::DropUploadsResponse dropped;
    for (;;) {
      const absl::StatusOr<uint64_t> erased =
          EraseUploads(database_, blobs_, call.principal.id, call.deadline);
      if (!erased.ok()) return erased.status();
      if (*erased == 0) return dropped;
      dropped.set_files(dropped.files() + *erased);
    }
  });
}

}  // namespace loupe
