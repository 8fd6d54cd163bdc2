#include "client/cli/import_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "client/cli/context.h"

namespace loupe {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

class ImportPlanTest : public testing::Test {
 protected:
  ImportPlanTest() {
    std::string name = (fs::temp_directory_path() / "loupe-import-XXXXXX").string();
    dir_ = mkdtemp(name.data());
    project_.add_classes()->set_label(1);
    project_.mutable_classes(0)->set_name("scratch");
    coco_.images = {{.id = 11, .file_name = "p1_a.jpg", .width = 100, .height = 80},
                    {.id = 12, .file_name = "p1_b.jpg", .width = 100, .height = 80},
                    {.id = 13, .file_name = "p2_a.jpg", .width = 100, .height = 80}};
    coco_.categories = {{.id = 5, .name = "scratch"}, {.id = 6, .name = "dent"}};
    coco_.annotations = {
        {.id = 90, .image_id = 11, .category_id = 5, .bbox = {1, 2, 3, 4}},
        {.id = 91, .image_id = 13, .category_id = 5, .bbox = {5, 5, 10, 10}, .iscrowd = true}};
  }
  ~ImportPlanTest() override { fs::remove_all(dir_); }

  absl::StatusOr<ImportPlan> Plan(const std::string& labelled,
                                  const std::vector<std::string>& labelled_lines = {},
                                  const std::string& only = "",
                                  const std::vector<std::string>& only_lines = {}) const {
    ImportChoice choice = {
        .images_dir = "pictures", .coco_file = "truth.json", .labelled = labelled, .only = only};
    choice.group_by = group_by_;
    return PlanCocoImport(choice, ClassNames(project_), coco_, labelled_lines, only_lines);
  }

  // File names of a plan; those that count as labelled end in `+` and the number of their boxes.
  static std::vector<std::string> Names(const ImportPlan& plan) {
    std::vector<std::string> names;
    for (const PlannedPicture& picture : plan.pictures) {
      std::string name = picture.header.file_name();
      if (picture.header.has_labels()) name += "+" + std::to_string(picture.header.labels().boxes_size());
      names.push_back(name);
    }
    return names;
  }

  void Touch(const std::string& name) const {
    fs::create_directories((dir_ / name).parent_path());
    std::ofstream(dir_ / name) << "bytes";
  }

