#include "server/gateway/file_answer.h"

#include <gtest/gtest.h>

namespace loupe {
namespace {

void ExpectRange(std::string_view header, uint64_t begin, uint64_t size_bytes) {
  const AskedRange range = ParseRange(header, 100);
  EXPECT_TRUE(range.is_partial && range.is_satisfiable) << header;
  EXPECT_EQ(range.begin, begin) << header;
  EXPECT_EQ(range.size_bytes, size_bytes) << header;
}

TEST(ParseRangeTest, OneRangeIsAPart) {
  ExpectRange("bytes=0-9", 0, 10);
  ExpectRange("bytes=90-", 90, 10);
  ExpectRange("bytes=90-1000", 90, 10);
  ExpectRange("bytes=-10", 90, 10);
  ExpectRange("bytes=-1000", 0, 100);
  ExpectRange("bytes=99-99", 99, 1);
}

TEST(ParseRangeTest, OthersAreTheWhole) {
  for (const char* header : {"", "bytes=", "bytes=-", "bytes=5-2", "bytes=0-1,3-4", "items=0-1", "bytes=a-b",
                             "bytes=1-2-3", "bytes=99999999999999999999-", "bytes=+1-2", "bytes= 0-1"}) {
    const AskedRange range = ParseRange(header, 100);
    EXPECT_FALSE(range.is_partial) << header;
    EXPECT_EQ(range.size_bytes, 100u) << header;
  }
}

TEST(ParseRangeTest, NothingBehindTheEndIsSent) {
  for (const char* header : {"bytes=100-", "bytes=100-200", "bytes=-0"}) {
    EXPECT_FALSE(ParseRange(header, 100).is_satisfiable) << header;
  }
  EXPECT_FALSE(ParseRange("bytes=-5", 0).is_satisfiable);
}

}  // namespace
}  // namespace loupe
