// The Connect protocol as far as the gateway speaks it: how calls, messages and errors look over HTTP/1.1.
// Source: connectrpc.com/docs/protocol.
#pragma once

#include <grpcpp/support/status.h>

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace loupe {

enum class Codec { kJson, kProto };

// What a Content-Type says of a call. nullopt: no type of Connect.
struct CallType {
  Codec codec = Codec::kJson;
  bool is_stream = false;
};
std::optional<CallType> CallTypeOf(std::string_view content_type);
std::string_view ContentTypeOf(CallType type);

// Of the header Connect-Timeout-Ms, which has at most ten digits. Errors: INVALID_ARGUMENT.
absl::StatusOr<absl::Duration> TimeoutOf(std::string_view milliseconds);

int HttpStatusOf(grpc::StatusCode code);

// {"code": …, "message": …, "details": […]}: the body of an answer that is an error.
std::string ErrorJson(const grpc::Status& status);

// A message of a stream is five bytes and the message: flags, and its length as a big-endian number.
inline constexpr size_t kEnvelopeBytes = 5;
inline constexpr uint8_t kCompressed = 1;
inline constexpr uint8_t kEndOfStream = 2;
std::string Envelope(uint8_t flags, std::string_view message);

// The message of a body that is one envelope and nothing more. Errors: INVALID_ARGUMENT (cut short, too long,
// none or several), UNIMPLEMENTED (compressed).
absl::StatusOr<std::string_view> OnlyMessage(std::string_view body);

// The last envelope of a stream.
std::string EndOfStream(const grpc::Status& status);

}  // namespace loupe
