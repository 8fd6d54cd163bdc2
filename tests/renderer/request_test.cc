#include "renderer/request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace loupe {
namespace {

TEST(RenderRequestTest, HasFiveFields) {
  const auto request = ParseRenderRequest("/a folder/in.tif\tout.jpg\t256\t64\t4095");
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(request->in, "/a folder/in.tif");
  EXPECT_EQ(request->out, "out.jpg");
  EXPECT_EQ(request->max_side, 256);
  EXPECT_EQ(request->range.low, 64);
  EXPECT_EQ(request->range.high, 4095);
  EXPECT_TRUE(ParseRenderRequest("in\tout\t0\t0\t65535").ok());
}

TEST(RenderRequestTest, RefusesAllElse) {
  for (const char* line :
       {"", "\t\t\t\t", "in", "in\tout", "in\tout\t256\t0", "in\tout\t256\t0\t1\t2", "\tout\t256\t0\t1",
        "in\t\t256\t0\t1", "in\tout\t-1\t0\t1", "in\tout\tbig\t0\t1", "in\tout\t\t0\t1",
        "in\tout\t99999999999\t0\t1", "in\tout\t0\t-1\t1", "in\tout\t0\t0\t65536", "in\tout\t0\t5\t5",
        "in\tout\t0\t6\t5", "in\tout\t0\tx\t5", "in\tout\t0\t5\t1.5"}) {
    EXPECT_EQ(ParseRenderRequest(line).status().code(), absl::StatusCode::kInvalidArgument) << line;
  }
}

}  // namespace
}  // namespace loupe
