// Made-up pictures: repeatable, with boxes where the defects are, and with the mix that the ranking is tried
// on.
#include "worker/sample/sample.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <sstream>

#include <opencv2/core.hpp>

#include "coco/coco_file.h"
#include "worker/sample/sample_defect.h"
#include "worker/sample/sample_set.h"

namespace loupe {
namespace {

std::string Bytes(const std::filesystem::path& path) {
  std::ostringstream bytes;
  bytes << std::ifstream(path, std::ios::binary).rdbuf();
  return bytes.str();
}

std::filesystem::path Folder(const std::string& name) {
  const std::filesystem::path folder = std::filesystem::path(testing::TempDir()) / ("sample_test_" + name);
  std::filesystem::remove_all(folder);
  return folder;
}

TEST(SampleTest, SameSeedGivesTheSameBytesAndMoreImagesKeepTheFirst) {
  const auto few = Folder("few");
  const auto many = Folder("many");
  const auto other = Folder("other");
  ASSERT_TRUE(WriteSample({few, 5, 3}).ok());
  ASSERT_TRUE(WriteSample({many, 9, 3}).ok());
  ASSERT_TRUE(WriteSample({other, 5, 4}).ok());
  int compared = 0;
  int same_as_other_seed = 0;
  for (const auto& entry : std::filesystem::directory_iterator(few / "images")) {
    const std::string bytes = Bytes(entry.path());
    EXPECT_GT(bytes.size(), 1000);
    EXPECT_EQ(bytes, Bytes(many / "images" / entry.path().filename()));
    same_as_other_seed += bytes == Bytes(other / "images" / entry.path().filename());
    ++compared;
  }
  EXPECT_EQ(compared, 5);
  EXPECT_EQ(same_as_other_seed, 0);
}

TEST(SampleTest, TheCocoFileIsOneThatImportAccepts) {
  const auto folder = Folder("coco");
  ASSERT_TRUE(WriteSample({folder, 40, 1}).ok());
  const absl::StatusOr<CocoFile> coco = ReadCocoFile(
      folder / "annotations.json", {.purpose = CocoPurpose::kTruth, .images_dir = folder / "images"});
  ASSERT_TRUE(coco.ok()) << coco.status();
  EXPECT_EQ(coco->images.size(), 40);
  EXPECT_EQ(coco->clipped_boxes, 0);
  std::vector<std::string> names;
  for (const CocoCategory& category : coco->categories) names.push_back(category.name);
  EXPECT_THAT(names, testing::ElementsAre("scratch", "pit", "stain", "dent", "crack"));
}

TEST(SampleTest, TheMixHasATailCleanPartsAndNearDuplicates) {
  constexpr int kPictures = 600;
  SampleGenerator generator(11);
  std::map<int, int> boxes_of;
  int boxes = 0;
  int clean = 0;
  int near_duplicates = 0;
  for (int i = 0; i < kPictures; ++i) {
    const SamplePicture picture = generator.Next();
    ASSERT_THAT(picture.file_name, testing::MatchesRegex("part_[0-9]+_[abc]\\.jpg"));
    clean += picture.boxes.empty();
    near_duplicates += picture.file_name.find("_a.") == std::string::npos;
    for (const SampleBox& box : picture.boxes) {
      ++boxes_of[box.label];
      ++boxes;
      EXPECT_GE(box.x, 0);
      EXPECT_GE(box.y, 0);
      EXPECT_GT(box.width, 0);
      EXPECT_GT(box.height, 0);
      EXPECT_LE(box.x + box.width, picture.pixels.cols);
      EXPECT_LE(box.y + box.height, picture.pixels.rows);
    }
  }
  EXPECT_NEAR(double(clean) / kPictures, 0.1, 0.04);
  EXPECT_NEAR(double(near_duplicates) / kPictures, 0.25, 0.06);
  EXPECT_NEAR(double(boxes_of[5]) / boxes, 1.0 / 30, 0.02);
  EXPECT_GT(boxes_of[1], boxes_of[2]);
  EXPECT_GT(boxes_of[2], boxes_of[3]);
  EXPECT_GT(boxes_of[3], boxes_of[4]);
  EXPECT_GT(boxes_of[4], boxes_of[5]);
}

// Two views of one part show the same defects at nearly the same places.
TEST(SampleTest, NearDuplicatesShareTheirDefects) {
  SampleGenerator generator(5);
  SamplePicture before = generator.Next();
  int pairs = 0;
  for (int i = 0; i < 200; ++i) {
    const SamplePicture picture = generator.Next();
    const bool same_part = picture.file_name.substr(0, 9) == before.file_name.substr(0, 9);
    if (same_part && picture.boxes.size() == before.boxes.size()) {
      ++pairs;
      for (size_t k = 0; k < picture.boxes.size(); ++k) {
        EXPECT_EQ(picture.boxes[k].label, before.boxes[k].label);
        EXPECT_NEAR(picture.boxes[k].x, before.boxes[k].x, 26);
        EXPECT_NEAR(picture.boxes[k].y, before.boxes[k].y, 26);
      }
      EXPECT_GT(cv::norm(picture.pixels, before.pixels, cv::NORM_L1), 0);
    }
    before = picture;
  }
  EXPECT_GT(pairs, 20);
}

// What is far from a defect stays as it was, and something of each defect can be seen.
TEST(SampleTest, ADefectChangesNothingBeyondItsReach) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    for (int kind = 0; kind < 5; ++kind) {
      const sample::Defect defect(static_cast<sample::DefectKind>(kind), {64, 64}, seed);
      double most = 0;
      for (int y = -40; y < 168; ++y) {
        for (int x = -40; x < 168; ++x) {
          sample::Texel texel;
          const double there = defect.Apply({double(x), double(y)}, texel);
          most = std::max(most, there);
          if (std::hypot(x - 64, y - 64) <= defect.reach()) continue;
          EXPECT_EQ(there, 0);
          EXPECT_EQ(texel.albedo, 1);
          EXPECT_EQ(texel.height, 0);
        }
      }
      EXPECT_GT(most, 0.5) << "kind " << kind << " seed " << seed;
    }
  }
}

TEST(SampleTest, RefusesNoImages) {
  EXPECT_EQ(WriteSample({Folder("none"), 0, 1}).code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace loupe
