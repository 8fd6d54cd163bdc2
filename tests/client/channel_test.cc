// Calls over a real port: a small gRPC server in this process responds as told.
#include "client/lib/channel.h"

#include <gmock/gmock.h>
#include <google/protobuf/any.pb.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <mutex>
#include <set>
#include <thread>

#include "client/lib/blob_stream.h"
#include "client/lib/request_id.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "loupe/v1/image.pb.h"
#include "loupe/v1/project.grpc.pb.h"
#include "loupe/v1/worker.grpc.pb.h"
#include "proto/error_info.h"

namespace loupe {
namespace {

namespace fs = std::filesystem;

grpc::Status ErrorWithReason(grpc::StatusCode code, const std::string& message, const std::string& reason) {
  google::rpc::ErrorInfo info;
  info.set_reason(reason);
  info.set_domain("loupe");
  google::rpc::Status details;
  details.set_code(code);
  details.add_details()->PackFrom(info);
  return grpc::Status(code, message, details.SerializeAsString());
}

class ProjectsServer final : public v1::ProjectService::Service {
 public:
  std::function<grpc::Status(int call)> answer = [](int) { return grpc::Status::OK; };
  std::atomic<int> calls = 0;
  std::mutex mutex;
  std::set<std::string> request_ids;
  std::string authorization;

  grpc::Status CreateProject(grpc::ServerContext* context, const v1::CreateProjectRequest* request,
                             v1::Project* response) override {
    {
      const std::lock_guard lock(mutex);
      request_ids.insert(request->request_id());
      const auto found = context->client_metadata().find("authorization");
      if (found != context->client_metadata().end())
        authorization = {found->second.data(), found->second.size()};
    }
    response->set_name(request->name());
    return answer(++calls);
  }
};

class Blobs final : public v1::WorkerService::Service {
 public:
  std::string blob;
  std::atomic<int> failures = 0;
  std::string written;
  size_t largest_chunk = 0;

  grpc::Status ReadBlob(grpc::ServerContext*, const v1::ReadBlobRequest*,
                        grpc::ServerWriter<v1::ReadBlobResponse>* writer) override {
    v1::ReadBlobResponse response;
    response.set_chunk(blob.substr(0, blob.size() / 2));
    writer->Write(response);
    if (failures.fetch_sub(1) > 0) return grpc::Status(grpc::StatusCode::UNAVAILABLE, "gone half way");
    response.set_chunk(blob.substr(blob.size() / 2));
    writer->Write(response);
    return grpc::Status::OK;
  }

  grpc::Status WriteBlob(grpc::ServerContext*, grpc::ServerReader<v1::WriteBlobRequest>* reader,
                         v1::WriteBlobResponse*) override {
    v1::WriteBlobRequest request;
    written.clear();
    if (!reader->Read(&request) || !request.has_header())
      return grpc::Status(grpc::StatusCode::INTERNAL, "no header");
    const std::string hash = request.header().sha256();
    if (failures.fetch_sub(1) > 0) return grpc::Status(grpc::StatusCode::UNAVAILABLE, "gone at once");
    while (reader->Read(&request)) {
      largest_chunk = std::max(largest_chunk, request.chunk().size());
      written += request.chunk();
    }
    return ToBytes(HashOf(written)) == hash
               ? grpc::Status::OK
               : ErrorWithReason(grpc::INVALID_ARGUMENT, "another hash", "BAD_BLOB");
  }
};

class ChannelTest : public testing::Test {
 protected:
  ChannelTest() {
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(&projects_);
    builder.RegisterService(&blobs_);
    server_ = builder.BuildAndStart();
    address_ = "127.0.0.1:" + std::to_string(port);
    std::string name = (fs::temp_directory_path() / "loupe-channel-XXXXXX").string();
    dir_ = mkdtemp(name.data());
  }
  ~ChannelTest() override {
    server_->Shutdown();
    fs::remove_all(dir_);
  }

  absl::StatusOr<v1::Project> Create(const CallOptions& options) {
    const auto connection = Connect({.address = address_, .token = "loupe_secret"});
    EXPECT_TRUE(connection.ok()) << connection.status();
    v1::ProjectService::Stub stub(connection->channel());
    v1::CreateProjectRequest request;
    request.set_request_id(NewRequestId());
    request.set_name("parts");
    return Call(*connection, stub, &v1::ProjectService::Stub::CreateProject, request, options);
  }

  std::vector<std::string> FilesLeft() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(dir_)) names.push_back(entry.path().filename());
    return names;
  }

