#include "tests/support/coordinator.h"

#include <grpcpp/create_channel.h>

#include <atomic>
#include <chrono>
#include <stdexcept>

#include "absl/strings/str_cat.h"
#include "db/stores/principal_store.h"
#include "server/rpc/auth.h"
#include "tests/support/pictures.h"

namespace loupe {

TestCoordinator::TestCoordinator(size_t servers, const std::string& page_url) {
  ServerOptions options;
  options.database_url = database_.service_url();
  options.blob_folder = blobs_.path();
  options.checkpoint_key = key_folder_.path() / "checkpoint.key";
  options.listen = "127.0.0.1:0";
  options.page_url = page_url;
  if (!page_url.empty()) options.http_listen = "127.0.0.1:0";
  for (size_t i = 0; i < servers; ++i) {
    auto started = Server::Start(options);
    if (!started.ok()) throw std::runtime_error(started.status().ToString());
    channels_.push_back(grpc::CreateChannel((*started)->address(), grpc::InsecureChannelCredentials()));
    servers_.push_back(*std::move(started));
  }
}

std::string TestCoordinator::Token(v1::Role role) {
  const std::string secret = NewTokenSecret();
  const auto made = database_.get().Transact({"Token", absl::Minutes(1)}, [&](Transaction& transaction) {
    return InsertPrincipal(transaction, "", role, HashOf(secret));
  });
  if (!made.ok()) throw std::runtime_error(made.status().ToString());
  return secret;
}

std::unique_ptr<grpc::ClientContext> NewContext(const std::string& token) {
  auto context = std::make_unique<grpc::ClientContext>();
  if (!token.empty()) context->AddMetadata("authorization", absl::StrCat("Bearer ", token));
  context->set_deadline(std::chrono::system_clock::now() + std::chrono::minutes(1));
  return context;
}

std::string NextRequestId() {
  static std::atomic<int> count = 0;
  return absl::StrCat("request-", ++count);
}

absl::StatusOr<v1::ImportResponse> ImportPictures(const std::shared_ptr<grpc::Channel>& channel,
                                                  const std::string& token, const v1::ImportStart& start,
                                                  const std::vector<TestPicture>& pictures,
                                                  size_t chunk_bytes) {
  const auto stub = v1::ImageService::NewStub(channel);
  const auto context = NewContext(token);
  v1::ImportResponse response;
  const auto writer = stub->Import(context.get(), &response);
  v1::ImportRequest message;
  *message.mutable_start() = start;
  bool open = writer->Write(message);
  for (const TestPicture& picture : pictures) {
    if (!open) break;
    v1::PictureHeader& header = *message.mutable_picture();
    header.set_file_name(picture.file_name);
    header.set_size_bytes(picture.bytes.size());
    header.set_group(picture.group);
    if (picture.labels.has_value()) *header.mutable_labels() = *picture.labels;
    open = writer->Write(message);
    for (size_t at = 0; open && at < picture.bytes.size(); at += chunk_bytes) {
      message.set_chunk(picture.bytes.substr(at, chunk_bytes));
      open = writer->Write(message);
    }
  }
  message.mutable_end()->set_pictures(pictures.size());
  if (open && writer->Write(message)) writer->WritesDone();
  const absl::Status status = FromGrpc(writer->Finish());
  if (!status.ok()) return status;
  return response;
}

std::vector<TestPicture> PlainPictures(uint32_t count, uint32_t first_number) {
  std::vector<TestPicture> pictures;
  for (uint32_t i = first_number; i < first_number + count; ++i) {
    // Few pixels to draw, and every picture different.
    pictures.push_back({absl::StrCat("image-", i, ".png"), MakePng(40, 30, i)});
  }
  return pictures;
}

v1::Project MakeProject(const std::shared_ptr<grpc::Channel>& channel, const std::string& token,
                        const std::string& name, double holdout_fraction) {
  const auto stub = v1::ProjectService::NewStub(channel);
  v1::CreateProjectRequest request;
  request.set_request_id(NextRequestId());
  request.set_name(name);
  request.add_classes("dent");
  request.add_classes("scratch");
  request.set_holdout_fraction(holdout_fraction);
  request.set_seed(1);  // the same split each time
  const auto project = Rpc(*stub, &v1::ProjectService::Stub::CreateProject, token, request);
  if (!project.ok()) throw std::runtime_error(project.status().ToString());
  return *project;
}

}  // namespace loupe
