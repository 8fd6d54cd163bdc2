#include "server/rpc/rpc_status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "content/text.h"
#include "proto/error_info.h"

namespace loupe {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

TEST(RpcStatusTest, AMessageThatFitsStaysAsItIs) {
  const std::string message = "a\nb\n" + std::string(500, 'x');
  EXPECT_EQ(ToGrpc(InvalidArgument(message)).error_message(), message);
}

// Clients refuse a status of more than 8 kB, and then nobody learns what was wrong.
TEST(RpcStatusTest, ALongListIsCutAfterWholeLinesAndCounted) {
  std::string message = "nothing was imported:";
  for (int i = 0; i < 20; ++i) absl::StrAppend(&message, "\n", i, ": ", std::string(900, 'n'));
  const grpc::Status status = ToGrpc(InvalidArgument(message));
  EXPECT_LT(status.error_message().size() + status.error_details().size(), 3000U);
  EXPECT_THAT(status.error_message(), StartsWith("nothing was imported:\n0: nnn"));
  EXPECT_THAT(status.error_message(), EndsWith("\nand 19 more"));
}

TEST(RpcStatusTest, OneLongLineIsCutBetweenCharacters) {
  std::string message;
  for (int i = 0; i < 3000; ++i) message += "\xe2\x82\xac";
  const grpc::Status status = ToGrpc(InvalidArgument(message));
  EXPECT_TRUE(IsUtf8(status.error_message()));
  EXPECT_THAT(status.error_message(), EndsWith("\xe2\x82\xac\xe2\x80\xa6"));
  EXPECT_LT(3 * status.error_message().size() + status.error_details().size() * 4 / 3, 3200U);
}

// A request may name something by 4 MiB.
TEST(RpcStatusTest, AVeryLongLineIsCut) {
  const grpc::Status status = ToGrpc(InvalidArgument(std::string(size_t{4} << 20, 'q')));
  EXPECT_LT(status.error_message().size(), 3000U);
  EXPECT_THAT(status.error_message(), EndsWith("q\xe2\x80\xa6"));
}

}  // namespace
}  // namespace loupe
