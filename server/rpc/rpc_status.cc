#include "server/rpc/rpc_status.h"

#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "proto/error_info.h"

namespace loupe {
namespace {

// gRPC sends a status as metadata, of which clients take 8 kB by default. There the message is
// percent-encoded, and the details, which repeat it, are in base64.
constexpr double kMaxEncoded = 2700;

double EncodedSize(std::string_view message) {
  double size = 0;
  for (const char c : message) size += (c >= ' ' && c <= '~' && c != '%' ? 1.0 : 3.0) + 4.0 / 3;
  return size;
}

// As many whole lines as fit, and how many are left out. The first line is cut at a character where it is too
// long by itself.
std::string Shortened(const std::string& message) {
  if (EncodedSize(message) <= kMaxEncoded) return message;
  const std::vector<std::string> lines = absl::StrSplit(message, '\n');
  std::string kept;
  size_t count = 0;
  for (; count < lines.size(); ++count) {
    const std::string next = absl::StrCat(kept, kept.empty() ? "" : "\n", lines[count]);
    if (EncodedSize(next) > kMaxEncoded) break;
    kept = next;
  }
  if (count > 0) return absl::StrCat(kept, "\nand ", lines.size() - count, " more");
  size_t length = lines[0].size();
  const auto inside_character = [&] {
    return (static_cast<unsigned char>(lines[0][length]) & 0xc0U) == 0x80U;
  };
  while (EncodedSize(std::string_view(lines[0]).substr(0, length)) > kMaxEncoded || inside_character())
    --length;
  const std::string start = lines[0].substr(0, length);
  return absl::StrCat(start, "…");
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
  details.set_message(Shortened(std::string(status.message())));
  details.add_details()->PackFrom(info);
  return {static_cast<grpc::StatusCode>(code), details.message(), details.SerializeAsString()};
}

}  // namespace loupe
