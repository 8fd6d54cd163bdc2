// LabelingServiceImpl::SetGoldImages: images whose truth an engineer vouches for.

#include "db/planted/gold_images.h"
#include "db/stores/project_store.h"
#include "db/stores/request_store.h"
#include "server/labeling/labeling_service.h"
#include "server/rpc/image_list.h"

namespace loupe {

grpc::Status LabelingServiceImpl::SetGoldImages(grpc::ServerContext* context,
                                                const v1::SetGoldImagesRequest* request,
                                                v1::SetGoldImagesResponse* response) {
  constexpr char kMethod[] = "LabelingService.SetGoldImages";
  using Response = absl::StatusOr<v1::SetGoldImagesResponse>;
  return calls_.Unary(context, kMethod, request, response, [&](const Call& call) -> Response {
    if (const absl::Status count = CheckImageCount(request->image_ids()); !count.ok()) return count;
    const RequestKey key = KeyOf(call.principal.id, kMethod, request->request_id(), *request);
    return database_.Transact({kMethod, call.deadline}, [&](Transaction& transaction) {
      return WithRequestId<v1::SetGoldImagesResponse>(transaction, key, [&]() -> Response {
        const absl::StatusOr<ProjectId> project = FindProject(transaction, request->project());
        if (!project.ok()) return project.status();
        const std::vector<ImageId> images = ImageIds(request->image_ids());
        return ResponseOf<v1::SetGoldImagesResponse>(
            request->gold() ? MarkGold(transaction, *project, images, call.principal.id)
                            : UnmarkGold(transaction, *project, images));
      });
    });
  });
}

}  // namespace loupe
