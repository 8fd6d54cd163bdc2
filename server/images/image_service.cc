#include "server/images/image_service.h"

#include <spdlog/spdlog.h>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "db/stores/image_store.h"
#include "db/stores/label_store.h"
#include "db/stores/project_store.h"
#include "db/stores/request_store.h"
#include "proto/error_info.h"
#include "server/rpc/blob_chunks.h"
#include "server/rpc/image_list.h"
#include "server/rpc/paging.h"
#include "server/storage/unneeded_blobs.h"

namespace loupe {
namespace {

constexpr char kImport[] = "ImageService.Import";
constexpr int kExportPage = 500;

}  // namespace

absl::StatusOr<v1::ImportResponse> ImageServiceImpl::TakeStream(
    const Call& call, grpc::ServerReader<v1::ImportRequest>& reader) {
  v1::ImportRequest message;
  if (!reader.Read(&message) || !message.has_start()) {
    return InvalidArgument("a stream begins with a start");
  }
  if (const absl::Status checked = CheckFields(message); !checked.ok()) return checked;
  const v1::ImportStart start = message.start();
  const auto project = database_.Transact(
      {kImport, call.deadline}, [&](Transaction& transaction) -> absl::StatusOr<v1::Project> {
        const absl::StatusOr<ProjectId> found = FindProject(transaction, start.project());
        if (!found.ok()) return found.status();
        return ReadProject(transaction, *found);
      });
  if (!project.ok()) return project.status();

  ImportSession session(blobs_, *project, start);
  absl::StatusOr<v1::ImportResponse> taken = TakePictures(call, reader, session, start);
  // Of an import that was refused, and of removed pictures that one left out.
  const auto erased = EraseUnneeded(database_, blobs_, session.new_blobs(), absl::Now() + absl::Minutes(1));
  if (const absl::Status gone = erased.ok() ? erased->why : erased.status(); !gone.ok()) {
    spdlog::warn("{}: pictures that no image names stay: {}", kImport, gone.ToString());
  }
  return taken;
}

absl::StatusOr<v1::ImportResponse> ImageServiceImpl::TakePictures(
    const Call& call, grpc::ServerReader<v1::ImportRequest>& reader, ImportSession& session,
    const v1::ImportStart& start) {
  v1::ImportRequest message;
  while (reader.Read(&message)) {
    if (const absl::Status checked = CheckFields(message); !checked.ok()) return checked;
    if (const absl::Status up = calls_.RefuseWhenDraining(); !up.ok()) return up;
    if (const absl::Status taken = session.Take(message); !taken.ok()) return taken;
  }
  // Read() also returns false when the stream broke off; only the call tells the difference.
  if (call.cancelled()) return absl::CancelledError("the stream broke off: nothing was imported");
  if (const absl::Status ended = session.EndOfStream(); !ended.ok()) return ended;
  Sha256Stream fingerprint;
  fingerprint.Update(start.SerializeAsString());
  fingerprint.Update(ToBytes(session.Fingerprint()));
  const RequestKey key{call.principal.id, start.request_id(), kImport, fingerprint.Finish()};
  bool is_new = false;  // else the request had its answer before
  auto imported = database_.Transact({kImport, call.deadline}, [&](Transaction& transaction) {
    is_new = false;
    return WithRequestId<v1::ImportResponse>(transaction, key, [&] {
      is_new = true;
      return session.Write(transaction, call.principal.id);
    });
  });
  if (imported.ok() && is_new) calls_.metrics().BoxesImported(imported->boxes());
  return imported;
}

grpc::Status ImageServiceImpl::Import(grpc::ServerContext* context,
                                      grpc::ServerReader<v1::ImportRequest>* reader,
                                      v1::ImportResponse* response) {
  return calls_.Stream(context, kImport, nullptr, [&](const Call& call) -> absl::Status {
    absl::StatusOr<v1::ImportResponse> taken = TakeStream(call, *reader);
    if (taken.ok()) *response = *std::move(taken);
    return taken.status();
  });
}

grpc::Status ImageServiceImpl::ListImages(grpc::ServerContext* context, const v1::ListImagesRequest* request,
                                          v1::ListImagesResponse* response) {
  constexpr char kMethod[] = "ImageService.ListImages";
  using Response = absl::StatusOr<v1::ListImagesResponse>;
  return calls_.Unary(context, kMethod, request, response, [&](const Call& call) -> Response {
    const absl::StatusOr<int64_t> start = PageStart(request->page_token());
    if (!start.ok()) return start.status();
    const int limit = PageSize(request->page_size(), 1000, 10'000);
    ImageFilter filter{.side = request->side()};
    if (request->has_labelled()) filter.labelled = request->labelled();
    if (request->has_unusable()) filter.unusable = request->unusable();
    return database_.Transact({kMethod, call.deadline}, [&](Transaction& transaction) -> Response {
      const absl::StatusOr<ProjectId> project = FindProject(transaction, request->project());
      if (!project.ok()) return project.status();
      v1::ListImagesResponse page;
      for (v1::Image& image : loupe::ListImages(transaction, *project, filter, ImageId(*start), limit + 1)) {
        *page.add_images() = std::move(image);
      }
      if (CutPage(*page.mutable_images(), limit))
        page.set_next_page_token(absl::StrCat(page.images(limit - 1).id()));
      return page;
    });
  });
}

grpc::Status ImageServiceImpl::ReadImage(grpc::ServerContext* context, const v1::ReadImageRequest* request,
                                         grpc::ServerWriter<v1::ReadImageResponse>* writer) {
  constexpr char kMethod[] = "ImageService.ReadImage";
  return calls_.Stream(context, kMethod, request, [&](const Call& call) -> absl::Status {
    const auto image = database_.Transact(
        {kMethod, call.deadline}, [&](Transaction& transaction) -> absl::StatusOr<v1::Image> {
          const absl::StatusOr<ProjectId> project = FindProject(transaction, request->project());
          if (!project.ok()) return project.status();
          const auto found = FindImage(transaction, *project, ImageId(request->image_id()));
          if (found.has_value() && found->state() != v1::REMOVED) return *found;
          return Error(absl::StatusCode::kNotFound, "NO_SUCH_IMAGE",
                       absl::StrCat("there is no image ", request->image_id()));
        });
    if (!image.ok()) return image.status();
    return WriteChunks(calls_, blobs_, *FromBytes(image->sha256()), *writer);
  });
}

grpc::Status ImageServiceImpl::ExportLabels(grpc::ServerContext* context,
                                            const v1::ExportLabelsRequest* request,
                                            grpc::ServerWriter<v1::LabelledImage>* writer) {
  constexpr char kMethod[] = "ImageService.ExportLabels";
  return calls_.Stream(context, kMethod, request, [&](const Call& call) -> absl::Status {
    if (request->image_ids_size() > kMaxImagesPerCall) return CheckImageCount(request->image_ids());
    const std::vector<ImageId> only = ImageIds(request->image_ids());
    ImageId last;
    for (;;) {
      if (const absl::Status up = calls_.RefuseWhenDraining(); !up.ok()) return up;
      using Page = absl::StatusOr<std::vector<v1::LabelledImage>>;
      const Page page = database_.Transact({kMethod, call.deadline}, [&](Transaction& transaction) -> Page {
        const absl::StatusOr<ProjectId> project = FindProject(transaction, request->project());
        if (!project.ok()) return project.status();
        return ReadLabelledImages(transaction, *project, request->side(), only, last, kExportPage);
      });
      if (!page.ok()) return page.status();
      for (const v1::LabelledImage& image : *page) {
        if (!writer->Write(image)) return absl::CancelledError("the client went away");
      }
      if (page->size() < kExportPage) return absl::OkStatus();
      last = ImageId(page->back().image().id());
    }
  });
}

}  // namespace loupe
