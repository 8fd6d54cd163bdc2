#include "server/images/provenance_service.h"

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "db/stores/label_store.h"
#include "db/stores/project_store.h"
#include "proto/error_info.h"
#include "server/rpc/asked_image.h"

namespace loupe {
namespace {

constexpr int kImagesAtATime = 1000;
constexpr int kMaxBreaksListed = 100;

void AddChecked(const ChainCheck& check, v1::VerifyHistoryResponse& total) {
  total.set_images(total.images() + check.images);
  total.set_revisions(total.revisions() + check.revisions);
  total.set_boxes(total.boxes() + check.boxes);
  total.set_breaks_total(total.breaks_total() + check.breaks.size());
  for (const std::string& found : check.breaks) {
    if (total.breaks_size() < kMaxBreaksListed) total.add_breaks(found);
  }
}

}  // namespace

grpc::Status ProvenanceServiceImpl::GetImageProvenance(grpc::ServerContext* context,
                                                       const v1::GetImageProvenanceRequest* request,
                                                       v1::ImageProvenance* response) {
  constexpr char kMethod[] = "ProvenanceService.GetImageProvenance";
  return calls_.Unary(context, kMethod, request, response, [&](const Call& call) {
    return database_.Transact({kMethod, call.deadline, Isolation::kRepeatableRead},
                              [&](Transaction& transaction) -> absl::StatusOr<v1::ImageProvenance> {
                                const absl::StatusOr<ProjectId> project =
                                    FindProject(transaction, request->project());
                                if (!project.ok()) return project.status();
                                const absl::StatusOr<v1::Image> image = FindAskedImage(
                                    transaction, *project, request->image_id(), request->file_name());
                                if (!image.ok()) return image.status();
                                return ReadProvenance(transaction, *image);
                              });
  });
}

grpc::Status ProvenanceServiceImpl::VerifyHistory(grpc::ServerContext* context,
                                                  const v1::VerifyHistoryRequest* request,
                                                  v1::VerifyHistoryResponse* response) {
  constexpr char kMethod[] = "ProvenanceService.VerifyHistory";
  // Each transaction checks a part, since the history may be long. Stream() and not Unary(), since the whole
  // may take longer than kMaxUnary.
  return calls_.Stream(context, kMethod, request, [&](const Call& call) -> absl::Status {
    const absl::StatusOr<ProjectId> project = database_.Transact(
        {kMethod, call.deadline},
        [&](Transaction& transaction) { return FindProject(transaction, request->project()); });
    if (!project.ok()) return project.status();
    ImageId last;
    while (!call.cancelled()) {
      const auto turn = calls_.WaitForTurn(call);
      if (!turn.ok()) return turn.status();
      const auto check = database_.Transact(call.LongRead(kMethod), [&](Transaction& transaction) {
        return absl::StatusOr<ChainCheck>(CheckChain(transaction, *project, last, kImagesAtATime));
      });
      if (!check.ok()) return check.status();
      if (!check->last_image) return absl::OkStatus();
      AddChecked(*check, *response);
      last = check->last_image;
    }
    return absl::CancelledError("the client went away");
  });
}

}  // namespace loupe
