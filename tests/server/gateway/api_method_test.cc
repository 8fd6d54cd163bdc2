#include "server/gateway/api_method.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "loupe/v1/labeling.pb.h"
#include "proto/error_info.h"
#include "server/rpc/access.h"

namespace loupe {
namespace {

using testing::HasSubstr;

const ApiMethods& Methods() {
  static const auto& methods = *new ApiMethods();
  return methods;
}

const ApiMethod& NextTasks() { return *Methods().Find("/loupe.v1.LabelingService/NextTasks"); }

std::string Message(std::string_view json) {
  return std::string(RequestBytes(NextTasks(), Codec::kJson, json).status().message());
}

TEST(ApiMethodsTest, EveryMethodButThoseOfWorkersIsThere) {
  EXPECT_GT(Methods().Paths().size(), 40u);
  for (const std::string& path : Methods().Paths()) {
    std::string name = path.substr(std::string("/loupe.v1.").size());
    name.replace(name.find('/'), 1, ".");
    EXPECT_TRUE(RolesOf(name).has_value()) << path;
  }
  EXPECT_EQ(Methods().Find("/loupe.v1.WorkerService/LeaseJob"), nullptr);
  EXPECT_EQ(Methods().Find("/loupe.v1.LabelingService/NextTask"), nullptr);
  EXPECT_EQ(Methods().Find("loupe.v1.LabelingService/NextTasks"), nullptr);
  EXPECT_EQ(Methods().Find("/grpc.health.v1.Health/Check"), nullptr);
}

TEST(RequestBytesTest, JsonBecomesTheMessage) {
  v1::NextTasksRequest request;
  ASSERT_TRUE(request.ParseFromString(
      *RequestBytes(NextTasks(), Codec::kJson, R"({"requestId": "1", "project": "parts", "count": 3})")));
  EXPECT_EQ(request.project(), "parts");
  EXPECT_EQ(request.count(), 3u);
  EXPECT_EQ(*RequestBytes(NextTasks(), Codec::kProto, request.SerializeAsString()),
            request.SerializeAsString());
}

TEST(RequestBytesTest, WhatIsWrongIsNamed) {
  EXPECT_THAT(Message(R"({"projekt": "parts"})"), HasSubstr("projekt"));
  EXPECT_THAT(Message(R"({"count": "many"})"), HasSubstr("count"));
  EXPECT_THAT(Message(""), HasSubstr("{}"));
  EXPECT_THAT(Message("{\"project\": \"\xff\"}"), HasSubstr("UTF-8"));
  EXPECT_THAT(Message(std::string("{}\0", 3)), HasSubstr("NUL"));
  EXPECT_THAT(Message("[]"), HasSubstr("NextTasksRequest"));
  EXPECT_THAT(Message("{} {}"), HasSubstr("NextTasksRequest"));
  EXPECT_THAT(Message(std::string(100'000, '[')), HasSubstr("NextTasksRequest"));
  std::string nested;
  for (int i = 0; i < 100'000; ++i) nested += R"({"project":)";
  EXPECT_THAT(Message(nested), HasSubstr("NextTasksRequest"));
  EXPECT_EQ(ErrorReason(RequestBytes(NextTasks(), Codec::kProto, "\xff\xff").status()), "INVALID_ARGUMENT");
}

TEST(AnswerBodyTest, NumbersOf64BitsAreTexts) {
  v1::NextTasksResponse response;
  response.add_tasks()->set_task_id(int64_t{1} << 60);
  const std::string json = *AnswerBody(NextTasks(), Codec::kJson, response.SerializeAsString());
  EXPECT_THAT(json, HasSubstr("\"1152921504606846976\""));
  EXPECT_EQ(*AnswerBody(NextTasks(), Codec::kProto, response.SerializeAsString()),
            response.SerializeAsString());
}

}  // namespace
}  // namespace loupe
