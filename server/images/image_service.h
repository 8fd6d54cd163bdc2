#pragma once

#include "db/database.h"
#include "loupe/v1/image.grpc.pb.h"
#include "server/blobs/blob_store.h"
#include "server/images/import_session.h"
#include "server/images/similar_images.h"
#include "server/rpc/rpc_call.h"

namespace loupe {

// proto/loupe/v1/image.proto says what each method does.
class ImageServiceImpl final : public v1::ImageService::Service {
 public:
  ImageServiceImpl(RpcCalls& calls, Database& database, const BlobStore& blobs)
      : calls_(calls), database_(database), blobs_(blobs), similar_(database) {}

  grpc::Status Import(grpc::ServerContext* context, grpc::ServerReader<v1::ImportRequest>* reader,
                      v1::ImportResponse* response) override;
  grpc::Status ListImages(grpc::ServerContext* context, const v1::ListImagesRequest* request,
                          v1::ListImagesResponse* response) override;
  grpc::Status SearchImages(grpc::ServerContext* context, const v1::SearchImagesRequest* request,
                            v1::SearchImagesResponse* response) override;
  grpc::Status ExcludeImage(grpc::ServerContext* context, const v1::ExcludeImageRequest* request,
                            v1::Image* response) override;
  grpc::Status RestoreImage(grpc::ServerContext* context, const v1::RestoreImageRequest* request,
                            v1::Image* response) override;
  grpc::Status RemoveImage(grpc::ServerContext* context, const v1::RemoveImageRequest* request,
                           v1::Image* response) override;
  grpc::Status ReadImage(grpc::ServerContext* context, const v1::ReadImageRequest* request,
                         grpc::ServerWriter<v1::ReadImageResponse>* writer) override;
  grpc::Status ExportLabels(grpc::ServerContext* context, const v1::ExportLabelsRequest* request,
                            grpc::ServerWriter<v1::LabelledImage>* writer) override;
  grpc::Status ExcludeImages(grpc::ServerContext* context, const v1::ExcludeImagesRequest* request,
                             v1::ExcludeImagesResponse* response) override;
  grpc::Status RestoreImages(grpc::ServerContext* context, const v1::RestoreImagesRequest* request,
                             v1::RestoreImagesResponse* response) override;
  grpc::Status FindSimilarImages(grpc::ServerContext* context, const v1::FindSimilarImagesRequest* request,
                                 v1::FindSimilarImagesResponse* response) override;

 private:
  absl::StatusOr<v1::ImportResponse> TakeStream(const Call& call,
                                                grpc::ServerReader<v1::ImportRequest>& reader);
  // The stream after its start.
  absl::StatusOr<v1::ImportResponse> TakePictures(const Call& call,
                                                  grpc::ServerReader<v1::ImportRequest>& reader,
                                                  ImportSession& session, const v1::ImportStart& start);

  RpcCalls& calls_;
  Database& database_;
  const BlobStore& blobs_;
  SimilarImages similar_;
};

}  // namespace loupe
