#include "server/gateway/connect_protocol.h"

#include <array>
#include <cstdint>
#include <utility>

#include <nlohmann/json.hpp>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "proto/error_info.h"

namespace loupe {
namespace {

using Json = nlohmann::ordered_json;

struct CodeForm {
  std::string_view name;
  int http_status;
};

// By the number of the code.
constexpr std::array<CodeForm, 17> kCodes = {{{"ok", 200},
                                              {"canceled", 499},
                                              {"unknown", 500},
                                              {"invalid_argument", 400},
                                              {"deadline_exceeded", 504},
                                              {"not_found", 404},
                                              {"already_exists", 409},
                                              {"permission_denied", 403},
                                              {"resource_exhausted", 429},
                                              {"failed_precondition", 400},
                                              {"aborted", 409},
                                              {"out_of_range", 400},
                                              {"unimplemented", 501},
                                              {"internal", 500},
                                              {"unavailable", 503},
                                              {"data_loss", 500},
                                              {"unauthenticated", 401}}};

const CodeForm& FormOf(grpc::StatusCode code) {
  const auto number = static_cast<size_t>(code);
  return kCodes[number < kCodes.size() ? number : static_cast<size_t>(grpc::StatusCode::UNKNOWN)];
}

constexpr std::array<std::pair<std::string_view, CallType>, 4> kTypes = {
    {{"application/json", {Codec::kJson, false}},
     {"application/proto", {Codec::kProto, false}},
     {"application/connect+json", {Codec::kJson, true}},
     {"application/connect+proto", {Codec::kProto, true}}}};

Json DetailJson(const google::protobuf::Any& detail) {
  std::string value;
  absl::Base64Escape(detail.value(), &value);
  while (!value.empty() && value.back() == '=') value.pop_back();
  const std::string& url = detail.type_url();
  Json json = {{"type", url.substr(url.rfind('/') + 1)}, {"value", value}};
  google::rpc::ErrorInfo info;
  if (detail.UnpackTo(&info)) json["debug"] = {{"reason", info.reason()}, {"domain", info.domain()}};
  return json;
}

Json ErrorOf(const grpc::Status& status) {
  Json json = {{"code", FormOf(status.error_code()).name}, {"message", status.error_message()}};
  google::rpc::Status details;
  if (!details.ParseFromString(status.error_details())) return json;
  for (const google::protobuf::Any& detail : details.details()) json["details"].push_back(DetailJson(detail));
  return json;
}

std::string Text(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

}  // namespace

std::optional<CallType> CallTypeOf(std::string_view content_type) {
  const std::string whole = absl::AsciiStrToLower(std::string(content_type));
  const size_t end = whole.find(';');
  const absl::string_view name = absl::StripAsciiWhitespace(absl::string_view(whole).substr(0, end));
  absl::string_view parameter;
  if (end != std::string::npos) {
    parameter = absl::StripAsciiWhitespace(absl::string_view(whole).substr(end + 1));
  }
  for (const auto& [known, type] : kTypes) {
    if (name != absl::string_view(known.data(), known.size())) continue;
    const bool is_utf8 = parameter == "charset=utf-8" || parameter == "charset=\"utf-8\"";
    if (parameter.empty() || (type.codec == Codec::kJson && is_utf8)) return type;
  }
  return std::nullopt;
}

std::string_view ContentTypeOf(CallType type) {
  return kTypes[(type.is_stream ? 2 : 0) + (type.codec == Codec::kProto ? 1 : 0)].first;
}

absl::StatusOr<absl::Duration> TimeoutOf(std::string_view milliseconds) {
  int64_t number = 0;
  const bool has_digits = milliseconds.find_first_not_of("0123456789") == std::string_view::npos;
  if (!has_digits || milliseconds.empty() || milliseconds.size() > 10 ||
      !absl::SimpleAtoi(absl::string_view(milliseconds.data(), milliseconds.size()), &number)) {
    return InvalidArgument("Connect-Timeout-Ms must be a number of milliseconds of at most ten digits");
  }
  return absl::Milliseconds(number);
}

int HttpStatusOf(grpc::StatusCode code) { return FormOf(code).http_status; }

std::string ErrorJson(const grpc::Status& status) { return Text(ErrorOf(status)); }

std::string Envelope(uint8_t flags, std::string_view message) {
  const auto size = static_cast<uint32_t>(message.size());
  std::string envelope = {static_cast<char>(flags), static_cast<char>(size >> 24U),
                          static_cast<char>(size >> 16U), static_cast<char>(size >> 8U),
                          static_cast<char>(size)};
  return envelope.append(message);
}

absl::StatusOr<std::string_view> OnlyMessage(std::string_view body) {
  if (body.size() < kEnvelopeBytes) {
    return InvalidArgument(
        "the body of a streaming call must be an envelope: a byte of flags, four bytes of "
        "length, and the message");
  }
  const auto byte = [&](size_t at) { return static_cast<uint32_t>(static_cast<uint8_t>(body[at])); };
  const uint32_t size = byte(1) << 24U | byte(2) << 16U | byte(3) << 8U | byte(4);
  if (byte(0) == kCompressed) {
    return Error(absl::StatusCode::kUnimplemented, "UNIMPLEMENTED",
                 "messages that are compressed aren't taken: send them as they are");
  }
  if (byte(0) != 0) return InvalidArgument(absl::StrCat("the envelope has unknown flags: ", byte(0)));
  if (body.size() - kEnvelopeBytes != size) {
    return InvalidArgument(absl::StrCat("the envelope announces a message of ", size, " bytes, and ",
                                        body.size() - kEnvelopeBytes, " follow: send one message, whole"));
  }
  return body.substr(kEnvelopeBytes);
}

std::string EndOfStream(const grpc::Status& status) {
  Json json = Json::object();
  if (!status.ok()) json["error"] = ErrorOf(status);
  return Envelope(kEndOfStream, Text(json));
}

}  // namespace loupe
