// The methods of server/images/image_service.h that change whether an image is used.

#include <string>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "db/stores/image_store.h"
#include "db/stores/project_store.h"
#include "db/stores/request_store.h"
#include "proto/error_info.h"
#include "server/images/image_service.h"
#include "server/rpc/asked_image.h"
#include "server/rpc/image_list.h"
#include "server/rpc/names.h"
#include "server/storage/unneeded_blobs.h"

namespace loupe {
namespace {

constexpr size_t kMaxReason = 1000;

absl::Status CheckReason(const std::string& reason) {
  if (!reason.empty() && CharacterCount(reason) <= kMaxReason) return absl::OkStatus();
  return InvalidArgument(absl::StrCat("reason must have 1 to ", kMaxReason, " characters"));
}

absl::Status Removed(const v1::Image& image) {
  return Error(absl::StatusCode::kFailedPrecondition, "IMAGE_REMOVED",
               absl::StrCat("image ", image.id(), " was removed for good"));
}

// Finds the image that the request names, calls `change` with it, and returns it as it is then.
template <typename Request>
absl::StatusOr<v1::Image> ChangeImage(Transaction& transaction, const Request& request,
                                      absl::FunctionRef<absl::Status(const v1::Image&)> change) {
  const absl::StatusOr<ProjectId> project = FindProject(transaction, request.project());
  if (!project.ok()) return project.status();
  const absl::StatusOr<v1::Image> image =
      FindAskedImage(transaction, *project, request.image_id(), request.file_name());
  if (!image.ok()) return image;
  if (const absl::Status changed = change(*image); !changed.ok()) return changed;
  return FindAskedImage(transaction, *project, image->id(), "");
}

}  // namespace

grpc::Status ImageServiceImpl::ExcludeImage(grpc::ServerContext* context,
                                            const v1::ExcludeImageRequest* request, v1::Image* response) {
  constexpr char kMethod[] = "ImageService.ExcludeImage";
  using Response = absl::StatusOr<v1::Image>;
  return calls_.Unary(context, kMethod, request, response, [&](const Call& call) -> Response {
    if (const absl::Status reason = CheckReason(request->reason()); !reason.ok()) return reason;
    const RequestKey key = KeyOf(call.principal.id, kMethod, request->request_id(), *request);
    return database_.Transact({kMethod, call.deadline}, [&](Transaction& transaction) {
      return WithRequestId<v1::Image>(transaction, key, [&] {
        return ChangeImage(transaction, *request, [&](const v1::Image& image) {
          const bool excluded =
              loupe::ExcludeImage(transaction, ImageId(image.id()), request->reason(), call.principal.id);
          return excluded ? absl::OkStatus() : Removed(image);
        });
      });
    });
  });
}

grpc::Status ImageServiceImpl::RestoreImage(grpc::ServerContext* context,
                                            const v1::RestoreImageRequest* request, v1::Image* response) {
  constexpr char kMethod[] = "ImageService.RestoreImage";
  using Response = absl::StatusOr<v1::Image>;
  return calls_.Unary(context, kMethod, request, response, [&](const Call& call) -> Response {
    const RequestKey key = KeyOf(call.principal.id, kMethod, request->request_id(), *request);
    return database_.Transact({kMethod, call.deadline}, [&](Transaction& transaction) {
      return WithRequestId<v1::Image>(transaction, key, [&] {
        return ChangeImage(transaction, *request, [&](const v1::Image& image) {
          if (image.state() == v1::REMOVED) return Removed(image);
          loupe::RestoreImage(transaction, ImageId(image.id()), call.principal.id);
          return absl::OkStatus();
        });
      });
    });
  });
}

grpc::Status ImageServiceImpl::ExcludeImages(grpc::ServerContext* context,
                                             const v1::ExcludeImagesRequest* request,
                                             v1::ExcludeImagesResponse* response) {
  constexpr char kMethod[] = "ImageService.ExcludeImages";
  using Response = absl::StatusOr<v1::ExcludeImagesResponse>;
  return calls_.Unary(context, kMethod, request, response, [&](const Call& call) -> Response {
    if (const absl::Status count = CheckImageCount(request->image_ids()); !count.ok()) return count;
    if (const absl::Status reason = CheckReason(request->reason()); !reason.ok()) return reason;
    const RequestKey key = KeyOf(call.principal.id, kMethod, request->request_id(), *request);
    return database_.Transact({kMethod, call.deadline}, [&](Transaction& transaction) {
      return WithRequestId<v1::ExcludeImagesResponse>(transaction, key, [&]() -> Response {
        const absl::StatusOr<ProjectId> project = FindProject(transaction, request->project());
        if (!project.ok()) return project.status();
        return ResponseOf<v1::ExcludeImagesResponse>(loupe::ExcludeImages(
            transaction, *project, ImageIds(request->image_ids()), request->reason(), call.principal.id));
      });
    });
  });
}

grpc::Status ImageServiceImpl::RestoreImages(grpc::ServerContext* context,
                                             const v1::RestoreImagesRequest* request,
                                             v1::RestoreImagesResponse* response) {
  constexpr char kMethod[] = "ImageService.RestoreImages";
  using Response = absl::StatusOr<v1::RestoreImagesResponse>;
  return calls_.Unary(context, kMethod, request, response, [&](const Call& call) -> Response {
    if (const absl::Status count = CheckImageCount(request->image_ids()); !count.ok()) return count;
    const RequestKey key = KeyOf(call.principal.id, kMethod, request->request_id(), *request);
    return database_.Transact({kMethod, call.deadline}, [&](Transaction& transaction) {
      return WithRequestId<v1::RestoreImagesResponse>(transaction, key, [&]() -> Response {
        const absl::StatusOr<ProjectId> project = FindProject(transaction, request->project());
        if (!project.ok()) return project.status();
        return ResponseOf<v1::RestoreImagesResponse>(
            loupe::RestoreImages(transaction, *project, ImageIds(request->image_ids()), call.principal.id));
      });
    });
  });
}

grpc::Status ImageServiceImpl::RemoveImage(grpc::ServerContext* context,
                                           const v1::RemoveImageRequest* request, v1::Image* response) {
  constexpr char kMethod[] = "ImageService.RemoveImage";
  using Response = absl::StatusOr<v1::Image>;
  return calls_.Unary(context, kMethod, request, response, [&](const Call& call) -> Response {
    if (const absl::Status reason = CheckReason(request->reason()); !reason.ok()) return reason;
    const RequestKey key = KeyOf(call.principal.id, kMethod, request->request_id(), *request);
    const Response removed = database_.Transact({kMethod, call.deadline}, [&](Transaction& transaction) {
      return WithRequestId<v1::Image>(transaction, key, [&] {
        return ChangeImage(transaction, *request, [&](const v1::Image& image) {
          loupe::RemoveImage(transaction, ImageId(image.id()), request->reason(), call.principal.id);
          return absl::OkStatus();
        });
      });
    });
    if (!removed.ok()) return removed;
    // After the commit, so that no usable image is without its picture. A call that died before this point is
    // repeated: removing an image twice erases a blob that was left.
    const Sha256 hash = *FromBytes(removed->sha256());
    const auto erased = EraseUnneeded(database_, blobs_, {hash}, call.deadline);
    if (!erased.ok()) return erased.status();
    if (!erased->why.ok()) return erased->why;
    return removed;
  });
}

}  // namespace loupe
