#include "worker/commands/evaluate_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

namespace loupe {
namespace {

using testing::HasSubstr;

std::filesystem::path Golden() {
  const char* data = std::getenv("LOUPE_DATA");
  const char* source = std::getenv("LOUPE_SOURCE");
  const std::filesystem::path shared =
      data != nullptr ? std::filesystem::path(data)
                      : std::filesystem::path(source != nullptr ? source : ".") / "../shared";
  return shared / "golden/coco_eval/neu_det";
}

std::filesystem::path Write(const std::string& name, const std::string& text) {
  const std::filesystem::path path = std::filesystem::path(testing::TempDir()) / name;
  std::ofstream(path) << text;
  return path;
}

const char kTruth[] = R"({"images": [{"id": 30}, {"id": 4}],
  "annotations": [{"id": 9, "image_id": 30, "category_id": 7, "bbox": [0, 0, 10, 10], "area": 100,
                   "iscrowd": 0}],
  "categories": [{"id": 7, "name": "dent"}, {"id": 2, "name": "scratch"}]})";

TEST(EvaluateCommandTest, EqualsPycocotoolsOnNeuDet) {
  std::ostringstream out;
  std::ostringstream remarks;
  const absl::Status status =
      RunEvaluateCommand({Golden() / "ground_truth.json", Golden() / "detections.json", true}, out, remarks);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(remarks.str(), "");
  const auto got = nlohmann::json::parse(out.str());
  std::ifstream file(Golden() / "expected.json");
  const auto wanted = nlohmann::json::parse(file);
  ASSERT_EQ(got.size(), wanted.size());
  ASSERT_EQ(got.at("overall").size(), 12U);
  for (const auto& [key, number] : wanted.at("overall").items()) {
    EXPECT_NEAR(got.at("overall").at(key).get<double>(), number.get<double>(), 1e-9) << key;
  }
  ASSERT_EQ(got.at("per_category").size(), wanted.at("per_category").size());
  for (const auto& [id, category] : wanted.at("per_category").items()) {
    for (const auto& [key, number] : category.items()) {
      EXPECT_NEAR(got.at("per_category").at(id).at(key).get<double>(), number.get<double>(), 1e-9)
          << id << key;
    }
  }
}

TEST(EvaluateCommandTest, TableNamesTheTwelveNumbersAndTheCategories) {
  std::ostringstream out;
  std::ostringstream remarks;
  const absl::Status status =
      RunEvaluateCommand({Golden() / "ground_truth.json", Golden() / "detections.json", false}, out, remarks);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_THAT(out.str(), HasSubstr("(AP) @[ IoU=0.50:0.95 | area=   all | maxDets=100 ] = 0.228"));
  EXPECT_THAT(out.str(), HasSubstr("(AR) @[ IoU=0.50:0.95 | area= large | maxDets=100 ] = 0.512"));
  EXPECT_THAT(out.str(), HasSubstr("crazing"));
}

TEST(EvaluateCommandTest, IdsNeedNotBeDenseAndAnAbsentCategoryIsMinusOne) {
  const auto truth = Write("eval_truth.json", kTruth);
  const auto found = Write("eval_found.json",
                           R"([{"image_id": 30, "category_id": 7, "bbox": [0, 0, 10, 10], "score": 0.5}])");
  const auto report = EvaluateFiles(truth, found);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_NEAR(report->overall.ap, 1, 1e-12);
  EXPECT_NEAR(report->per_category.at(7).ap50, 1, 1e-12);
  EXPECT_EQ(report->per_category.at(2).ap, -1);
}

TEST(EvaluateCommandTest, NoDetectionsAtAllIsZero) {
  const auto report = EvaluateFiles(Write("eval_truth.json", kTruth), Write("eval_none.json", "[]"));
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->overall.ap, 0);
  EXPECT_EQ(report->overall.ap_large, -1);
}

TEST(EvaluateCommandTest, ADetectionOfAForeignImageIsAnError) {
  const auto foreign = Write("eval_foreign.json",
                             R"([{"image_id": 5, "category_id": 7, "bbox": [0, 0, 10, 10], "score": 0.5}])");
  const auto report = EvaluateFiles(Write("eval_truth.json", kTruth), foreign);
  EXPECT_EQ(report.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(report.status().message()), HasSubstr("image 5"));
}

TEST(EvaluateCommandTest, DetectionsOfAForeignCategoryAreLeftOutAndSaidSo) {
  const auto foreign = Write(
      "eval_category.json", R"([{"image_id": 30, "category_id": 99, "bbox": [0, 0, 10, 10], "score": 0.5}])");
  std::ostringstream out;
  std::ostringstream remarks;
  ASSERT_TRUE(RunEvaluateCommand({Write("eval_truth.json", kTruth), foreign, true}, out, remarks).ok());
  EXPECT_THAT(remarks.str(), HasSubstr("left out as pycocotools does: 1"));
}

TEST(EvaluateCommandTest, AMissingFileIsNamed) {
  const auto report = EvaluateFiles("/nowhere/truth.json", "/nowhere/found.json");
  EXPECT_EQ(report.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(report.status().message()), HasSubstr("/nowhere/truth.json"));
}

}  // namespace
}  // namespace loupe
