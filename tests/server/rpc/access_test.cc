// Every method of every service, found by reflection: no token, a wrong role, a NUL.
#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>

#include "db/stores/principal_store.h"
#include "loupe/v1/image.pb.h"
#include "loupe/v1/insight.pb.h"
#include "loupe/v1/labeling.pb.h"
#include "loupe/v1/model.pb.h"
#include "loupe/v1/project.pb.h"
#include "loupe/v1/provenance.pb.h"
#include "loupe/v1/round.pb.h"
#include "loupe/v1/token.grpc.pb.h"
#include "loupe/v1/worker.pb.h"
#include "proto/error_info.h"
#include "server/rpc/access.h"
#include "tests/support/coordinator.h"

namespace loupe {
namespace {

using google::protobuf::MethodDescriptor;

TestCoordinator& Coordinator() {
  static TestCoordinator coordinator;
  return coordinator;
}

std::vector<const MethodDescriptor*> DescribedMethods() {
  std::vector<const MethodDescriptor*> methods;
  for (const google::protobuf::FileDescriptor* file :
       {v1::Image::descriptor()->file(), v1::ImportRequest::descriptor()->file(),
        v1::Task::descriptor()->file(), v1::Model::descriptor()->file(), v1::Project::descriptor()->file(),
        v1::Revision::descriptor()->file(), v1::Round::descriptor()->file(), v1::Curve::descriptor()->file(),
        v1::Token::descriptor()->file(), v1::Job::descriptor()->file()}) {
    for (int s = 0; s < file->service_count(); ++s) {
      for (int m = 0; m < file->service(s)->method_count(); ++m)
        methods.push_back(file->service(s)->method(m));
    }
  }
  return methods;
}

// An empty request to a method of any kind.
absl::Status CallAny(const MethodDescriptor& method, const std::string& token) {
  grpc::GenericStub stub(Coordinator().channel());
  grpc::CompletionQueue queue;
  const auto context = NewContext(token);
  const std::string path = "/" + method.service()->full_name() + "/" + method.name();
  grpc::Status status;
  void* tag = nullptr;
  bool ok = false;
  if (!method.client_streaming() && !method.server_streaming()) {
    grpc::ByteBuffer response;
    const grpc::Slice nothing("");
    const auto call = stub.PrepareUnaryCall(context.get(), path, grpc::ByteBuffer(&nothing, 1), &queue);
    call->StartCall();
    call->Finish(&response, &status, nullptr);
    queue.Next(&tag, &ok);
  } else {
    const auto call = stub.PrepareCall(context.get(), path, &queue);
    call->StartCall(nullptr);
    queue.Next(&tag, &ok);
    const grpc::Slice nothing("");
    call->WriteLast(grpc::ByteBuffer(&nothing, 1), grpc::WriteOptions(), nullptr);
    queue.Next(&tag, &ok);
    grpc::ByteBuffer message;
    do {
      call->Read(&message, nullptr);
      queue.Next(&tag, &ok);
    } while (ok);
    call->Finish(&status, nullptr);
    queue.Next(&tag, &ok);
  }
  queue.Shutdown();
  while (queue.Next(&tag, &ok)) {
  }
  return FromGrpc(status);
}

TEST(AccessTest, ThereAreMethods) { EXPECT_GE(DescribedMethods().size(), 40U); }

TEST(AccessTest, NoMethodAnswersWithoutAToken) {
  for (const MethodDescriptor* method : DescribedMethods()) {
    const absl::Status status = CallAny(*method, "");
    EXPECT_EQ(status.code(), absl::StatusCode::kUnauthenticated) << method->full_name() << ": " << status;
    EXPECT_EQ(ErrorReason(status), "NO_TOKEN") << method->full_name();
  }
}

TEST(AccessTest, NoMethodAnswersAnUnknownToken) {
  for (const MethodDescriptor* method : DescribedMethods()) {
    EXPECT_EQ(ErrorReason(CallAny(*method, "loupe_guessed")), "UNKNOWN_TOKEN") << method->full_name();
  }
}

const std::set<std::string> kEveryRole = {"annotator", "engineer", "viewer", "worker", "admin"};

// The roles of a comment's "Who: engineer, admin." or "Who, for every method: …"; empty when it has none.
std::set<std::string> RolesIn(const std::string& comment) {
  std::smatch who;
  if (!std::regex_search(comment, who, std::regex("Who(?:, for every method)?: ([^.]*)\\."))) return {};
  if (who[1] == "every role") return kEveryRole;
  std::set<std::string> roles;
  for (const std::string& role : kEveryRole) {
    if (who[1].str().find(role) != std::string::npos) roles.insert(role);
  }
  return roles;
}

// By `Service.Method`, as the comments of the .proto files say it.
std::map<std::string, std::set<std::string>> RolesOfTheManual() {
  std::map<std::string, std::set<std::string>> roles;
  const auto folder = std::filesystem::path(std::getenv("LOUPE_SOURCE")) / "proto" / "loupe" / "v1";
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    std::ifstream file(entry.path());
    std::string comment;
    std::string service;
    std::set<std::string> of_service;
    std::smatch found;
    for (std::string line; std::getline(file, line);) {
      if (std::regex_match(line, found, std::regex(" *// ?(.*)"))) {
        comment += found[1].str() + " ";
        continue;
      }
      if (std::regex_search(line, found, std::regex("^service (\\w+)"))) {
        service = found[1];
        of_service = RolesIn(comment);
      } else if (std::regex_search(line, found, std::regex("^  rpc (\\w+)"))) {
        std::set<std::string>& of_method = roles[service + "." + found[1].str()];
        of_method = RolesIn(comment);
        if (comment.find("as Submit.") != std::string::npos) of_method = roles["LabelingService.Submit"];
        if (of_method.empty()) of_method = of_service;
      }
      comment.clear();
    }
  }
  return roles;
}

TEST(AccessTest, RolesAreThoseOfTheProtocolsManual) {
  const v1::Role roles[] = {v1::ANNOTATOR, v1::ENGINEER, v1::VIEWER, v1::WORKER, v1::ADMIN};
  std::map<v1::Role, std::string> tokens;
  const auto manual = RolesOfTheManual();
  for (const v1::Role role : roles) tokens[role] = Coordinator().Token(role);
  for (const MethodDescriptor* method : DescribedMethods()) {
    const std::set<std::string> allowed = manual.at(method->service()->name() + "." + method->name());
    ASSERT_FALSE(allowed.empty()) << method->full_name() << " doesn't say who may call it";
    for (const v1::Role role : roles) {
      const absl::Status status = CallAny(*method, tokens[role]);
      EXPECT_EQ(ErrorReason(status) == "WRONG_ROLE", !allowed.contains(RoleName(role)))
          << method->full_name() << " for " << RoleName(role) << ": " << status;
      if (!allowed.contains(RoleName(role))) {
        EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied) << method->full_name();
      }
    }
  }
}

}  // namespace
}  // namespace loupe
