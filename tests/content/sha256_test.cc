#include "content/sha256.h"

#include <gtest/gtest.h>

namespace loupe {
namespace {

// FIPS 180-2, appendix B.1.
constexpr char kAbc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

TEST(Sha256, HashesThePublishedExample) { EXPECT_EQ(ToHex(HashOf("abc")), kAbc); }

TEST(Sha256, StreamOfPiecesEqualsTheWhole) {
  Sha256Stream stream;
  stream.Update("a");
  stream.Update("");
  stream.Update("bc");
  EXPECT_EQ(ToHex(stream.Finish()), kAbc);
}

TEST(Sha256, TextAndBytesRoundTrip) {
  const Sha256 hash = HashOf("abc");
  EXPECT_EQ(ParseHex(ToHex(hash)), hash);
  EXPECT_EQ(FromBytes(ToBytes(hash)), hash);
}

TEST(Sha256, RefusesWhatIsNoHash) {
  EXPECT_FALSE(ParseHex("ba78"));
  EXPECT_FALSE(ParseHex(std::string(63, 'a') + "g"));
  EXPECT_FALSE(FromBytes("short"));
}

}  // namespace
}  // namespace loupe
