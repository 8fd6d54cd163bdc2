// Images that look alike, found by the embeddings of the serving model.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/error_info.h"
#include "tests/server/labeling/labeling_fixture.h"

namespace loupe {
namespace {

class SimilarImagesTest : public LabelingTest {
 protected:
  using Images = v1::ImageService::Stub;

  SimilarImagesTest() : LabelingTest(1, 0.3) { Import(12); }

  // The embedding of image i is (cos, sin) of 10·i degrees, as half floats: only the angle counts.
  void EmbedByAngle() {
    RankByModel({Pool()[0]});
    coordinator_.database().Sql(R"(
        CREATE FUNCTION half(x float8) RETURNS bytea LANGUAGE sql AS $$
          SELECT set_byte(set_byte('\x0000'::bytea, 0, bits & 255), 1, bits >> 8)
          FROM (SELECT (CASE WHEN x < 0 THEN 32768 ELSE 0 END)
                       + CASE WHEN abs(x) < 0.0001 THEN 0
                              ELSE ((floor(log(2.0, abs(x)::numeric)) + 15) * 1024
                                    + round((abs(x) / 2 ^ floor(log(2.0, abs(x)::numeric)) - 1) * 1024))::int
                         END AS bits) number
        $$;
        UPDATE prediction
        SET embedding = half(cos(radians(10 * image_id))) || half(sin(radians(10 * image_id))))");
  }

  absl::StatusOr<v1::FindSimilarImagesResponse> Find(int64_t image, uint32_t count = 0) {
    v1::FindSimilarImagesRequest request;
    request.set_image_id(image);
    request.set_count(count);
    return Rpc(*images_, &Images::FindSimilarImages, engineer_, request);
  }

  std::vector<int64_t> Pool() {
    std::vector<int64_t> ids;
    for (const auto& row : coordinator_.database().Sql(
             "SELECT id FROM image WHERE side = 'pool' AND state = 'usable' ORDER BY id")) {
      ids.push_back(row[0].as<int64_t>());
    }
    return ids;
  }

  std::unique_ptr<Images> images_ = v1::ImageService::NewStub(coordinator_.channel());
};

TEST_F(SimilarImagesTest, TheNearestOfThePoolComeFirst) {
  EmbedByAngle();
  std::vector<int64_t> pool = Pool();
  const int64_t asked = pool[2];
  const auto found = Find(asked, 3);
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->model(), 1U);
  EXPECT_EQ(found->prepared(), 1);
  std::stable_sort(pool.begin(), pool.end(),
                   [&](int64_t a, int64_t b) { return std::abs(a - asked) < std::abs(b - asked); });
  ASSERT_EQ(found->images_size(), 3);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(found->images(i).image().side(), v1::POOL);
    const auto degrees = 10.0 * static_cast<double>(std::abs(found->images(i).image().id() - asked));
    EXPECT_NEAR(found->images(i).similarity(), std::cos(degrees * M_PI / 180), 0.002);
    EXPECT_EQ(std::abs(found->images(i).image().id() - asked),
              std::abs(pool[static_cast<size_t>(i) + 1] - asked));
  }
  // One that is excluded since the index was made isn't found.
  const int64_t nearest = found->images(0).image().id();
  coordinator_.database().Sql(
      absl::StrCat("UPDATE image SET state = 'excluded', state_reason = 'x' WHERE id = ", nearest));
  const auto again = Find(asked, 3);
  ASSERT_TRUE(again.ok());
  for (const v1::SimilarImage& image : again->images()) EXPECT_NE(image.image().id(), nearest);
}

TEST_F(SimilarImagesTest, AnImageThatIsUsedAgainIsFoundAgain) {
  EmbedByAngle();
  const std::vector<int64_t> pool = Pool();
  const std::string nearest = absl::StrCat(pool[3]);
  coordinator_.database().Sql("UPDATE image SET state = 'excluded', state_reason = 'x' WHERE id = " +
                              nearest);
  auto found = Find(pool[2], 1);  // makes the index
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_NE(found->images(0).image().id(), pool[3]);
  coordinator_.database().Sql("UPDATE image SET state = 'usable', state_reason = NULL WHERE id = " + nearest);
  found = Find(pool[2], 2);
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_TRUE(std::ranges::any_of(
      found->images(), [&](const v1::SimilarImage& image) { return image.image().id() == pool[3]; }));
}

TEST_F(SimilarImagesTest, WhatCantBeAskedSaysWhy) {
  EXPECT_EQ(ErrorReason(Find(Pool()[0]).status()), "NO_SERVING_MODEL");
  RankByModel({Pool()[0]});
  EXPECT_EQ(ErrorReason(Find(Pool()[0]).status()), "NOT_PREDICTED") << "it has no embedding";
  const int64_t holdout = Number("SELECT min(id) FROM image WHERE side = 'holdout'");
  EXPECT_EQ(ErrorReason(Find(holdout).status()), "HOLDOUT_IMAGE");
  EXPECT_EQ(ErrorReason(Find(999).status()), "NO_SUCH_IMAGE");
  EXPECT_EQ(ErrorReason(Find(Pool()[0], 101).status()), "INVALID_ARGUMENT");
  v1::FindSimilarImagesRequest request;
  EXPECT_EQ(ErrorReason(Rpc(*images_, &Images::FindSimilarImages, annotator_, request).status()),
            "WRONG_ROLE");
}

}  // namespace
}  // namespace loupe
