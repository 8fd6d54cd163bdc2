#include "server/blobs/weights_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace loupe {
namespace {

using ::testing::HasSubstr;

// The layout by hand: length, header, data.
std::string File(const std::string& header, size_t data_bytes) {
  std::string file;
  for (int i = 0; i < 8; ++i) file.push_back(static_cast<char>((header.size() >> (8 * i)) & 0xff));
  return file + header + std::string(data_bytes, 'x');
}

absl::Status Check(const std::string& file, size_t piece = 3) {
  WeightsCheck check;
  for (size_t i = 0; i < file.size(); i += piece) check.Append(std::string_view(file).substr(i, piece));
  return check.Finish().status();
}

constexpr char kTwoTensors[] =
    R"({"__metadata__":{"format":"pt"},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]},)"
    R"("a":{"dtype":"F16","shape":[2,1],"data_offsets":[0,4]}})";

TEST(WeightsCheck, TakesAWholeFileInAnyPieces) {
  for (const size_t piece : {1, 3, 8, 100000}) EXPECT_TRUE(Check(File(kTwoTensors, 12), piece).ok()) << piece;
}

TEST(WeightsCheck, RefusesEveryShorterFile) {
  const std::string file = File(kTwoTensors, 12);
  for (size_t length = 0; length < file.size(); ++length) {
    EXPECT_EQ(Check(file.substr(0, length)).code(), absl::StatusCode::kInvalidArgument) << length;
  }
}

TEST(WeightsCheck, RefusesWhatIsNoSafetensorsFile) {
  EXPECT_THAT(Check(File(kTwoTensors, 13)).message(), HasSubstr("13 are there"));
  EXPECT_FALSE(Check(std::string(1000, 'P')).ok());
  EXPECT_FALSE(Check(File("{", 0)).ok());
  EXPECT_FALSE(Check(File("[]", 0)).ok());
  EXPECT_FALSE(Check(File("{}", 0)).ok());
  EXPECT_FALSE(Check(File(R"({"a":7})", 0)).ok());
  EXPECT_FALSE(Check(File(R"({"a":{"dtype":"F99","shape":[1],"data_offsets":[0,4]}})", 4)).ok());
  EXPECT_FALSE(Check(File(R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", 4)).ok());
  EXPECT_FALSE(Check(File(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", 4)).ok());
  EXPECT_FALSE(Check(File(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})", 8)).ok());
  // 2^62 * 4 wraps to 0.
  EXPECT_FALSE(
      Check(File(R"({"a":{"dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,0]}})", 0)).ok());
}

TEST(WeightsCheck, AHeaderOfNestedListsIsRefusedAndDoesNoHarm) {
  EXPECT_FALSE(Check(File(std::string(1 << 20, '['), 0), 65536).ok());
}

TEST(WeightsCheck, TakesRealWeights) {
  const char* data = std::getenv("LOUPE_DATA");
  const std::filesystem::path source = std::getenv("LOUPE_SOURCE");
  const std::filesystem::path folder = data != nullptr ? data : source / ".." / "shared";
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder / "weights")) {
    if (entry.path().extension() != ".safetensors") continue;
    std::ifstream stream(entry.path(), std::ios::binary);
    const std::string bytes((std::istreambuf_iterator<char>(stream)), {});
    EXPECT_TRUE(Check(bytes, 1 << 20).ok()) << entry.path();
    ++files;
  }
  EXPECT_GT(files, 0);
}

}  // namespace
}  // namespace loupe
