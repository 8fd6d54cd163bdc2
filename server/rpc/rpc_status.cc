#include "server/rpc/rpc_status.h"

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "proto/error_info.h"

namespace loupe {

grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  // Both libraries number their codes as google.rpc.Code does.
  const int code = static_cast<int>(status.code());
  google::rpc::ErrorInfo info;
  info.set_domain("loupe");
  info.set_reason(ErrorReason(status));
  if (info.reason().empty()) info.set_reason(absl::StatusCodeToString(status.code()));
  google::rpc::Status details;
  details.set_code(code);
  details.set_message(std::string(status.message()));
  details.add_details()->PackFrom(info);
  return {static_cast<grpc::StatusCode>(code), details.message(), details.SerializeAsString()};
}

}  // namespace loupe
