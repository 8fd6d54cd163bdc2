// The methods that the gateway forwards, and their messages as JSON.
#pragma once

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "server/gateway/connect_protocol.h"

namespace loupe {

struct ApiMethod {
  std::string path;  // `/loupe.v1.LabelingService/NextTasks`
  const google::protobuf::MethodDescriptor* descriptor = nullptr;
  const google::protobuf::Message* request = nullptr;  // empty ones
  const google::protobuf::Message* response = nullptr;
};

// Every method of the services for people and programs; without WorkerService, whose streams need gRPC.
class ApiMethods {
 public:
  ApiMethods();

  // nullptr: there is no such method here.
  const ApiMethod* Find(std::string_view path) const;

  std::vector<std::string> Paths() const;

 private:
  std::map<std::string, ApiMethod, std::less<>> methods_;
};

// The request as gRPC sends it. Errors: INVALID_ARGUMENT (what is wrong with it; of an unknown field its
// name).
absl::StatusOr<std::string> RequestBytes(const ApiMethod& method, Codec codec, std::string_view body);

// An answer of gRPC as the caller gets it. Errors: INTERNAL.
absl::StatusOr<std::string> AnswerBody(const ApiMethod& method, Codec codec, std::string bytes);

}  // namespace loupe
