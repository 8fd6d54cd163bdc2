#include "worker/weights/safetensors.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include <filesystem>
#include <fstream>

#include "tests/worker/detection/torchvision.h"

namespace loupe {
namespace {

using detection::ScratchPath;

// Writes a file from its header text and data, as the format says.
std::string WriteRaw(const std::string& header, const std::string& data) {
  const std::string path = ScratchPath("raw.safetensors");
  std::ofstream file(path, std::ios::binary);
  for (int i = 0; i < 8; ++i) file.put(static_cast<char>(header.size() >> (8 * i)));
  file << header << data;
  return path;
}

TEST(SafetensorsTest, WhatIsWrittenIsRead) {
  const std::string path = ScratchPath("written.safetensors");
  SafetensorsFile file;
  file.metadata = {{"loupe.preset", "small"}, {"note", "ä \"quoted\""}};
  file.tensors = {{"a", torch::randn({2, 3})},
                  {"b.c", torch::arange(5)},
                  {"scalar", torch::tensor(2.5f)},
                  {"empty", torch::empty({0, 4})},
                  {"flag", torch::tensor({true, false})},
                  {"transposed", torch::arange(6, torch::kFloat32).view({2, 3}).t()}};
  ASSERT_TRUE(WriteSafetensors(path, file).ok());
  const auto read = ReadSafetensors(path);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->metadata, file.metadata);
  ASSERT_EQ(read->tensors.size(), file.tensors.size());
  for (const auto& [name, tensor] : file.tensors)
    EXPECT_TRUE(torch::equal(read->tensors.at(name), tensor)) << name;
}

TEST(SafetensorsTest, ReadsAFileMadeByHand) {
  // 1.0 and -2.0 as float32, 1.5 as float16 (0x3e00), -1 as bfloat16 (0xbf80).
  const std::string data("\x00\x00\x80\x3f\x00\x00\x00\xc0\x00\x3e\x80\xbf", 12);
  const auto file = ReadSafetensors(WriteRaw(R"({"__metadata__":{"k":"v"},
      "x":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},
      "h":{"dtype":"F16","shape":[1],"data_offsets":[8,10]},
      "b":{"dtype":"BF16","shape":[1],"data_offsets":[10,12]}})",
                                             data));
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->metadata.at("k"), "v");
  EXPECT_TRUE(torch::equal(file->tensors.at("x"), torch::tensor({{1.f}, {-2.f}})));
  EXPECT_TRUE(torch::equal(file->tensors.at("h"), torch::tensor({1.5f})));
  EXPECT_TRUE(torch::equal(file->tensors.at("b"), torch::tensor({-1.f})));
}

TEST(SafetensorsTest, AMissingFileIsNotFound) {
  const auto status = ReadSafetensors("/nowhere/at.safetensors").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_NE(status.message().find("/nowhere/at.safetensors"), std::string::npos);
}

TEST(SafetensorsTest, EveryCutIsRefused) {
  const std::string path = ScratchPath("cut.safetensors");
  ASSERT_TRUE(WriteSafetensors(path, {{{"a", torch::ones({3})}, {"b", torch::ones({2, 2})}}, {}}).ok());
  const auto size = std::filesystem::file_size(path);
  for (auto left = size; left-- > 0;) {
    std::filesystem::resize_file(path, left);
    EXPECT_EQ(ReadSafetensors(path).status().code(), absl::StatusCode::kInvalidArgument)
        << left << " bytes left";
  }
}

TEST(SafetensorsTest, AHeaderThatClaimsMoreThanTheFileIsRefused) {
  const std::string path = ScratchPath("claims.safetensors");
  for (const std::string& length :
       {std::string("\x03\0\0\0\0\0\0\0", 8), std::string("\0\0\0\0\0\0\0\x01", 8), std::string(8, '\xff')}) {
    std::ofstream(path, std::ios::binary) << length << "{}";
    const auto status = ReadSafetensors(path).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_NE(status.message().find("header claims more than the file holds"), std::string::npos) << status;
  }
}

TEST(SafetensorsTest, AFailedWriteLeavesNothingBehind) {
  EXPECT_EQ(WriteSafetensors("/nowhere/at.safetensors", {}).code(), absl::StatusCode::kInternal);
}

struct Malformation {
  const char* name;
  const char* header;
  const char* expected;  // in the message
};

class MalformedTest : public testing::TestWithParam<Malformation> {};

TEST_P(MalformedTest, IsRefusedWithItsReason) {
  const auto status = ReadSafetensors(WriteRaw(GetParam().header, std::string(16, '\0'))).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find(GetParam().expected), std::string::npos) << status;
  EXPECT_NE(status.message().find("raw.safetensors"), std::string::npos) << status;
}

INSTANTIATE_TEST_SUITE_P(
    Headers, MalformedTest,
    testing::Values(
        Malformation{"NoJson", "{", "no JSON object"}, Malformation{"AList", "[]", "no JSON object"},
        Malformation{"NoFields", R"({"x":{}})", "'x' lacks"},
        Malformation{"UnknownDtype", R"({"x":{"dtype":"F8","shape":[16],"data_offsets":[0,16]}})", "dtype"},
        Malformation{"BeyondTheEnd", R"({"x":{"dtype":"F32","shape":[5],"data_offsets":[0,20]}})",
                     "beyond the end"},
        Malformation{"Backwards", R"({"x":{"dtype":"F32","shape":[1],"data_offsets":[8,4]}})",
                     "beyond the end"},
        Malformation{"Misfit", R"({"x":{"dtype":"F32","shape":[3],"data_offsets":[0,16]}})", "fit its shape"},
        Malformation{"Negative", R"({"x":{"dtype":"F32","shape":[-4],"data_offsets":[0,16]}})", "sizes"},
        Malformation{"Overflow",
                     R"({"x":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}})",
                     "fit its shape"},
        Malformation{"OverflowBesideAZero",
                     R"({"x":{"dtype":"F32","shape":[0,4611686018427387904,4],"data_offsets":[0,0]}})",
                     "fit its shape"},
        Malformation{"Overlap",
                     R"({"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                     R"("y":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})",
                     "overlap"},
        Malformation{"Metadata", R"({"__metadata__":{"k":1}})", "'k' is no string"}),
    [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace loupe
