#include "client/cli/task_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace loupe {
namespace {

using testing::HasSubstr;

class TaskJsonTest : public testing::Test {
 protected:
  TaskJsonTest() : classes_(MakeProject()) {}

  static v1::Project MakeProject() {
    v1::Project project;
    for (const char* name : {"scratch", "dent"}) {
      v1::Class* added = project.add_classes();
      added->set_label(static_cast<uint32_t>(project.classes_size()));
      added->set_name(name);
    }
    return project;
  }

  std::string ErrorOf(const std::string& text) const {
    const auto request = ParseCorrection(text, classes_);
    EXPECT_EQ(request.status().code(), absl::StatusCode::kInvalidArgument) << text;
    return std::string(request.status().message());
  }

  ClassNames classes_;
};

TEST_F(TaskJsonTest, WhatNextPrintsBecomesACorrectionOnceBoxesAreAdded) {
  v1::Task task;
  task.set_task_id(17);
  task.set_lease(int64_t{1} << 60);
  task.mutable_image()->set_id(5);
  v1::PredictedBox* predicted = task.add_predictions();
  predicted->set_label(2);
  predicted->mutable_box()->set_x1(10.1f);
  predicted->mutable_box()->set_x2(20.7f);
  predicted->mutable_box()->set_y2(1);
  Json json = TaskJson(task, classes_);
  EXPECT_FALSE(json.contains("boxes")) << "a prediction becomes truth only when a person puts it there";
  EXPECT_THAT(ErrorOf(json.dump()), HasSubstr("no \"boxes\""));

  json["boxes"] = {{{"box", json["predictions"][0]["box"]}, {"class", "dent"}, {"predicted_index", 0}},
                   {{"box", {1, 2, 3, 4}}, {"label", 1}, {"ignore", true}}};
  json["spent_ms"] = 4200;
  const auto request = ParseCorrection(json.dump(), classes_);
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(request->task_id(), 17);
  EXPECT_EQ(request->lease(), int64_t{1} << 60);
  EXPECT_EQ(request->spent_ms(), 4200u);
  ASSERT_EQ(request->boxes_size(), 2);
  EXPECT_EQ(request->boxes(0).box().x1(), 10.1f) << "an untouched corner comes back to the bit";
  EXPECT_EQ(request->boxes(0).label(), 2u);
  EXPECT_TRUE(request->boxes(0).has_predicted_index());
  EXPECT_FALSE(request->boxes(1).has_predicted_index());
  EXPECT_TRUE(request->boxes(1).ignore());
}

// Names that were exchanged meanwhile labelled a box with the other class.
TEST_F(TaskJsonTest, NamesAreThoseOfWhenTheTaskWasServed) {
  v1::Task task;
  task.set_task_id(17);
  task.mutable_image()->set_id(5);
  Json json = TaskJson(task, classes_);
  json["boxes"] = {{{"box", {1, 2, 3, 4}}, {"class", "dent"}}, {{"box", {5, 6, 7, 8}}, {"class", "hole"}}};
  v1::Project renamed = MakeProject();
  renamed.mutable_classes(0)->set_name("dent");
  renamed.mutable_classes(1)->set_name("scratch");
  v1::Class* added = renamed.add_classes();
  added->set_label(3);
  added->set_name("hole");
  const auto request = ParseCorrection(json.dump(), ClassNames(renamed));
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(request->image_id(), 5);
  EXPECT_EQ(request->boxes(0).label(), 2U);
  EXPECT_EQ(request->boxes(1).label(), 3U) << "a class that was added since";
}

// An answer that was opened again lost them.
TEST_F(TaskJsonTest, TheNoteAndTheFlagsOfTheAnswerBeforeAreKept) {
  v1::Task task;
  task.set_task_id(17);
  task.mutable_image()->set_id(5);
  EXPECT_FALSE(TaskJson(task, classes_).contains("note"));
  EXPECT_FALSE(TaskJson(task, classes_).contains("flags"));
  task.set_note("the edge was cut off");
  task.add_flags("unclear");
  task.add_flags("edge");
  Json json = TaskJson(task, classes_);
  json["boxes"] = Json::array();
  const auto request = ParseCorrection(json.dump(), classes_);
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(request->note(), "the edge was cut off");
  EXPECT_THAT(request->flags(), testing::ElementsAre("unclear", "edge"));
  json["flags"] = {"unclear", 1};
  EXPECT_THAT(ErrorOf(json.dump()), HasSubstr("\"flags\""));
}

TEST_F(TaskJsonTest, NoBoxesMeansClean) {
  const auto request = ParseCorrection(R"({"task_id": 1, "lease": 2, "boxes": []})", classes_);
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(request->boxes_size(), 0);
}

TEST_F(TaskJsonTest, EveryProblemNamesItsBox) {
  const auto with = [](const std::string& box) {
    return R"({"task_id": 1, "lease": 2, "boxes": [{"box": [0, 0, 1, 1], "class": "dent"}, )" + box + "]}";
  };
  EXPECT_THAT(ErrorOf(with(R"({"class": "dent"})")), HasSubstr("box 1 of \"boxes\": \"box\" is missing"));
  EXPECT_THAT(ErrorOf(with(R"({"box": [0, 0, 1, 1]})")), HasSubstr("\"class\" is missing"));
  EXPECT_THAT(ErrorOf(with(R"({"box": [0, 0, 1, 1], "class": "hole"})")), HasSubstr("scratch, dent"));
  EXPECT_THAT(ErrorOf(with(R"({"box": [0, 0, 1], "class": "dent"})")), HasSubstr("[x1, y1, x2, y2]"));
  EXPECT_THAT(ErrorOf(with(R"({"box": [0, 0, "a", 1], "class": "dent"})")), HasSubstr("numbers"));
  EXPECT_THAT(ErrorOf(with(R"({"box": [0, 0, 1, 1], "class": "dent", "predicted_index": -1})")),
              HasSubstr("predicted_index"));
  EXPECT_THAT(ErrorOf(with(R"({"box": [0, 0, 1, 1], "class": "dent", "colour": 1})")),
              HasSubstr("\"colour\""));
  EXPECT_THAT(ErrorOf(with("7")), HasSubstr("box 1"));
}

TEST_F(TaskJsonTest, WhatIsNoTaskIsRefused) {
  EXPECT_THAT(ErrorOf("{"), HasSubstr("broken JSON"));
  EXPECT_THAT(ErrorOf("[]"), HasSubstr("as a JSON object"));
  EXPECT_THAT(ErrorOf(R"({"lease": 2, "boxes": []})"), HasSubstr("task_id"));
  EXPECT_THAT(ErrorOf(R"({"task_id": 1, "lease": "2", "boxes": []})"), HasSubstr("lease"));
  EXPECT_THAT(ErrorOf(R"({"task_id": 1, "lease": 2, "boxes": [], "spent_ms": -4})"), HasSubstr("spent_ms"));
}

TEST_F(TaskJsonTest, SkipNeedsTheTaskAlone) {
  const auto lease = ParseTaskLease(R"({"task_id": 3, "lease": 4, "image": {}})");
  ASSERT_TRUE(lease.ok()) << lease.status();
  EXPECT_EQ(lease->task_id(), 3);
  EXPECT_EQ(lease->lease(), 4);
}

}  // namespace
}  // namespace loupe
