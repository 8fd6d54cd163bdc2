#include "server/gateway/connect_protocol.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "google/rpc/error_details.pb.h"
#include "proto/error_info.h"
#include "server/rpc/rpc_status.h"

namespace loupe {
namespace {

TEST(CallTypeTest, FourTypesAreOfConnect) {
  EXPECT_EQ(CallTypeOf("application/json")->codec, Codec::kJson);
  EXPECT_FALSE(CallTypeOf("application/json")->is_stream);
  EXPECT_EQ(CallTypeOf("Application/Proto")->codec, Codec::kProto);
  EXPECT_TRUE(CallTypeOf("application/connect+json")->is_stream);
  EXPECT_TRUE(CallTypeOf("application/connect+proto")->is_stream);
  EXPECT_TRUE(CallTypeOf("application/json; charset=utf-8").has_value());
  EXPECT_TRUE(CallTypeOf("application/json;charset=\"UTF-8\"").has_value());
}

TEST(CallTypeTest, OthersAreNot) {
  for (const char* type :
       {"", "text/plain", "application/json; charset=latin1", "application/jsonx", "application/grpc-web",
        "application/proto; charset=utf-8", ";", "application/json, x"}) {
    EXPECT_FALSE(CallTypeOf(type).has_value()) << type;
  }
}

TEST(TimeoutTest, HasAtMostTenDigits) {
  EXPECT_EQ(*TimeoutOf("1500"), absl::Milliseconds(1500));
  EXPECT_EQ(*TimeoutOf("0"), absl::ZeroDuration());
  EXPECT_EQ(*TimeoutOf("9999999999"), absl::Milliseconds(9999999999));
  for (const char* bad : {"", "-1", "+1", "1.5", "12345678901", "1e3", " 1", "x"}) {
    EXPECT_EQ(ErrorReason(TimeoutOf(bad).status()), "INVALID_ARGUMENT") << bad;
  }
}

TEST(EnvelopeTest, HoldsOneMessage) {
  const std::string envelope = Envelope(0, "abc");
  EXPECT_EQ(envelope, std::string("\0\0\0\0\3abc", 8));
  EXPECT_EQ(*OnlyMessage(envelope), "abc");
  EXPECT_EQ(*OnlyMessage(Envelope(0, "")), "");
  const std::string large(70'000, 'x');
  EXPECT_EQ(*OnlyMessage(Envelope(0, large)), large);
}

TEST(EnvelopeTest, OtherBodiesAreRefused) {
  const std::string envelope = Envelope(0, "abc");
  EXPECT_EQ(ErrorReason(OnlyMessage("").status()), "INVALID_ARGUMENT");
  EXPECT_EQ(ErrorReason(OnlyMessage(envelope.substr(0, 4)).status()), "INVALID_ARGUMENT");
  EXPECT_EQ(ErrorReason(OnlyMessage(envelope.substr(0, 7)).status()), "INVALID_ARGUMENT");
  EXPECT_EQ(ErrorReason(OnlyMessage(envelope + "x").status()), "INVALID_ARGUMENT");
  EXPECT_EQ(ErrorReason(OnlyMessage(envelope + envelope).status()), "INVALID_ARGUMENT");
  EXPECT_EQ(ErrorReason(OnlyMessage(std::string("\0\xff\xff\xff\xff", 5)).status()), "INVALID_ARGUMENT");
  EXPECT_EQ(ErrorReason(OnlyMessage(Envelope(kEndOfStream, "abc")).status()), "INVALID_ARGUMENT");
  EXPECT_EQ(ErrorReason(OnlyMessage(Envelope(kCompressed, "abc")).status()), "UNIMPLEMENTED");
}

TEST(ErrorTest, SaysCodeMessageAndReason) {
  const grpc::Status status =
      ToGrpc(Error(absl::StatusCode::kNotFound, "NO_SUCH_IMAGE", "there is no \"image\""));
  const auto json = nlohmann::json::parse(ErrorJson(status));
  EXPECT_EQ(json["code"], "not_found");
  EXPECT_EQ(json["message"], "there is no \"image\"");
  EXPECT_EQ(json["details"][0]["type"], "google.rpc.ErrorInfo");
  EXPECT_EQ(json["details"][0]["debug"]["reason"], "NO_SUCH_IMAGE");
  EXPECT_THAT(json["details"][0]["value"].get<std::string>(), testing::Not(testing::EndsWith("=")));
  EXPECT_EQ(HttpStatusOf(status.error_code()), 404);
}

TEST(ErrorTest, BytesThatAreNoTextAreReplaced) {
  const auto json = nlohmann::json::parse(ErrorJson(grpc::Status(grpc::StatusCode::INTERNAL, "a\xff")));
  EXPECT_EQ(json["message"], "a\xef\xbf\xbd");
}

TEST(ErrorTest, AnUnknownCodeIsUnknown) {
  EXPECT_EQ(HttpStatusOf(static_cast<grpc::StatusCode>(99)), 500);
  EXPECT_THAT(ErrorJson(grpc::Status(static_cast<grpc::StatusCode>(99), "")), testing::HasSubstr("unknown"));
}

TEST(EndOfStreamTest, IsTheLastEnvelope) {
  EXPECT_EQ(EndOfStream(grpc::Status::OK), std::string("\2\0\0\0\2{}", 7));
  const std::string end = EndOfStream(grpc::Status(grpc::StatusCode::CANCELLED, "gone"));
  EXPECT_EQ(nlohmann::json::parse(end.substr(kEnvelopeBytes))["error"]["code"], "canceled");
}

}  // namespace
}  // namespace loupe
