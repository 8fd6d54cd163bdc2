#include "coco/coco_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace loupe {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

std::string Message(const absl::StatusOr<CocoFile>& file) { return std::string(file.status().message()); }

// A file of one 100 x 80 image and one category, with the annotations given.
std::string With(const std::string& annotations) {
  return absl::StrCat(R"({"images": [{"id": 1, "file_name": "a.png", "width": 100, "height": 80}],
                          "categories": [{"id": 1, "name": "dent"}], "annotations": [)",
                      annotations, "]}");
}

std::string Box(int id, const std::string& bbox) {
  return absl::StrCat(R"({"id": )", id, R"(, "image_id": 1, "category_id": 1, "bbox": )", bbox, "}");
}

TEST(CocoFileTest, ReadsWhatWasWritten) {
  CocoFile file;
  file.images = {{7, "part/\"a\".png", 640, 480}, {3, "b.jpg", 0, 0}};
  file.categories = {{2, "Kratzer ü"}, {9, "dent"}};
  file.annotations = {{1, 7, 2, {0.1, 1.0 / 3, 20, 30.5}, 600, false}, {5, 7, 9, {0, 0, 640, 480}, 1, true}};
  const auto folder = std::filesystem::path(testing::TempDir()) / "coco_round_trip";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  const auto path = folder / "labels.json";
  ASSERT_TRUE(WriteCocoFile(file, path).ok());
  const auto read = ReadCocoFile(path);
  ASSERT_TRUE(read.ok()) << read.status();
  ASSERT_EQ(read->images.size(), 2U);
  EXPECT_EQ(read->images[0].file_name, "part/\"a\".png");
  EXPECT_EQ(read->images[0].width, 640);
  EXPECT_EQ(read->images[1].height, 0) << "an unknown size stays unknown";
  EXPECT_EQ(read->categories[0].name, "Kratzer ü");
  ASSERT_EQ(read->annotations.size(), 2U);
  EXPECT_EQ(read->annotations[0].bbox, file.annotations[0].bbox) << "to the bit";
  EXPECT_EQ(read->annotations[0].area, 600);
  EXPECT_TRUE(read->annotations[1].iscrowd);
  EXPECT_EQ(read->clipped_boxes, 0);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder), {}), 1) << "no temporary file stays";
}

// 2^64 is shortest without an exponent, and then no whole number that the reader takes.
TEST(CocoFileTest, LargeNumbersThatAreWrittenAreRead) {
  CocoFile file;
  file.images = {{1, "a.png", 0, 0}};
  file.categories = {{1, "dent"}};
  file.annotations = {
      {1, 1, 1, {-18446744073709551616.0, 123456789012345680.0, 1e18, 1.5}, 18446744073709551616.0, false}};
  const auto path = std::filesystem::path(testing::TempDir()) / "coco_large_numbers.json";
  ASSERT_TRUE(WriteCocoFile(file, path).ok());
  const auto read = ReadCocoFile(path);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->annotations[0].bbox, file.annotations[0].bbox);
  EXPECT_EQ(read->annotations[0].area, file.annotations[0].area);
}

TEST(CocoFileTest, AnAreaThatOverflowsIsAProblem) {
  const std::string json =
      R"({"images": [{"id": 1, "file_name": "a.png"}], "categories": [{"id": 1, "name": "dent"}],
    "annotations": [{"id": 17, "image_id": 1, "category_id": 1, "bbox": [0, 0, 1e200, 1e200]}]})";
  for (const CocoPurpose purpose : {CocoPurpose::kTruth, CocoPurpose::kEvaluation}) {
    CocoReadOptions options;
    options.purpose = purpose;
    EXPECT_THAT(Message(ParseCocoFile(json, "f", options)), HasSubstr("annotation 17: box"));
  }
}

TEST(CocoFileTest, AreaAndCrowdMayBeMissing) {
  const auto file = ParseCocoFile(With(Box(1, "[0, 0, 4, 5]")), "f");
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->annotations[0].area, 20);
  EXPECT_FALSE(file->annotations[0].iscrowd);
}

TEST(CocoFileTest, AnOverhangOfAPixelIsClippedAndCounted) {
  const auto file =
      ParseCocoFile(With(absl::StrCat(Box(1, "[-1, 0, 10, 10]"), ",", Box(2, "[90, 70, 11, 10.5]"), ",",
                                      Box(3, "[0, 0, 100, 80]"))),
                    "f");
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->clipped_boxes, 2);
  EXPECT_EQ(file->annotations[0].bbox, (std::array<double, 4>{0, 0, 9, 10}));
  EXPECT_EQ(file->annotations[1].bbox, (std::array<double, 4>{90, 70, 10, 10}));
  EXPECT_EQ(file->annotations[2].bbox, (std::array<double, 4>{0, 0, 100, 80}));
}

