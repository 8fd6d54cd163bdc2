#include "content/loopback.h"

#include <gtest/gtest.h>

namespace loupe {
namespace {

TEST(LoopbackTest, FiguresAndLocalhostAlone) {
  for (const char* host : {"127.0.0.1", "127.255.0.9", "::1", "[::1]", "localhost"}) {
    EXPECT_TRUE(IsLoopback(host)) << host;
  }
  for (const char* host :
       {"127.evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "127.1", "", "[]",
        "128.0.0.1", "10.0.0.7", "0.0.0.0", "::", "[fe80::1]", "LOCALHOST.example"}) {
    EXPECT_FALSE(IsLoopback(host)) << host;
  }
  EXPECT_FALSE(IsLoopback(std::string_view("127.0.0.1\0.evil.example", 23))) << "a name ends where it ends";
}

TEST(LoopbackTest, TheHostOfAnAddress) {
  EXPECT_EQ(HostOf("127.0.0.1:50051"), "127.0.0.1");
  EXPECT_EQ(HostOf("[::1]:50051"), "[::1]");
  EXPECT_EQ(HostOf("[::1]"), "[::1]");
  EXPECT_EQ(HostOf("localhost"), "localhost");
  EXPECT_EQ(HostOf(":50051"), "");
}

TEST(LoopbackTest, ThePortOfAnAddress) {
  EXPECT_EQ(PortOf("127.0.0.1:50051"), "50051");
  EXPECT_EQ(PortOf("[::1]:0"), "0");
  EXPECT_EQ(PortOf("[::1]"), "");
  EXPECT_EQ(PortOf("localhost"), "");
  EXPECT_EQ(PortOf("localhost:"), "");
}

TEST(LoopbackTest, AHostWithoutBrackets) {
  EXPECT_EQ(WithoutBrackets("[::1]"), "::1");
  EXPECT_EQ(WithoutBrackets("::1"), "::1");
  EXPECT_EQ(WithoutBrackets("[]"), "[]");
  EXPECT_EQ(WithoutBrackets("[::1"), "[::1");
}

}  // namespace
}  // namespace loupe
