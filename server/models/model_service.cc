#include "server/models/model_service.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "server/blobs/weights_check.h"
#include "server/models/model_calls.h"
#include "server/rpc/blob_chunks.h"

namespace loupe {
namespace {

absl::Status BadWeights(absl::string_view what) {
  return Error(absl::StatusCode::kInvalidArgument, "BAD_WEIGHTS", std::string(what));
}

// Streams the file into a blob, looking at its format as it passes. Errors: INVALID_ARGUMENT (BAD_WEIGHTS).
absl::StatusOr<BlobInfo> TakeWeights(grpc::ServerReader<v1::ImportModelRequest>& reader,
                                     const BlobStore& blobs, uint64_t size_bytes) {
  absl::StatusOr<BlobWriter> writer = blobs.NewWriter(size_bytes);
  if (!writer.ok()) return writer.status();
  WeightsCheck check;
  v1::ImportModelRequest request;
  while (reader.Read(&request)) {
    if (request.part_case() != v1::ImportModelRequest::kChunk || request.chunk().size() > kChunkBytes) {
      return BadWeights("after `start` only chunks of at most 1 MiB may come");
    }
    if (request.chunk().size() > size_bytes - writer->size_bytes()) {
      return BadWeights("more bytes came than `start` announced");
    }
    check.Append(request.chunk());
    if (const absl::Status written = writer->Append(request.chunk()); !written.ok()) return written;
  }
  if (writer->size_bytes() != size_bytes) {
    return BadWeights(absl::StrCat("the stream ended after ", writer->size_bytes(), " of ", size_bytes,
                                   " announced bytes"));
  }
  if (const absl::Status whole = check.Finish(); !whole.ok()) return BadWeights(whole.message());
  return writer->Commit();
}

}  // namespace

grpc::Status ModelServiceImpl::ListModels(grpc::ServerContext* context, const v1::ListModelsRequest* request,
                                          v1::ListModelsResponse* response) {
  return calls_.Unary(context, "ModelService.ListModels", request, response,
                      [&](const Call&) { return loupe::ListModels(database_, *request); });
}

grpc::Status ModelServiceImpl::GetModel(grpc::ServerContext* context, const v1::GetModelRequest* request,
                                        v1::Model* response) {
  return calls_.Unary(
      context, "ModelService.GetModel", request, response, [&](const Call&) -> absl::StatusOr<v1::Model> {
        absl::StatusOr<ModelRow> model = loupe::GetModel(database_, request->project(), request->model());
        if (!model.ok()) return model.status();
        return std::move(model->message);
      });
}

grpc::Status ModelServiceImpl::ImportModel(grpc::ServerContext* context,
                                           grpc::ServerReader<v1::ImportModelRequest>* reader,
                                           v1::Model* response) {
  return calls_.Stream(context, "ModelService.ImportModel", nullptr, [&](const Call& call) -> absl::Status {
    absl::StatusOr<v1::Model> model = Import(call, *reader);
    if (model.ok()) *response = *std::move(model);
    return model.status();
  });
}

absl::StatusOr<v1::Model> ModelServiceImpl::Import(const Call& call,
                                                   grpc::ServerReader<v1::ImportModelRequest>& reader) {
  v1::ImportModelRequest request;
  if (!reader.Read(&request) || !request.has_start()) return BadWeights("the stream must begin with `start`");
  if (const absl::Status plain = RefuseNul(request); !plain.ok()) return plain;
  const v1::ImportModelStart start = request.start();
  if (const absl::Status valid = CheckModelStart(start); !valid.ok()) return valid;
  const absl::StatusOr<BlobInfo> weights = TakeWeights(reader, blobs_, start.size_bytes());
  if (!weights.ok()) return weights.status();
  return AddModel(database_, call.principal.id, start, *weights);
}

grpc::Status ModelServiceImpl::ExportModel(grpc::ServerContext* context,
                                           const v1::ExportModelRequest* request,
                                           grpc::ServerWriter<v1::ExportModelResponse>* writer) {
  return calls_.Stream(context, "ModelService.ExportModel", request, [&](const Call&) -> absl::Status {
    const absl::StatusOr<ModelRow> model = loupe::GetModel(database_, request->project(), request->model());
    if (!model.ok()) return model.status();
    return WriteChunks(calls_, blobs_, model->weights, *writer);
  });
}

grpc::Status ModelServiceImpl::PromoteModel(grpc::ServerContext* context,
                                            const v1::PromoteModelRequest* request, v1::Model* response) {
  return calls_.Unary(context, "ModelService.PromoteModel", request, response, [&](const Call& call) {
    return loupe::PromoteModel(database_, blobs_, call.principal.id, *request);
  });
}

grpc::Status ModelServiceImpl::RollbackModel(grpc::ServerContext* context,
                                             const v1::RollbackModelRequest* request, v1::Model* response) {
  return calls_.Unary(context, "ModelService.RollbackModel", request, response, [&](const Call& call) {
    return loupe::RollbackModel(database_, blobs_, call.principal.id, *request);
  });
}

}  // namespace loupe