  fs::path dir_;
  v1::Project project_;
  CocoFile coco_;
  std::string group_by_;
};

TEST_F(ImportPlanTest, TheCallerSaysWhichImagesCountAsLabelled) {
  EXPECT_THAT(Names(*Plan("none")), ElementsAre("p1_a.jpg", "p1_b.jpg", "p2_a.jpg"));
  EXPECT_THAT(Names(*Plan("boxes")), ElementsAre("p1_a.jpg+1", "p1_b.jpg", "p2_a.jpg+1"));
  EXPECT_THAT(Names(*Plan("all")), ElementsAre("p1_a.jpg+1", "p1_b.jpg+0", "p2_a.jpg+1"));
  EXPECT_THAT(Names(*Plan("@f", {"p1_b.jpg", "13"})), ElementsAre("p1_a.jpg", "p1_b.jpg+0", "p2_a.jpg+1"));
}

TEST_F(ImportPlanTest, BoxesKeepCornersClassIdAndIgnore) {
  const auto plan = Plan("all");
  ASSERT_TRUE(plan.ok()) << plan.status();
  const v1::ImportedBox& box = plan->pictures[0].header.labels().boxes(0);
  EXPECT_EQ(box.box().x1(), 1);
  EXPECT_EQ(box.box().y1(), 2);
  EXPECT_EQ(box.box().x2(), 4);
  EXPECT_EQ(box.box().y2(), 6);
  EXPECT_EQ(box.label(), 1u);
  EXPECT_EQ(box.source_id(), 90);
  EXPECT_FALSE(box.ignore());
  EXPECT_TRUE(plan->pictures[2].header.labels().boxes(0).ignore());
  EXPECT_EQ(plan->pictures[0].path, fs::path("pictures/p1_a.jpg"));
}

TEST_F(ImportPlanTest, OnlyTakesPartOfTheFile) {
  EXPECT_THAT(Names(*Plan("all", {}, "@o", {"12", "p2_a.jpg"})), ElementsAre("p1_b.jpg+0", "p2_a.jpg+1"));
  EXPECT_FALSE(Plan("all", {}, "@o", {}).ok()) << "an empty @FILE leaves nothing to import";
}

TEST_F(ImportPlanTest, AFileNameOfDigitsIsAName) {
  coco_.images[1].file_name = "11";
  EXPECT_THAT(Names(*Plan("all", {}, "@o", {"11"})), ElementsAre("11+0"));
}

TEST_F(ImportPlanTest, NamesOfImagesThatAreNotThereAreListed) {
  const absl::Status status = Plan("@f", {"p9.jpg", "99"}, "@o", {"p1_a.jpg", "no.jpg"}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  const std::string message(status.message());
  EXPECT_THAT(message, HasSubstr("--only names \"no.jpg\""));
  EXPECT_THAT(message, HasSubstr("--labelled names \"p9.jpg\""));
  EXPECT_THAT(message, HasSubstr("--labelled names \"99\""));
}

TEST_F(ImportPlanTest, TwentyProblemsAreListedAndTheRestCounted) {
  std::vector<std::string> lines;
  for (int i = 0; i < 25; ++i) lines.push_back("missing" + std::to_string(i));
  const std::string message(Plan("@f", lines).status().message());
  EXPECT_THAT(message, HasSubstr("missing19"));
  EXPECT_THAT(message, testing::Not(HasSubstr("missing20")));
  EXPECT_THAT(message, HasSubstr("and 5 more"));
}

TEST_F(ImportPlanTest, ACategoryThatIsNoClassMattersOnlyWhereItsBoxesAreTaken) {
  coco_.annotations[1].category_id = 6;
  const absl::Status status = Plan("boxes").status();
  EXPECT_THAT(std::string(status.message()), HasSubstr("\"dent\" (1 box)"));
  EXPECT_TRUE(Plan("none").ok());
  EXPECT_TRUE(Plan("all", {}, "@o", {"11", "12"}).ok());
}

TEST_F(ImportPlanTest, GroupsByCaptureOrMatch) {
  group_by_ = "^(p[0-9]+)_";
  EXPECT_EQ(Plan("none")->pictures[1].header.group(), "p1");
  group_by_ = "p2";
  const auto plan = Plan("none");
  EXPECT_EQ(plan->pictures[2].header.group(), "p2");
  EXPECT_EQ(plan->pictures[0].header.group(), "");
  EXPECT_EQ(plan->ungrouped, 2u);
}

TEST_F(ImportPlanTest, OptionsThatDoNotGoTogetherAreWrongUsage) {
  const std::vector<ImportChoice> wrong = {
      {.images_dir = "d", .coco_file = "f"},
      {.images_dir = "d", .coco_file = "f", .labelled = "some"},
      {.images_dir = "d", .coco_file = "f", .labelled = "@"},
      {.images_dir = "d", .coco_file = "f", .labelled = "all", .only = "list.txt"},
      {.images_dir = "d", .labelled = "all"},
      {.images_dir = "d", .only = "@list.txt"},
      {.images_dir = "d", .blind = true},
      {.images_dir = "d", .group_by = "("},
  };
  for (const ImportChoice& choice : wrong) {
    EXPECT_TRUE(IsUsageError(CheckImportChoice(choice))) << choice.labelled << " " << choice.only;
  }
  EXPECT_TRUE(
      CheckImportChoice({.images_dir = "d", .coco_file = "f", .labelled = "@list.txt", .blind = true}).ok());
}

TEST_F(ImportPlanTest, AFolderGivesItsPicturesInOrderAndNamesTheRest) {
  for (const char* name : {"b.JPG", "a.png", "sub/deep/c.jpeg", "sub/d.bmp", "e.tif", "f.webp", "notes.txt",
                           "sub/g.gif", "._a.png", ".cache/h.png", "@eaDir/i.jpg", "sub/Thumbnails/j.jpg"}) {
    Touch(name);
  }
  const auto plan = PlanImport({.images_dir = dir_}, ClassNames(project_));
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_THAT(Names(*plan), ElementsAre("a.png", "b.JPG", "e.tif", "f.webp", "sub/d.bmp", "sub/deep/c.jpeg"));
  EXPECT_THAT(plan->left_out, ElementsAre("._a.png", "notes.txt", "sub/g.gif"));
  EXPECT_THAT(plan->skipped_folders, UnorderedElementsAre(".cache", "@eaDir", "sub/Thumbnails"));
}

TEST_F(ImportPlanTest, AGroupNeverCutsACharacter) {
  for (const char* name : {"Pr\xc3\xbc"
                           "f_1.png",
                           "Pr\xc3\xbc"
                           "f_2.png",
                           "Pa_1.png"}) {
    Touch(name);
  }
  const auto plan = PlanImport({.images_dir = dir_, .group_by = "^(.{3})"}, ClassNames(project_));
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->pictures[0].header.group(), "Pa_");
  EXPECT_EQ(plan->pictures[1].header.group(), "Pr\xc3\xbc");
  EXPECT_EQ(plan->pictures[2].header.group(), "Pr\xc3\xbc");
}

TEST_F(ImportPlanTest, AGroupOfOneCharacterIsWholeHoweverManyBytesItHas) {
  const std::string kanji = "\xe6\xa4\x9c";
  const std::string bolt = "\xf0\x9f\x94\xa9";
  for (const std::string& name : {kanji + "_1.png", kanji + "_2.png", bolt + "_1.png"}) Touch(name);
  const auto plan = PlanImport({.images_dir = dir_, .group_by = "^(.)"}, ClassNames(project_));
  ASSERT_TRUE(plan.ok()) << plan.status();
  ASSERT_EQ(plan->pictures.size(), 3U);
  EXPECT_EQ(plan->pictures[0].header.group(), kanji);
  EXPECT_EQ(plan->pictures[1].header.group(), kanji);
  EXPECT_EQ(plan->pictures[2].header.group(), bolt);
}

TEST_F(ImportPlanTest, NamesThatCantBeSentAreRefusedByName) {
  Touch("good.png");
  Touch(
      "Pr\xfc"
      "f.png");
  Touch("bell\a.png");
  const absl::Status refused = PlanImport({.images_dir = dir_}, ClassNames(project_)).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("the name of Pr?f.png is not UTF-8: rename"));
  EXPECT_THAT(std::string(refused.message()), HasSubstr("bell?.png holds a control character"));
}

TEST_F(ImportPlanTest, AFolderWithoutPicturesIsAnError) {
  EXPECT_EQ(PlanImport({.images_dir = dir_}, ClassNames(project_)).status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(PlanImport({.images_dir = dir_ / "no"}, ClassNames(project_)).status().code(),
            absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace loupe