  ProjectsServer projects_;
  Blobs blobs_;
  std::unique_ptr<grpc::Server> server_;
  std::string address_;
  fs::path dir_;
};

TEST_F(ChannelTest, SendsTheTokenAndGivesTheAnswer) {
  const auto project = Create({});
  ASSERT_TRUE(project.ok()) << project.status();
  EXPECT_EQ(project->name(), "parts");
  EXPECT_EQ(projects_.authorization, "Bearer loupe_secret");
}

// Protobuf wrote to the terminal by itself, and the coordinator's answer was empty.
TEST(RequestText, BytesThatAreNoUtf8AreNamedBeforeTheyAreSent) {
  v1::CreateProjectRequest request;
  request.set_name("Pr\xc3\xbc\x66ung");
  EXPECT_TRUE(CheckTexts(request).ok());
  request.add_classes("a\xff");
  EXPECT_EQ(CheckTexts(request).message().substr(0, 25), "classes is no UTF-8 text:");
  v1::ImportStart inside;
  inside.set_project("\xc3");
  v1::ImportRequest around;
  *around.mutable_start() = inside;
  EXPECT_EQ(CheckTexts(around).code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(ChannelTest, RepeatsUnavailableWithTheSameRequestId) {
  projects_.answer = [](int call) {
    return call < 4 ? grpc::Status(grpc::StatusCode::UNAVAILABLE, "not yet") : grpc::Status::OK;
  };
  const auto project = Create({.patience = absl::Seconds(20)});
  ASSERT_TRUE(project.ok()) << project.status();
  EXPECT_EQ(projects_.calls, 4);
  EXPECT_EQ(projects_.request_ids.size(), 1u);
}

TEST(IsForLaterTest, WhatAFrontSaysWithoutItsCoordinatorIsForLater) {
  EXPECT_TRUE(IsForLater(absl::UnavailableError("restarting")));
  EXPECT_TRUE(IsForLater(absl::CancelledError("Received RST_STREAM with error code 8")));
  EXPECT_TRUE(IsForLater(absl::UnknownError("Stream removed")));
  EXPECT_TRUE(IsForLater(Error(absl::StatusCode::kResourceExhausted, "TOO_MANY_CALLS", "later")));
  EXPECT_FALSE(IsForLater(absl::CancelledError("the client gave up")));
  EXPECT_FALSE(IsForLater(absl::UnknownError("something else")));
  EXPECT_FALSE(IsForLater(absl::OkStatus()));
}

TEST_F(ChannelTest, RepeatsNothingElse) {
  for (const grpc::StatusCode code : {grpc::ABORTED, grpc::INTERNAL, grpc::RESOURCE_EXHAUSTED,
                                      grpc::DEADLINE_EXCEEDED, grpc::FAILED_PRECONDITION, grpc::UNKNOWN}) {
    projects_.calls = 0;
    projects_.answer = [code](int) { return grpc::Status(code, "no"); };
    const auto project = Create({.patience = absl::Seconds(20)});
    EXPECT_EQ(static_cast<int>(project.status().code()), static_cast<int>(code));
    EXPECT_EQ(projects_.calls, 1) << code;
  }
}

TEST_F(ChannelTest, PatienceEnds) {
  projects_.answer = [](int) { return grpc::Status(grpc::StatusCode::UNAVAILABLE, "never"); };
  const absl::Time start = absl::Now();
  EXPECT_EQ(Create({.patience = absl::Milliseconds(300)}).status().code(), absl::StatusCode::kUnavailable);
  EXPECT_GE(absl::Now() - start, absl::Milliseconds(300));
  EXPECT_GT(projects_.calls, 1);
}

TEST_F(ChannelTest, ADeadlineEndsACallThatHangs) {
  std::atomic<bool> release = false;
  projects_.answer = [&](int) {
    while (!release) std::this_thread::yield();
    return grpc::Status::OK;
  };
  const auto project = Create({.deadline = absl::Milliseconds(200), .patience = absl::Seconds(20)});
  release = true;
  // Waits for the call, which reads what is on this stack.
  server_->Shutdown();
  EXPECT_EQ(project.status().code(), absl::StatusCode::kDeadlineExceeded);
  // A busy machine may not have begun it in time.
  EXPECT_LE(projects_.calls, 1);
}

TEST_F(ChannelTest, ErrorsKeepCodeMessageAndReason) {
  projects_.answer = [](int) {
    return ErrorWithReason(grpc::ALREADY_EXISTS, "there is one", "PROJECT_EXISTS");
  };
  const absl::Status status = Create({}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(status.message(), "there is one");
  EXPECT_EQ(ErrorReason(status), "PROJECT_EXISTS");
  EXPECT_EQ(ErrorReason(absl::NotFoundError("of the client")), "");
}

TEST_F(ChannelTest, NobodyListensIsUnavailable) {
  server_->Shutdown();
  EXPECT_EQ(Create({.patience = absl::ZeroDuration()}).status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(ChannelTest, ComesBackToACoordinatorThatRestarts) {
  const auto connection = Connect({.address = address_, .token = "t"});
  v1::ProjectService::Stub stub(connection->channel());
  v1::CreateProjectRequest request;
  request.set_name("parts");
  ASSERT_TRUE(Call(*connection, stub, &v1::ProjectService::Stub::CreateProject, request).ok());
  server_->Shutdown();
  server_.reset();
  ProjectsServer restarted;
  std::unique_ptr<grpc::Server> again;
  std::thread starter([&] {
    grpc::ServerBuilder builder;
    builder.AddListeningPort(address_, grpc::InsecureServerCredentials());
    builder.RegisterService(&restarted);
    again = builder.BuildAndStart();
  });
  const auto project = Call(*connection, stub, &v1::ProjectService::Stub::CreateProject, request,
                            {.patience = absl::Seconds(30)});
  starter.join();
  EXPECT_TRUE(project.ok()) << project.status();
  EXPECT_EQ(restarted.calls, 1);
  again->Shutdown();
  // For the destructor, which shuts down the fixture's own.
  server_ = std::move(again);
}

TEST_F(ChannelTest, ATokenDoesNotTravelInTheClear) {
  EXPECT_EQ(Connect({.address = "coordinator.example:50051", .token = "t"}).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Connect({.address = "far:1", .token = "t", .ca_cert = dir_ / "no.pem"}).status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_TRUE(Connect({.address = "localhost:1", .token = "t"}).ok());
}

TEST_F(ChannelTest, ReadBlobGivesAWholeFileOrNone) {
  blobs_.blob = std::string(3 << 20, 'x') + "end";
  const auto connection = Connect({.address = address_, .token = "t"});
  const fs::path path = dir_ / "blob";
  blobs_.failures = 2;
  absl::Status status = ReadBlob(*connection, 1, 2, HashOf(blobs_.blob), path);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(HashOfFile(path).value(), HashOf(blobs_.blob));
  EXPECT_THAT(FilesLeft(), testing::ElementsAre("blob"));

  fs::remove(path);
  status = ReadBlob(*connection, 1, 2, HashOf("other bytes"), path);
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(FilesLeft(), testing::IsEmpty());
}

TEST_F(ChannelTest, WriteBlobSendsTheFileInChunks) {
  const std::string bytes = std::string((2 << 20) + 17, 'y');
  const fs::path path = dir_ / "blob";
  std::ofstream(path, std::ios::binary) << bytes;
  const auto connection = Connect({.address = address_, .token = "t"});
  blobs_.failures = 1;
  const absl::Status status = WriteBlob(*connection, 1, 2, HashOf(bytes), path);
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(blobs_.written, bytes);
  EXPECT_LE(blobs_.largest_chunk, size_t{1} << 20);

  const absl::Status wrong = WriteBlob(*connection, 1, 2, HashOf("other"), path);
  EXPECT_EQ(ErrorReason(wrong), "BAD_BLOB");
  EXPECT_EQ(WriteBlob(*connection, 1, 2, HashOf(""), dir_ / "no").code(), absl::StatusCode::kNotFound);
}

TEST(RequestId, IsAVersion4UuidAndNeverTheSame) {
  std::set<std::string> ids;
  for (int i = 0; i < 1000; ++i) {
    const std::string id = NewRequestId();
    EXPECT_THAT(id,
                testing::MatchesRegex("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"));
    ids.insert(id);
  }
  EXPECT_EQ(ids.size(), 1000u);
}

TEST(TokenFile, HoldsATokenOrIsRefused) {
  std::string name = (fs::temp_directory_path() / "loupe-token-XXXXXX").string();
  const fs::path dir = mkdtemp(name.data());
  std::ofstream(dir / "good") << "loupe_abc\r\n";
  std::ofstream(dir / "empty") << "\n";
  std::ofstream(dir / "binary") << "a\x01z\n";
  EXPECT_EQ(ReadTokenFile(dir / "good").value(), "loupe_abc");
  EXPECT_EQ(ReadTokenFile(dir / "empty").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReadTokenFile(dir / "binary").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReadTokenFile(dir / "no").status().code(), absl::StatusCode::kNotFound);
  fs::remove_all(dir);
}

}  // namespace
}  // namespace loupe
