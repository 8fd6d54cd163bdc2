#include "server/gateway/api_method.h"

#include <array>
#include <memory>

#include <google/protobuf/util/json_util.h>
#include <spdlog/spdlog.h>

#include "absl/strings/str_cat.h"
#include "content/text.h"
#include "loupe/v1/image.pb.h"
#include "loupe/v1/insight.pb.h"
#include "loupe/v1/labeling.pb.h"
#include "loupe/v1/model.pb.h"
#include "loupe/v1/project.pb.h"
#include "loupe/v1/provenance.pb.h"
#include "loupe/v1/round.pb.h"
#include "loupe/v1/session.pb.h"
#include "loupe/v1/storage.pb.h"
#include "loupe/v1/token.pb.h"
#include "loupe/v1/upload.pb.h"
#include "proto/error_info.h"

namespace loupe {
namespace {

using google::protobuf::DescriptorPool;
using google::protobuf::Message;
using google::protobuf::MessageFactory;
using google::protobuf::MethodDescriptor;
using google::protobuf::ServiceDescriptor;

constexpr std::array kServices = {"ProjectService", "ImageService",   "LabelingService", "ProvenanceService",
                                  "InsightService", "RoundService",   "ModelService",    "TokenService",
                                  "SessionService", "StorageService", "UploadService"};

// The linker takes a file of the protocol only where something of it is named.
template <typename... OneOfEachFile>
void Link() {
  (google::protobuf::LinkMessageReflection<OneOfEachFile>(), ...);
}

absl::Status NotJson(const ApiMethod& method, absl::string_view why) {
  return InvalidArgument(
      absl::StrCat("the body is no ", method.descriptor->input_type()->name(), " in JSON: ", why));
}

// protobuf's messages hold the text itself, which may be long and of any bytes.
absl::StatusOr<std::string> BytesOfJson(const ApiMethod& method, std::string_view body) {
  if (body.empty()) return NotJson(method, "it is empty; send at least {}");
  if (!IsUtf8(body)) return NotJson(method, "it is not UTF-8");
  if (body.find('\0') != std::string_view::npos) return NotJson(method, "it holds a NUL byte");
  const std::unique_ptr<Message> message(method.request->New());
  const auto parsed = google::protobuf::util::JsonStringToMessage({body.data(), body.size()}, message.get());
  if (parsed.ok()) return message->SerializeAsString();
  return NotJson(method, std::string(parsed.message()).substr(0, 500));
}

}  // namespace

ApiMethods::ApiMethods() {
  Link<v1::Project, v1::ImportEnd, v1::Task, v1::ImageProvenance, v1::Curve, v1::Round, v1::Model, v1::Token,
       v1::Session, v1::Storage, v1::ImportPlan>();
  const DescriptorPool& pool = *DescriptorPool::generated_pool();
  MessageFactory& messages = *MessageFactory::generated_factory();
  for (const char* name : kServices) {
    const ServiceDescriptor& service = *pool.FindServiceByName(absl::StrCat("loupe.v1.", name));
    for (int i = 0; i < service.method_count(); ++i) {
      const MethodDescriptor& method = *service.method(i);
      std::string path = absl::StrCat("/", service.full_name(), "/", method.name());
      methods_[path] = {path, &method, messages.GetPrototype(method.input_type()),
                        messages.GetPrototype(method.output_type())};
    }
  }
}

const ApiMethod* ApiMethods::Find(std::string_view path) const {
  const auto found = methods_.find(path);
  return found == methods_.end() ? nullptr : &found->second;
}

std::vector<std::string> ApiMethods::Paths() const {
  std::vector<std::string> paths;
  for (const auto& [path, method] : methods_) paths.push_back(path);
  return paths;
}

absl::StatusOr<std::string> RequestBytes(const ApiMethod& method, Codec codec, std::string_view body) {
  if (codec == Codec::kJson) return BytesOfJson(method, body);
  const std::unique_ptr<Message> message(method.request->New());
  if (message->ParseFromArray(body.data(), static_cast<int>(body.size()))) return std::string(body);
  return InvalidArgument(
      absl::StrCat("the body is no ", method.descriptor->input_type()->name(), " in protobuf's binary form"));
}

absl::StatusOr<std::string> AnswerBody(const ApiMethod& method, Codec codec, std::string bytes) {
  if (codec == Codec::kProto) return bytes;
  const std::unique_ptr<Message> message(method.response->New());
  // A field that holds its default is there, too: who reads JSON without the protocol at hand would take a 0
  // for something missing.
  google::protobuf::util::JsonPrintOptions options;
  options.always_print_primitive_fields = true;
  std::string json;
  if (message->ParseFromString(bytes) &&
      google::protobuf::util::MessageToJsonString(*message, &json, options).ok()) {
    return json;
  }
  spdlog::error("{}: its answer can't be written as JSON", method.path);
  return Error(absl::StatusCode::kInternal, "INTERNAL", "an internal error: see the coordinator's log");
}

}  // namespace loupe
