#include "coco/coco_results.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <limits>
#include <string>

namespace loupe {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::filesystem::path InTemp(const std::string& name) {
  return std::filesystem::path(testing::TempDir()) / name;
}

std::string ErrorOf(const std::string& text) {
  const auto path = InTemp("results_bad.json");
  std::ofstream(path) << text;
  return std::string(ReadCocoResults(path).status().message());
}

TEST(CocoResultsTest, ReadsWhatWasWrittenToTheBit) {
  const std::vector<CocoDetection> detections = {{3, 1, {0.1, 2, 1.0 / 3, 4e-9}, 0.7000000000000001},
                                                 {1LL << 40, 90, {0, 0, 1e6, 5}, 1}};
  const auto path = InTemp("results.json");
  ASSERT_TRUE(WriteCocoResults(detections, path).ok());
  const auto read = ReadCocoResults(path);
  ASSERT_TRUE(read.ok()) << read.status();
  ASSERT_EQ(read->size(), 2U);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ((*read)[i].image_id, detections[i].image_id);
    EXPECT_EQ((*read)[i].category_id, detections[i].category_id);
    EXPECT_EQ((*read)[i].bbox, detections[i].bbox);
    EXPECT_EQ((*read)[i].score, detections[i].score);
  }
}

TEST(CocoResultsTest, AnEmptyListIsAFile) {
  const auto path = InTemp("results_none.json");
  ASSERT_TRUE(WriteCocoResults({}, path).ok());
  const auto read = ReadCocoResults(path);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_TRUE(read->empty());
}

TEST(CocoResultsTest, WhatIsWrongIsNamed) {
  EXPECT_THAT(ErrorOf("[{\"image_id\": 1,\n \"category_id\" 2}]"),
              HasSubstr("broken JSON in line 2, column 16"));
  EXPECT_THAT(ErrorOf("{}"), HasSubstr("not a JSON list"));
  EXPECT_THAT(ErrorOf(R"([7, {"image_id": 1, "category_id": 2, "bbox": [1, 2, 3], "score": "high"}])"),
              AllOf(HasSubstr("detection 1: is not an object"), HasSubstr("detection 2: \"bbox\""),
                    HasSubstr("detection 2: \"score\"")));
}

TEST(CocoResultsTest, NumbersThatAreNotFiniteAreNotWritten) {
  const std::vector<CocoDetection> detections = {
      {3, 1, {0, 0, 1, 1}, std::numeric_limits<double>::quiet_NaN()}};
  const auto path = InTemp("results_nan.json");
  EXPECT_EQ(WriteCocoResults(detections, path).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_FALSE(std::filesystem::exists(path));
}

}  // namespace
}  // namespace loupe
