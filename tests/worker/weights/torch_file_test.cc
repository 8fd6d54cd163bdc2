// PyTorch's weight files, written and read by PyTorch itself.

#include "worker/weights/torch_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/worker/detection/torchvision.h"
#include "worker/weights/pickle.h"

namespace loupe {
namespace {

using detection::ReadTensors;
using detection::RunGoldenScript;
using detection::ScratchPath;
using detection::TensorMap;
using testing::HasSubstr;

class TorchFileTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { RunGoldenScript("torch_files.py", {"write", ScratchPath("")}); }

  static std::string Error(const std::string& path) {
    return std::string(ReadTorchFile(path).status().message());
  }

  static std::string Bytes(const std::string& path) {
    std::ostringstream content;
    content << std::ifstream(path, std::ios::binary).rdbuf();
    return content.str();
  }

  static void ExpectEqual(const TensorMap& tensors, const TensorMap& expected) {
    ASSERT_EQ(tensors.size(), expected.size());
    for (const auto& [name, tensor] : expected) {
      ASSERT_TRUE(tensors.contains(name)) << name;
      EXPECT_TRUE(torch::equal(tensors.at(name), tensor)) << name;
      EXPECT_TRUE(tensors.at(name).is_contiguous()) << name;
    }
  }
};

TEST_F(TorchFileTest, ReadsWhatPyTorchWrites) {
  const TensorMap expected = ReadTensors(ScratchPath("expected.safetensors"));
  for (const char* name : {"raw.pth", "model.pth", "state_dict.pth", "ema.pth", "old_2.pth", "old_4.pth",
                           "python2.pth", "reference.pth"}) {
    SCOPED_TRACE(name);
    const auto tensors = ReadTorchFile(ScratchPath(name));
    ASSERT_TRUE(tensors.ok()) << tensors.status();
    ExpectEqual(*tensors, expected);
  }
}

TEST_F(TorchFileTest, PyTorchReadsWhatIsWritten) {
  const TensorMap tensors = {{"a", torch::randn({2, 3})},
                             {"b.c", torch::arange(300)},
                             {"scalar", torch::tensor(2.5f)},
                             {"transposed", torch::arange(6, torch::kFloat32).view({2, 3}).t()},
                             {"empty", torch::empty({0, 4})}};
  ASSERT_TRUE(WriteTorchFile(ScratchPath("written.pth"), tensors).ok());
  RunGoldenScript("torch_files.py", {"read", ScratchPath("written.pth"), ScratchPath("read.safetensors")});
  TensorMap read = ReadTensors(ScratchPath("read.safetensors"));
  ExpectEqual(read, tensors);
  const auto again = ReadTorchFile(ScratchPath("written.pth"));
  ASSERT_TRUE(again.ok()) << again.status();
  ExpectEqual(*again, tensors);
}

TEST_F(TorchFileTest, CodeIsNamedAndNotRun) {
  for (const char* name : {"hostile.pth", "old_hostile.pth"}) {
    EXPECT_THAT(Error(ScratchPath(name)), HasSubstr("posix.system")) << name;
  }
  EXPECT_FALSE(std::filesystem::exists("/tmp/loupe_was_here"));
}

TEST_F(TorchFileTest, WhatIsNotReadIsNamed) {
  EXPECT_THAT(Error(ScratchPath("old_protocol.pth")), HasSubstr("save it with 2 or more"));
  EXPECT_THAT(Error(ScratchPath("")), HasSubstr("is a folder"));
}

TEST_F(TorchFileTest, AFileWithoutTensorsIsRefused) {
  EXPECT_THAT(Error(ScratchPath("nothing.pth")), HasSubstr("holds no tensors"));
  EXPECT_EQ(ReadTorchFile("/nowhere/at.pth").status().code(), absl::StatusCode::kNotFound);
}

TEST_F(TorchFileTest, AFileCutShortAnywhereIsRefused) {
  const std::string path = ScratchPath("short.pth");
  for (const char* name : {"raw.pth", "old_2.pth"}) {
    const std::string whole = Bytes(ScratchPath(name));
    for (size_t length = 0; length < whole.size(); length += whole.size() / 40 + 1) {
      std::ofstream(path, std::ios::binary) << whole.substr(0, length);
      EXPECT_EQ(ReadTorchFile(path).status().code(), absl::StatusCode::kInvalidArgument) << name << length;
    }
  }
}

// Of every storage in the older layout the number of elements stands before them.
TEST_F(TorchFileTest, OlderDataThatClaimMoreThanTheFileAreRefused) {
  const std::string whole = Bytes(ScratchPath("old_2.pth"));
  const size_t count = whole.rfind(std::string("\5\0\0\0\0\0\0\0", 8));  // of `counts`, five integers
  ASSERT_NE(count, std::string::npos);
  const std::string path = ScratchPath("claims.pth");
  for (const char last : {'\x01', '\x7f', '\xff'}) {
    std::string claiming = whole;
    claiming[count + 7] = last;
    std::ofstream(path, std::ios::binary) << claiming;
    EXPECT_THAT(Error(path), HasSubstr("cut short"));
  }
}

// Such an archive of a few kB could unpack to gigabytes.
TEST_F(TorchFileTest, ACompressedArchiveIsRefusedBeforeItIsUnpacked) {
  EXPECT_THAT(Error(ScratchPath("compressed.pth")), HasSubstr("compressed"));
}

TEST_F(TorchFileTest, ARecordThatClaimsMoreThanTheFileIsRefused) {
  const std::string whole = Bytes(ScratchPath("raw.pth"));
  const size_t entry = whole.find("PK\1\2");
  ASSERT_NE(entry, std::string::npos);
  const std::string path = ScratchPath("claims.pth");
  for (const char* claim : {"\xff\xff\xff\x7f", "\xff\xff\xff\xff"}) {
    std::ofstream(path, std::ios::binary) << std::string(whole).replace(entry + 24, 4, claim);
    EXPECT_THAT(Error(path), HasSubstr("claims more than the file holds"));
  }
}

// A hundred records of the same bytes would take a hundred times the memory.
TEST_F(TorchFileTest, RecordsThatOverlapAreRefused) {
  EXPECT_THAT(Error(ScratchPath("overlapping.pth")), HasSubstr("overlap"));
}

TEST(PickleTest, ReadsPlainValues) {
  // {'a': [1, -2, 300, True, None, 1.5], 'b': ('x',)} in protocol 2, as Python writes it.
  const std::string bytes(
      "\x80\x02}q\x00(X\x01\x00\x00\x00\x61q\x01]q\x02(K\x01J\xfe\xff\xff\xffM,\x01\x88NG?"
      "\xf8\x00\x00\x00\x00\x00\x00"
      "eX\x01\x00\x00\x00\x62q\x03X\x01\x00\x00\x00xq\x04\x85q\x05u.",
      61);
  const auto pickle = Pickle::Parse(bytes, {});
  ASSERT_TRUE(pickle.ok()) << pickle.status();
  const Pickled* list = pickle->root().Find("a");
  ASSERT_NE(list, nullptr);
  ASSERT_EQ(list->items.size(), 6u);
  EXPECT_EQ(list->items[0]->integer, 1);
  EXPECT_EQ(list->items[1]->integer, -2);
  EXPECT_EQ(list->items[2]->integer, 300);
  EXPECT_EQ(list->items[3]->kind, Pickled::Kind::kBool);
  EXPECT_EQ(list->items[4]->kind, Pickled::Kind::kNone);
  EXPECT_EQ(list->items[5]->real, 1.5);
  EXPECT_EQ(pickle->root().Find("b")->items[0]->text, "x");
  for (size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_FALSE(Pickle::Parse(bytes.substr(0, length), {}).ok()) << length;
  }
}

TEST(PickleTest, WhatIsRememberedIsBounded) {
  EXPECT_THAT(std::string(Pickle::Parse("}" + std::string(2'000'000, '\x94') + ".", {}).status().message()),
              HasSubstr("remembers more than a million"));
}

TEST(PickleTest, AStackThatIsEmptyIsNoCrash) {
  for (const std::string bytes : {".",
                                  "0",
                                  "t.",
                                  "a",
                                  "e",
                                  "(a",
                                  "R",
                                  "b",
                                  "Q.",
                                  "\x85.",
                                  "s",
                                  "u",
                                  "q\x01",
                                  "h\x01.",
                                  "\x93",
                                  "cx\n",
                                  "cx\ny\n.",
                                  "K\x01K\x02"
                                  "a.",
                                  "}(K\x01u.",
                                  "\x8a\x09"
                                  "12345678."}) {
    const auto pickle = Pickle::Parse(bytes, {});
    EXPECT_FALSE(pickle.ok()) << testing::PrintToString(bytes);
  }
}

}  // namespace
}  // namespace loupe