TEST(CocoFileTest, BoxesWithoutSizeOrOutsideAreErrorsThatNameTheAnnotation) {
  for (const char* box :
       {"[0, 0, 0, 5]", "[0, 0, 5, -2]", "[-1.5, 0, 5, 5]", "[0, 0, 101.5, 5]", "[0, 76, 5, 6]",
        "[-0.6, 0, 0.5, 5]", "[200, 200, 5, 5]", "[1, 2, 3]", "[1, 2, 3, null]", "\"box\""}) {
    const auto file = ParseCocoFile(With(Box(17, box)), "labels.json");
    EXPECT_EQ(file.status().code(), absl::StatusCode::kInvalidArgument) << box;
    EXPECT_THAT(Message(file), AllOf(HasSubstr("labels.json"), HasSubstr("annotation 17"))) << box;
  }
}

TEST(CocoFileTest, NumbersThatAreNotFiniteAreBrokenJsonWithLineAndColumn) {
  const auto file = ParseCocoFile("{\n  \"images\": [],\n  \"annotations\": [NaN]}", "labels.json");
  EXPECT_THAT(Message(file), HasSubstr("labels.json: broken JSON in line 3, column 19"));
  const auto huge = ParseCocoFile("{\"images\": [1e999]}", "labels.json");
  EXPECT_THAT(Message(huge), HasSubstr("broken JSON in line 1"));
}

TEST(CocoFileTest, TruncatedAndEmptyFilesAreBrokenJson) {
  EXPECT_THAT(Message(ParseCocoFile("{\"images\": [\n{\"id\": 1,", "f")), HasSubstr("line 2, column 10"));
  EXPECT_THAT(Message(ParseCocoFile("", "f")), HasSubstr("line 1, column 1"));
  EXPECT_THAT(Message(ParseCocoFile("[]", "f")), HasSubstr("not a JSON object"));
  EXPECT_EQ(ReadCocoFile("/nowhere/labels.json").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ReadCocoFile(testing::TempDir()).status().code(), absl::StatusCode::kNotFound)
      << "a folder is no file";
}

TEST(CocoFileTest, AByteOrderMarkIsNoMistake) {
  EXPECT_TRUE(ParseCocoFile("\xef\xbb\xbf" + With(""), "f").ok());
}

TEST(CocoFileTest, AllProblemsAreListedAtOnceUpToTwenty) {
  std::string annotations;
  for (int id = 1; id <= 23; ++id) absl::StrAppend(&annotations, id > 1 ? "," : "", Box(id, "[0, 0, 0, 0]"));
  const std::string message = Message(ParseCocoFile(With(annotations), "f"));
  EXPECT_THAT(message, HasSubstr("f has 23 problems"));
  EXPECT_THAT(message,
              AllOf(HasSubstr("annotation 1:"), HasSubstr("annotation 20:"), HasSubstr("and 3 more")));
  EXPECT_THAT(message, Not(HasSubstr("annotation 21:")));
}

TEST(CocoFileTest, DuplicatesAndUnknownReferencesAreNamed) {
  const std::string json = R"({
    "images": [{"id": 1, "file_name": "a.png"}, {"id": 1, "file_name": "b.png"},
               {"id": 2, "file_name": "a.png"}],
    "categories": [{"id": 1, "name": "dent"}, {"id": 1, "name": "hole"}, {"id": 2, "name": "dent"}],
    "annotations": [{"id": 5, "image_id": 1, "category_id": 1, "bbox": [0, 0, 1, 1]},
                    {"id": 5, "image_id": 1, "category_id": 1, "bbox": [0, 0, 1, 1]},
                    {"id": 6, "image_id": 99, "category_id": 1, "bbox": [0, 0, 1, 1]},
                    {"id": 7, "image_id": 1, "category_id": 88, "bbox": [0, 0, 1, 1]},
                    {"id": 8, "category_id": 1, "bbox": [0, 0, 1, 1]},
                    {"image_id": 1, "category_id": 1, "bbox": [0, 0, 1, 1]}]})";
  const std::string message = Message(ParseCocoFile(json, "f"));
  for (const char* problem :
       {"image 1: this image id is there twice", "image 2: file name \"a.png\" is there twice",
        "category 1: this category id is there twice", "category 2: the name \"dent\" is there twice",
        "annotation 5: this annotation id is there twice", "annotation 6: unknown image 99",
        "annotation 7: unknown category 88", "annotation 8: has no \"image_id\"",
        "entry 6 of \"annotations\": has no \"id\"", "f has 9 problems"}) {
    EXPECT_THAT(message, HasSubstr(problem));
  }
}

