#include "server/gateway/picture_answers.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "proto/error_info.h"

namespace loupe {
namespace {

const std::string kHash = ToHex(HashOf("a picture"));

TEST(ParsePictureTest, OneSpellingIsAPicture) {
  const auto original = ParsePicture(absl::StrCat("/images/", kHash), "");
  ASSERT_TRUE(original.ok() && original->has_value());
  EXPECT_EQ(ToHex((*original)->hash), kHash);
  EXPECT_EQ((*original)->form, AskedPicture::Form::kOriginal);
  EXPECT_EQ((**ParsePicture(absl::StrCat("/images/", kHash, "/thumbnail"), "")).form,
            AskedPicture::Form::kThumbnail);
  const AskedPicture rendering =
      **ParsePicture(absl::StrCat("/images/", kHash, "/rendering"), "low=10&high=4095");
  EXPECT_EQ(rendering.form, AskedPicture::Form::kRendering);
  EXPECT_EQ(rendering.range.low, 10);
  EXPECT_EQ(rendering.range.high, 4095);
}

TEST(ParsePictureTest, OtherPathsAreNot) {
  const std::string upper = "AB" + kHash.substr(2);
  for (const std::string& path :
       {std::string("/images/"), std::string("/images"), absl::StrCat("/images/", kHash.substr(1)),
        absl::StrCat("/images/", kHash, "0"), absl::StrCat("/images/", kHash, "/"),
        absl::StrCat("/images/", upper), absl::StrCat("/images/", kHash, "/thumbnail/"),
        absl::StrCat("/images/../images/", kHash), absl::StrCat("//images/", kHash),
        absl::StrCat("/images/%2e%2e/", kHash)}) {
    const auto parsed = ParsePicture(path, "");
    EXPECT_TRUE(parsed.ok() && !parsed->has_value()) << path;
  }
}

TEST(ParsePictureTest, BadQueriesAreErrors) {
  const std::string rendering = absl::StrCat("/images/", kHash, "/rendering");
  for (const char* query : {"low=-1", "low=65536", "low=x", "low=", "high=0", "low=5&high=5", "size=3", "low",
                            "low=5&low=6", "high=9&low=5", "low=+5", "high=065535"}) {
    EXPECT_EQ(ErrorReason(ParsePicture(rendering, query).status()), "INVALID_ARGUMENT") << query;
  }
  EXPECT_FALSE(ParsePicture(absl::StrCat("/images/", kHash), "low=1").ok());
}

}  // namespace
}  // namespace loupe
