#include "server/provenance/provenance_service.h"

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "db/lineage/label_history.h"
#include "db/rows/message_row.h"
#include "db/stores/image_store.h"
#include "db/stores/model_store.h"
#include "db/stores/project_store.h"
#include "proto/error_info.h"
#include "server/provenance/calibrated_scores.h"
#include "server/provenance/checkpoint.h"
#include "server/rpc/asked_image.h"
#include "server/rpc/rpc_status.h"

namespace loupe {
namespace {

constexpr int kImagesAtATime = 1000;
constexpr int kMaxBreaksListed = 100;
constexpr char kVerifyCheckpoint[] = "ProvenanceService.VerifyCheckpoint";

void AddBreaks(const std::vector<std::string>& breaks, v1::VerifyHistoryResponse& total) {
  total.set_breaks_total(total.breaks_total() + breaks.size());
  for (const std::string& found : breaks) {
    if (total.breaks_size() < kMaxBreaksListed) total.add_breaks(found);
  }
}

void AddChecked(const ChainCheck& check, v1::VerifyHistoryResponse& total) {
  total.set_images(total.images() + check.images);
  total.set_revisions(total.revisions() + check.revisions);
  total.set_boxes(total.boxes() + check.boxes);
  AddBreaks(check.breaks, total);
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

absl::Status ProvenanceServiceImpl::WalkHistory(
    const Call& call, const char* method, const std::string& project_name,
    absl::FunctionRef<absl::Status(ProjectId, const ProjectRecords&)> take,
    absl::FunctionRef<absl::Status(const ChainCheck&)> check) {
  ProjectId project;
  const auto records = database_.Transact(call.LongRead(method, Isolation::kRepeatableRead),
                                          [&](Transaction& transaction) -> absl::StatusOr<ProjectRecords> {
                                            const absl::StatusOr<ProjectId> found =
                                                FindProject(transaction, project_name);
                                            if (!found.ok()) return found.status();
                                            project = *found;
                                            return ReadProjectRecords(transaction, project);
                                          });
  if (!records.ok()) return records.status();
  if (const absl::Status taken = take(project, *records); !taken.ok()) return taken;
  // Each transaction checks a part, since the history may be long.
  ImageId last;
  while (!call.cancelled()) {
    const auto part = ReadInTurn(call, method, [&](Transaction& transaction) {
      return absl::StatusOr<ChainCheck>(CheckChain(transaction, project, last, kImagesAtATime));
    });
    if (!part.ok()) return part.status();
    if (!part->last_image) return absl::OkStatus();
    if (const absl::Status checked = check(*part); !checked.ok()) return checked;
    last = part->last_image;
  }
  return absl::CancelledError("the client went away");
}

grpc::Status ProvenanceServiceImpl::VerifyHistory(grpc::ServerContext* context,
                                                  const v1::VerifyHistoryRequest* request,
                                                  v1::VerifyHistoryResponse* response) {
  constexpr char kMethod[] = "ProvenanceService.VerifyHistory";
  // Stream() and not Unary(), since the whole may take longer than kMaxUnary.
  return calls_.Stream(context, kMethod, request, [&](const Call& call) -> absl::Status {
    return WalkHistory(
        call, kMethod, request->project(),
        [&](ProjectId, const ProjectRecords& records) {
          AddBreaks(records.breaks, *response);
          return absl::OkStatus();
        },
        [&](const ChainCheck& part) {
          AddChecked(part, *response);
          return absl::OkStatus();
        });
  });
}

grpc::Status ProvenanceServiceImpl::CreateCheckpoint(
    grpc::ServerContext* context, const v1::CreateCheckpointRequest* request,
    grpc::ServerWriter<v1::CreateCheckpointResponse>* writer) {
  constexpr char kMethod[] = "ProvenanceService.CreateCheckpoint";
  return calls_.Stream(context, kMethod, request, [&](const Call& call) -> absl::Status {
    CheckpointStatement statement;
    statement.made_at = absl::Now();
    MerkleRoot root;
    v1::CreateCheckpointResponse piece;
    const auto add = [&](const std::string& line) {
      root.Add(line);
      absl::StrAppend(piece.mutable_text(), line, "\n");
    };
    const auto send = [&](const std::vector<std::string>& breaks) -> absl::Status {
      if (!breaks.empty()) {
        return Error(absl::StatusCode::kFailedPrecondition, "HISTORY_CHANGED",
                     absl::StrCat("no checkpoint of a history that was changed: ", breaks.front(),
                                  "; `loupe provenance verify` lists all"));
      }
      if (!writer->Write(piece)) return absl::CancelledError("the client went away");
      piece.clear_text();
      return absl::OkStatus();
    };
    const absl::Status walked = WalkHistory(
        call, kMethod, request->project(),
        [&](ProjectId project, const ProjectRecords& records) {
          add(FirstLineOf(project));
          for (const std::string& line : records.lines) add(line);
          return send(records.breaks);
        },
        [&](const ChainCheck& part) {
          for (const ImageHistory& history : part.histories) {
            for (const std::string& line : LinesOf(history)) add(line);
          }
          return send(part.breaks);
        });
    if (!walked.ok()) return walked;
    statement.root = root.Root();
    statement.lines = root.leaves();
    piece.set_text(SignedText(statement, key_));
    return send({});
  });
}

absl::StatusOr<v1::VerifyHistoryResponse> ProvenanceServiceImpl::Compare(
    const Call& call, grpc::ServerReader<v1::VerifyCheckpointRequest>& reader) {
  v1::VerifyCheckpointRequest message;
  if (!reader.Read(&message)) return InvalidArgument("a stream begins with a project and a statement");
  if (const absl::Status checked = CheckFields(message); !checked.ok()) return checked;
  const absl::StatusOr<CheckpointStatement> statement = ReadStatement(message.statement(), key_);
  if (!statement.ok()) return statement.status();
  v1::VerifyHistoryResponse response;
  *response.mutable_checkpoint_made_at() = TimestampOf(statement->made_at);
  const std::string project_name = message.project();
  CheckpointComparison comparison([&]() -> std::optional<std::string> {
    if (!reader.Read(&message)) return std::nullopt;
    return std::move(*message.mutable_lines());
  });
  const absl::Status walked = WalkHistory(
      call, kVerifyCheckpoint, project_name,
      [&](ProjectId project, const ProjectRecords& records) {
        AddBreaks(records.breaks, response);
        if (const absl::Status begun = comparison.Begin(project); !begun.ok()) return begun;
        std::vector<std::string> breaks;
        comparison.CompareRecords(records, breaks);
        AddBreaks(breaks, response);
        return absl::OkStatus();
      },
      [&](const ChainCheck& part) {
        AddChecked(part, response);
        std::vector<std::string> breaks;
        comparison.CompareImages(part.histories, breaks);
        AddBreaks(breaks, response);
        return absl::OkStatus();
      });
  if (!walked.ok()) return walked;
  std::vector<std::string> breaks;
  if (const absl::Status ended = comparison.End(*statement, breaks); !ended.ok()) return ended;
  AddBreaks(breaks, response);
  response.set_revisions_since(comparison.revisions_since());
  return response;
}

grpc::Status ProvenanceServiceImpl::VerifyCheckpoint(grpc::ServerContext* context,
                                                     grpc::ServerReader<v1::VerifyCheckpointRequest>* reader,
                                                     v1::VerifyHistoryResponse* response) {
  return calls_.Stream(context, kVerifyCheckpoint, nullptr, [&](const Call& call) -> absl::Status {
    absl::StatusOr<v1::VerifyHistoryResponse> compared = Compare(call, *reader);
    if (compared.ok()) *response = *std::move(compared);
    return compared.status();
  });
}

}  // namespace loupe
