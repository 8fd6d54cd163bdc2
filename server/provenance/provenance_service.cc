#include "server/provenance/provenance_service.h"

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "db/lineage/chain_check.h"
#include "db/lineage/label_history.h"
#include "db/stores/image_store.h"
#include "db/stores/model_store.h"
#include "db/stores/project_store.h"
#include "proto/error_info.h"
#include "server/provenance/calibrated_scores.h"
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

absl::StatusOr<v1::BoxProvenance> ReadBox(Transaction& transaction, const std::string& project_name,
                                          int64_t box_id) {
  const absl::StatusOr<ProjectId> project = FindProject(transaction, project_name);
  if (!project.ok()) return project.status();
  const std::optional<ImageId> image = FindImageOfBox(transaction, *project, box_id);
  if (!image.has_value()) {
    return Error(absl::StatusCode::kNotFound, "NO_SUCH_BOX",
                 absl::StrCat("the project has no box ", box_id,
                              ": `loupe provenance image` tells the boxes of an image"));
  }
  const absl::StatusOr<v1::Image> found = FindAskedImage(transaction, *project, image->value(), "");
  if (!found.ok()) return found.status();
  v1::BoxProvenance provenance = ReadBoxProvenance(transaction, *project, *found, box_id);
  AddCalibratedScores(transaction, *project, provenance);
  return provenance;
}

absl::StatusOr<v1::ModelProvenance> ReadModelLineage(Transaction& transaction,
                                                     const v1::GetModelProvenanceRequest& request) {
  const absl::StatusOr<ProjectId> project = FindProject(transaction, request.project());
  if (!project.ok()) return project.status();
  absl::StatusOr<ModelRow> model = ReadNamedModel(transaction, *project, request.model());
  if (!model.ok()) return model.status();
  model->message.set_withdrawn_labels(CountWithdrawnLabels(transaction, *project)[model->message.number()]);
  return ReadModelProvenance(transaction, *model);
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
                                v1::ImageProvenance provenance = ReadProvenance(transaction, *image);
                                AddCalibratedScores(transaction, *project, provenance);
                                return provenance;
                              });
  });
}

grpc::Status ProvenanceServiceImpl::GetBoxProvenance(grpc::ServerContext* context,
                                                     const v1::GetBoxProvenanceRequest* request,
                                                     v1::BoxProvenance* response) {
  constexpr char kMethod[] = "ProvenanceService.GetBoxProvenance";
  return calls_.Unary(context, kMethod, request, response, [&](const Call& call) {
    return database_.Transact({kMethod, call.deadline, Isolation::kRepeatableRead},
                              [&](Transaction& transaction) {
                                return ReadBox(transaction, request->project(), request->box_id());
                              });
  });
}

grpc::Status ProvenanceServiceImpl::GetModelProvenance(grpc::ServerContext* context,
                                                       const v1::GetModelProvenanceRequest* request,
                                                       v1::ModelProvenance* response) {
  constexpr char kMethod[] = "ProvenanceService.GetModelProvenance";
  return calls_.Unary(context, kMethod, request, response, [&](const Call& call) {
    return database_.Transact(
        {kMethod, call.deadline, Isolation::kRepeatableRead},
        [&](Transaction& transaction) { return ReadModelLineage(transaction, *request); });
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
