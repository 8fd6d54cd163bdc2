// Any bytes as what a caller of the gateway may say: bodies, envelopes, and values of headers and addresses.
// The first byte chooses which.

#include "absl/strings/str_cat.h"
#include "proto/error_info.h"
#include "server/gateway/api_method.h"
#include "server/gateway/browser_rules.h"
#include "server/gateway/connect_protocol.h"
#include "server/gateway/file_answer.h"
#include "server/gateway/picture_answers.h"
#include "server/rpc/auth.h"
#include "tests/fuzz/fuzz.h"

namespace loupe {
namespace {

const ApiMethod& MethodOf(uint8_t number) {
  static const auto& methods = *new ApiMethods();
  static const std::vector<std::string> paths = methods.Paths();
  return *methods.Find(paths[number % paths.size()]);
}

bool IsBadInput(const absl::Status& status) {
  return status.ok() || status.code() == absl::StatusCode::kInvalidArgument;
}

// A message that is read from one form is the same after it was written in the other.
void Body(const ApiMethod& method, Codec codec, std::string_view body) {
  const absl::StatusOr<std::string> bytes = RequestBytes(method, codec, body);
  fuzz::Require(IsBadInput(bytes.status()), "bad bodies are bad input");
  if (!bytes.ok() || codec == Codec::kProto) return;
  const ApiMethod mirrored = {method.path, method.descriptor, method.request, method.request};
  const absl::StatusOr<std::string> json = AnswerBody(mirrored, Codec::kJson, *bytes);
  fuzz::Require(json.ok(), "what was read as JSON can be written");
  const absl::StatusOr<std::string> again = RequestBytes(method, Codec::kJson, *json);
  fuzz::Require(again.ok() && *AnswerBody(mirrored, Codec::kJson, *again) == *json,
                "and read again as the same");
}

void Message(std::string_view body) {
  const absl::StatusOr<std::string_view> message = OnlyMessage(body);
  if (message.ok())
    fuzz::Require(Envelope(0, *message) == body, "an envelope holds its message and nothing more");
}

void Picture(std::string_view text) {
  const size_t end = text.find('?');
  const auto picture =
      ParsePicture(text.substr(0, end), end == std::string_view::npos ? "" : text.substr(end + 1));
  fuzz::Require(IsBadInput(picture.status()), "bad addresses are bad input");
  if (picture.ok() && picture->has_value()) {
    fuzz::Require((*picture)->range.low < (*picture)->range.high, "levels are in order");
  }
  const AskedRange range = ParseRange(text, 1000);
  fuzz::Require(range.begin + range.size_bytes <= 1000, "a range lies within the file");
}

void Headers(std::string_view text) {
  static const BrowserRules& rules = *new BrowserRules(*BrowserRules::Make({"127.0.0.1:8080", "", ""}));
  HttpRequest request;
  request.method = "POST";
  for (const char* name : {"host", "origin", "cookie", "authorization"})
    request.headers[name] = std::string(text);
  const bool is_known = rules.CheckHost(request).ok();
  fuzz::Require(!is_known || text.find("evil") == std::string_view::npos, "no other server's name is taken");
  (void)rules.CheckOrigin(request, true);
  (void)rules.SessionOf(request);
  (void)BearerToken(text);
  (void)CallTypeOf(text);
  if (const auto timeout = TimeoutOf(text); timeout.ok()) {
    fuzz::Require(*timeout >= absl::ZeroDuration() && *timeout < absl::Hours(3000), "a timeout is bounded");
  }
}

}  // namespace
}  // namespace loupe

FUZZ_TARGET(connect) {
  using namespace loupe;
  if (bytes.size() < 2) return;
  const std::string_view rest = bytes.substr(2);
  const auto number = static_cast<uint8_t>(bytes[1]);
  switch (bytes[0] % 5) {
    case 0:
      return Body(MethodOf(number), Codec::kJson, rest);
    case 1:
      return Body(MethodOf(number), Codec::kProto, rest);
    case 2:
      return Message(rest);
    case 3:
      return Picture(rest);
    default:
      return Headers(rest);
  }
}
