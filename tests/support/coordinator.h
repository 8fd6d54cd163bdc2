// Real coordinators on real ports over a real database, and how tests call them.
#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/lib/rpc_status.h"
#include "loupe/v1/image.grpc.pb.h"
#include "loupe/v1/labeling.grpc.pb.h"
#include "loupe/v1/project.grpc.pb.h"
#include "loupe/v1/token.pb.h"
#include "server/server.h"
#include "tests/support/test_database.h"

namespace loupe {

class TestCoordinator {
 public:
  // `servers` coordinators over one database and one blob store. With a page's address they have a gateway.
  explicit TestCoordinator(size_t servers = 1, const std::string& page_url = "");

  TestDatabase& database() { return database_; }
  Server& server(size_t index = 0) { return *servers_[index]; }
  std::shared_ptr<grpc::Channel> channel(size_t index = 0) { return channels_[index]; }
  const std::filesystem::path& blob_folder() const { return blobs_.path(); }

  // A new principal's token.
  std::string Token(v1::Role role);

 private:
  TestDatabase database_;
  TemporaryFolder blobs_;
  TemporaryFolder key_folder_;
  std::vector<std::unique_ptr<Server>> servers_;
  std::vector<std::shared_ptr<grpc::Channel>> channels_;
};

// With the token, unless it is empty, and a deadline of a minute.
std::unique_ptr<grpc::ClientContext> NewContext(const std::string& token);

// A new one each time.
std::string NextRequestId();

// Calls a unary method: Rpc(stub, &Stub::Submit, token, request).
template <typename Stub, typename Request, typename Response>
absl::StatusOr<Response> Rpc(Stub& stub,
                             grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                             const std::string& token, const Request& request) {
  Response response;
  const absl::Status status = FromGrpc((stub.*method)(NewContext(token).get(), request, &response));
  if (!status.ok()) return status;
  return response;
}

struct TestPicture {
  std::string file_name;
  std::string bytes;
  std::optional<v1::ImportedLabels> labels = std::nullopt;
  std::string group = "";
};

// One Import stream, in chunks of `chunk_bytes`.
absl::StatusOr<v1::ImportResponse> ImportPictures(const std::shared_ptr<grpc::Channel>& channel,
                                                  const std::string& token, const v1::ImportStart& start,
                                                  const std::vector<TestPicture>& pictures,
                                                  size_t chunk_bytes = 1 << 20);

// `count` pictures of 40 x 30 pixels, `image-0.png` and on, without labels.
std::vector<TestPicture> PlainPictures(uint32_t count, uint32_t first_number = 0);

// A project with the classes `dent` and `scratch`.
v1::Project MakeProject(const std::shared_ptr<grpc::Channel>& channel, const std::string& token,
                        const std::string& name, double holdout_fraction);

}  // namespace loupe