TEST(CocoFileTest, NamesThatLeadOutOfTheFolderOrHoldANulAreErrors) {
  for (const char* name : {"/etc/passwd", "../a.png", "a/../../b.png", "..", "", "a\\u0000.png",
                           "\\u001b[31mRED/a.png", "a\\n.png", "a\\t.png", "a\\u009b.png"}) {
    const auto file = ParseCocoFile(absl::StrCat(R"({"images": [{"id": 4, "file_name": ")", name,
                                                 R"("}], "categories": [], "annotations": []})"),
                                    "f");
    EXPECT_THAT(Message(file), HasSubstr("image 4:")) << name;
    EXPECT_EQ(Message(file).find('\0'), std::string::npos);
  }
  const auto category = ParseCocoFile(
      R"({"images": [], "categories": [{"id": 3, "name": "a\u0000b"}], "annotations": []})", "f");
  EXPECT_THAT(Message(category), HasSubstr("category 3: \"name\" holds a NUL"));
  const auto escaped = ParseCocoFile(
      R"({"images": [], "categories": [{"id": 3, "name": "a\u001b[2Jb"}], "annotations": []})", "f");
  EXPECT_THAT(Message(escaped), HasSubstr("category 3: \"name\" holds a control character"));
  EXPECT_TRUE(ParseCocoFile(R"({"images": [{"id": 4, "file_name": "part 1/a..b.png"}], "categories": [],
                               "annotations": []})",
                            "f")
                  .ok());
}

TEST(CocoFileTest, AMissingPictureIsNamed) {
  const auto folder = std::filesystem::path(testing::TempDir()) / "coco_images";
  std::filesystem::create_directories(folder / "sub");
  std::ofstream(folder / "sub/a.png") << "x";
  const std::string json =
      R"({"images": [{"id": 1, "file_name": "sub/a.png"}, {"id": 2, "file_name": "sub/b.png"}],
                               "categories": [], "annotations": []})";
  CocoReadOptions options;
  options.images_dir = folder;
  EXPECT_THAT(Message(ParseCocoFile(json, "f", options)),
              AllOf(HasSubstr("f has 1 problem "), HasSubstr("image 2: no file \"sub/b.png\"")));
  EXPECT_TRUE(ParseCocoFile(json, "f").ok()) << "without a folder nothing is looked for";
}

// An export has annotations.json beside images/, and others name their files from there.
TEST(CocoFileTest, NamesThatBeginWithTheFoldersNameAreFoundFromTheFolderAbove) {
  namespace fs = std::filesystem;
  const fs::path above = fs::path(testing::TempDir()) / "coco_above";
  fs::create_directories(above / "images");
  std::ofstream(above / "images" / "a.png") << "x";
  CocoReadOptions options;
  options.images_dir = above / "images";
  const std::string text = R"({"images": [{"id": 1, "file_name": "images/a.png"}], "annotations": [],
                               "categories": [{"id": 1, "name": "dent"}]})";
  const auto file = ParseCocoFile(text, "f", options);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->images_dir, above);
  // As an export has it, whose own folder was given.
  options.images_dir = above;
  const auto inside = ParseCocoFile(absl::StrReplaceAll(text, {{"images/a", "a"}}), "f", options);
  ASSERT_TRUE(inside.ok()) << inside.status();
  EXPECT_EQ(inside->images_dir, above / "images");
  const auto elsewhere = ParseCocoFile(absl::StrReplaceAll(text, {{"images/a", "other/a"}}), "f", options);
  EXPECT_THAT(std::string(elsewhere.status().message()), HasSubstr("no file \"other/a.png\""));
}

TEST(CocoFileTest, WrongTypesAreNamed) {
  const std::string json = R"({"images": [{"id": "1"}, 5, {"id": 2, "file_name": 3, "width": -4}],
                               "categories": {}, "annotations": []})";
  const std::string message = Message(ParseCocoFile(json, "f"));
  for (const char* problem :
       {"entry 1 of \"images\": \"id\" is not a whole number", "entry 2 of \"images\": is not an object",
        "image 2: \"file_name\" is not a text", "image 2: \"width\" is -4",
        "the file has no list \"categories\""}) {
    EXPECT_THAT(message, HasSubstr(problem));
  }
}

TEST(CocoFileTest, ForEvaluationBoxesStayAsTheyAreAndNamesMayBeMissing) {
  const std::string json = R"({"images": [{"id": 1, "width": 10, "height": 10}], "categories": [{"id": 1}],
    "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [-5, 0, 50, 0], "area": 3.0,
                     "iscrowd": 1}]})";
  CocoReadOptions options;
  options.purpose = CocoPurpose::kEvaluation;
  const auto file = ParseCocoFile(json, "f", options);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->annotations[0].bbox, (std::array<double, 4>{-5, 0, 50, 0}));
  EXPECT_EQ(file->clipped_boxes, 0);
  EXPECT_FALSE(ParseCocoFile(json, "f").ok());
}

TEST(CocoFileTest, AFailedWriteLeavesNothing) {
  const absl::Status status = WriteCocoFile({}, "/nowhere/labels.json");
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace loupe
