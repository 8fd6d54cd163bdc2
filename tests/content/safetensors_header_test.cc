#include "content/safetensors_header.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace loupe {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

std::string ErrorOf(std::string_view json, uint64_t data_bytes) {
  const absl::Status status = ParseSafetensorsHeader(json, data_bytes).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << json;
  return std::string(status.message());
}

TEST(SafetensorsHeader, ListsTensorsByOffset) {
  const auto header = ParseSafetensorsHeader(
      R"({"__metadata__":{"format":"pt"},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]},)"
      R"("a":{"dtype":"F16","shape":[2,1],"data_offsets":[0,4]},)"
      R"("none":{"dtype":"I64","shape":[0,3],"data_offsets":[12,12]},)"
      R"("scalar":{"dtype":"BOOL","shape":[],"data_offsets":[12,13]}})",
      13);
  ASSERT_TRUE(header.ok()) << header.status();
  EXPECT_THAT(header->metadata, ElementsAre(Pair("format", "pt")));
  ASSERT_EQ(header->tensors.size(), 4u);
  EXPECT_EQ(header->tensors[0].name, "a");
  EXPECT_EQ(header->tensors[0].dtype, "F16");
  EXPECT_THAT(header->tensors[0].shape, ElementsAre(2, 1));
  EXPECT_EQ(header->tensors[1].name, "b");
  EXPECT_EQ(header->tensors[1].begin, 4u);
  EXPECT_EQ(header->tensors[1].end, 12u);
  EXPECT_EQ(header->tensors[2].name, "none");
  EXPECT_EQ(header->tensors[3].name, "scalar");
  EXPECT_THAT(header->tensors[3].shape, IsEmpty());
}

TEST(SafetensorsHeader, MayHoldNoTensor) {
  const auto header = ParseSafetensorsHeader("{}", 0);
  ASSERT_TRUE(header.ok()) << header.status();
  EXPECT_THAT(header->tensors, IsEmpty());
}

TEST(SafetensorsHeader, TensorsCoverTheDataWithoutGapAndOverlap) {
  constexpr char kTwo[] = R"({"x":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},)"
                          R"("y":{"dtype":"U8","shape":[2],"data_offsets":[%]}})";
  const auto two = [&](const std::string& offsets) {
    std::string json = kTwo;
    return json.replace(json.find('%'), 1, offsets);
  };
  EXPECT_TRUE(ParseSafetensorsHeader(two("2,4"), 4).ok());
  EXPECT_THAT(ErrorOf(two("1,3"), 4), HasSubstr("'x' and 'y' overlap"));
  EXPECT_THAT(ErrorOf(two("0,2"), 4), HasSubstr("overlap"));
  EXPECT_THAT(ErrorOf(two("3,5"), 5), HasSubstr("before tensor 'y'"));
  EXPECT_THAT(ErrorOf(two("2,4"), 5), HasSubstr("4 bytes of data, but 5 are there"));
  EXPECT_THAT(ErrorOf(two("2,4"), 3), HasSubstr("beyond the end"));
  EXPECT_THAT(ErrorOf("{}", 1), HasSubstr("0 bytes of data"));
}

TEST(SafetensorsHeader, WhatIsNestedTooDeepIsRefusedBeforeItIsBuilt) {
  EXPECT_THAT(ErrorOf(std::string(1 << 20, '['), 0), HasSubstr("nested too deep"));
  EXPECT_THAT(ErrorOf(R"({"x":{"dtype":"U8","shape":[[1]],"data_offsets":[0,1]}})", 1),
              HasSubstr("nested too deep"));
  EXPECT_TRUE(ParseSafetensorsHeader(R"({"__metadata__":{"\"[[[[":"{{{{\\"}})", 0).ok())
      << "brackets of texts don't count";
}

TEST(SafetensorsHeader, ReadsTheLengthOfTheHeader) {
  EXPECT_EQ(SafetensorsHeaderBytes(std::string_view("\x01\x02\0\0\0\0\0\0rest", 12)), 0x0201u);
  EXPECT_EQ(SafetensorsHeaderBytes(std::string(8, '\xff')), UINT64_MAX);
}

}  // namespace
}  // namespace loupe
