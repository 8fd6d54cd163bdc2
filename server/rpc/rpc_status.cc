#include "server/rpc/rpc_status.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "proto/error_info.h"

namespace loupe {
namespace {

// gRPC sends a status as metadata, of which clients take 8 kB by default. There the message is
// percent-encoded, and the details, which repeat it, are in base64.
constexpr double kMaxEncoded = 2700;

// How many bytes of the message fit.
size_t FittingSize(std::string_view message) {
  double size = 0;
  for (size_t i = 0; i < message.size(); ++i) {
    const char c = message[i];
    size += (c >= ' ' && c <= '~' && c != '%' ? 1.0 : 3.0) + 4.0 / 3;
    if (size > kMaxEncoded) return i;
  }
  return message.size();
}

// As many whole lines as fit, and how many are left out. The first line is cut at a character where it is too
// long by itself.
std::string Shortened(std::string_view message) {
  size_t size = FittingSize(message);
  if (size == message.size()) return std::string(message);
  const size_t end = message.substr(0, size + 1).rfind('\n');
  if (end != std::string_view::npos) {
    const auto left_out = std::count(message.begin() + static_cast<std::ptrdiff_t>(end), message.end(), '\n');
    return absl::StrCat(std::string(message.substr(0, end)), "\nand ", left_out, " more");
  }
  while ((static_cast<unsigned char>(message[size]) & 0xc0U) == 0x80U) --size;
  return absl::StrCat(std::string(message.substr(0, size)), "…");
}

}  // namespace

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
  details.set_message(Shortened({status.message().data(), status.message().size()}));
  details.add_details()->PackFrom(info);
  return {static_cast<grpc::StatusCode>(code), details.message(), details.SerializeAsString()};
}

}  // namespace loupe
