// How good a model is, and what it gets wrong, over a real port.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "tests/server/rounds/round_world.h"

namespace loupe {
namespace {

using ::testing::HasSubstr;

constexpr char kQualityRecipe[] =
    "ranking { budget: 10 } prediction { shard_size: 500 } gate { tolerance: 1 }";

v1::ModelQuality QualityOf(RoundWorld& world, const std::string& model = "", double threshold = 0.5) {
  v1::GetModelQualityRequest request;
  request.set_model(model);
  request.set_score_threshold(threshold);
  v1::ModelQuality quality;
  const grpc::Status status =
      world.insight->GetModelQuality(world.Context(world.engineer).get(), request, &quality);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return quality;
}

v1::ListBoxMatchesRequest Of(v1::MatchKind kind, v1::Side side = v1::SIDE_UNSPECIFIED) {
  v1::ListBoxMatchesRequest request;
  request.set_kind(kind);
  request.set_side(side);
  return request;
}

v1::ListBoxMatchesResponse Matches(RoundWorld& world, const v1::ListBoxMatchesRequest& request) {
  v1::ListBoxMatchesResponse page;
  const grpc::Status status =
      world.insight->ListBoxMatches(world.Context(world.engineer).get(), request, &page);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return page;
}

std::map<std::tuple<int, uint32_t, uint32_t>, uint64_t> Counts(const v1::ModelQuality& quality) {
  std::map<std::tuple<int, uint32_t, uint32_t>, uint64_t> counts;
  for (const v1::MatchCount& count : quality.matches()) {
    counts[{count.kind(), count.true_label(), count.predicted_label()}] = count.boxes();
  }
  return counts;
}

// 40 holdout images, one box each; the model finds 37 * place % 100 < 70 and draws a box elsewhere otherwise.
class ModelQualityTest : public testing::Test {
 protected:
  ModelQualityTest() : world_(60, 40) {
    world_.Label("holdout", 0, 40);
    world_.Label("pool", 0, 10);
    world_.Submit(kQualityRecipe);
    EXPECT_EQ(ScriptedWorker(world_, 0.7).Finish(1).state(), "done");
  }

  static bool IsFound(int place) { return place * 37 % 100 < 70; }
  // The score that the scripted worker gives.
  static float ScoreOf(int place) { return 0.5F + 0.45F * static_cast<float>(place % 10) / 10; }

  RoundWorld world_;
};

TEST_F(ModelQualityTest, CountsWhatIsRightAndWrong) {
  std::map<std::tuple<int, uint32_t, uint32_t>, uint64_t> expected;
  for (int place = 0; place < 40; ++place) {
    const uint32_t label = 1 + static_cast<uint32_t>(place) % 2;
    const bool counts = ScoreOf(place) >= 0.7;
    if (counts && IsFound(place)) ++expected[{v1::MATCHED, label, label}];
    if (counts && !IsFound(place)) ++expected[{v1::FALSE_POSITIVE, 0, label}];
    if (!counts || !IsFound(place)) ++expected[{v1::MISSED, label, 0}];
  }
  const v1::ModelQuality quality = QualityOf(world_, "1", 0.7);
  EXPECT_EQ(Counts(quality), expected);
  EXPECT_EQ(quality.model(), 1U);
  const v1::Evaluation judged = world_.Get(1).evaluation();
  EXPECT_EQ(quality.evaluation().ap50(), judged.ap50());
  EXPECT_EQ(quality.evaluation().images(), 40U);
  EXPECT_TRUE(quality.evaluation().random_sample());
  ASSERT_EQ(quality.classes_size(), 2);
  for (int c = 0; c < 2; ++c) {
    const v1::ClassQuality& one = quality.classes(c);
    EXPECT_EQ(one.label(), c + 1U);
    EXPECT_EQ(one.boxes(), 20U);
    EXPECT_EQ(one.ap50(), judged.per_class(c).ap50());
    EXPECT_EQ(one.ap(), judged.per_class(c).ap());
    EXPECT_LE(one.ap50_interval().low(), one.ap50());
    EXPECT_GE(one.ap50_interval().high(), one.ap50());
    EXPECT_LT(one.ap50_interval().low(), one.ap50_interval().high());
    double sum = 0;
    for (const v1::PrecisionPoint& point : one.curve()) sum += point.precision();
    EXPECT_NEAR(sum / 101, one.ap50(), 1e-12);
  }
}

TEST_F(ModelQualityTest, TheIntervalIsThatOfTheCurve) {
  v1::Curve curve;
  ASSERT_TRUE(world_.insight->GetCurve(world_.Context(world_.engineer).get(), {}, &curve).ok());
  const v1::ModelQuality quality = QualityOf(world_);
  EXPECT_EQ(quality.ap50().low(), curve.points(0).ap50_low());
  EXPECT_EQ(quality.ap50().high(), curve.points(0).ap50_high());
}

TEST_F(ModelQualityTest, ListsTheWorstFirst) {
  const auto page = Matches(world_, Of(v1::FALSE_POSITIVE, v1::HOLDOUT));
  ASSERT_GT(page.matches_size(), 5);
  EXPECT_EQ(page.total(), static_cast<uint64_t>(page.matches_size()));
  EXPECT_EQ(page.holdout_images(), 40U);
  EXPECT_EQ(page.pool_images(), 0U);
  for (int i = 0; i < page.matches_size(); ++i) {
    const v1::BoxMatch& match = page.matches(i);
    EXPECT_EQ(match.severity(), match.score());
    EXPECT_EQ(match.image().side(), v1::HOLDOUT);
    EXPECT_THAT(match.image().file_name(), HasSubstr("holdout-"));
    EXPECT_EQ(match.image().width(), 100U);
    EXPECT_EQ(match.predicted_box().x1(), 50);
    EXPECT_FALSE(match.has_true_box());
    EXPECT_FALSE(match.second_look_asked());
    EXPECT_LE(match.severity(), page.matches(std::max(i - 1, 0)).severity());
  }
  const auto missed = Matches(world_, Of(v1::MISSED, v1::HOLDOUT));
  ASSERT_GT(missed.matches_size(), 0);
  EXPECT_NEAR(missed.matches(0).severity(), std::sqrt(40 * 30 / 8000.0), 1e-9);
  EXPECT_GT(missed.matches(0).true_box().box_id(), 0);
  EXPECT_FALSE(missed.matches(0).has_predicted_box());
  EXPECT_EQ(Matches(world_, Of(v1::CONFUSED)).total(), 0U);
}

TEST_F(ModelQualityTest, GoesThroughPagesAndFilters) {
  v1::ListBoxMatchesRequest request = Of(v1::MATCHED, v1::HOLDOUT);
  request.set_true_label(2);
  request.set_page_size(3);
  std::set<int64_t> images;
  uint64_t total = 0;
  do {
    const auto page = Matches(world_, request);
    for (const v1::BoxMatch& match : page.matches()) {
      EXPECT_EQ(match.true_box().label(), 2U);
      EXPECT_TRUE(images.insert(match.image().id()).second);
    }
    total = page.total();
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  EXPECT_EQ(images.size(), total);
  EXPECT_EQ(total, (Counts(QualityOf(world_))[{v1::MATCHED, 2, 2}]));
}

// Of the pool, what was labelled since; never what the model has learned.
TEST_F(ModelQualityTest, ListsPoolImagesThatTheModelDidNotLearn) {
  EXPECT_EQ(Matches(world_, Of(v1::MATCHED, v1::POOL)).pool_images(), 0U);
  world_.Label("pool", 10, 30);
  const auto page = Matches(world_, Of(v1::MATCHED, v1::POOL));
  EXPECT_EQ(page.pool_images(), 20U);
  EXPECT_EQ(page.holdout_images(), 0U);
  std::set<std::string> learned;
  for (int i = 0; i < 10; ++i) learned.insert(absl::StrCat("pool-", i, ".png"));
  ASSERT_GT(page.matches_size(), 0);
  for (const v1::BoxMatch& match : page.matches()) {
    EXPECT_EQ(match.image().side(), v1::POOL);
    EXPECT_FALSE(learned.contains(match.image().file_name()));
  }
  EXPECT_EQ(Matches(world_, Of(v1::MATCHED)).holdout_images(), 40U);
  EXPECT_EQ(QualityOf(world_).evaluation().images(), 40U) << "AP is of the holdout alone";

  world_.Submit(kQualityRecipe);
  ASSERT_EQ(ScriptedWorker(world_, 0.7).Finish(2).state(), "done");
  v1::ListBoxMatchesRequest of_second = Of(v1::MATCHED, v1::POOL);
  of_second.set_model("2");
  EXPECT_EQ(Matches(world_, of_second).pool_images(), 0U) << "the second has learned them all";
}

TEST_F(ModelQualityTest, BadRequestsAreRefused) {
  v1::ModelQuality quality;
  for (const double threshold : {0.0, 1.01, std::nan("")}) {
    v1::GetModelQualityRequest request;
    request.set_score_threshold(threshold);
    const grpc::Status status =
        world_.insight->GetModelQuality(world_.Context(world_.engineer).get(), request, &quality);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_THAT(status.error_message(), HasSubstr("from 0.01 to 1"));
  }
  v1::GetModelQualityRequest unknown;
  unknown.set_model("77");
  EXPECT_EQ(
      ReasonOf(world_.insight->GetModelQuality(world_.Context(world_.engineer).get(), unknown, &quality)),
      "NO_SUCH_MODEL");
  v1::ListBoxMatchesResponse page;
  EXPECT_EQ(world_.insight->ListBoxMatches(world_.Context(world_.engineer).get(), {}, &page).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  v1::ListBoxMatchesRequest beyond = Of(v1::MISSED);
  beyond.set_page_token("9000000000000000000");
  EXPECT_EQ(Matches(world_, beyond).matches_size(), 0);
  EXPECT_EQ(
      world_.insight->GetModelQuality(world_.Context(world_.annotator).get(), {}, &quality).error_code(),
      grpc::StatusCode::PERMISSION_DENIED);
}

TEST(ModelQuality, WithoutALabelledHoldoutNothingIsJudged) {
  RoundWorld world(20, 5);
  world.Label("pool", 0, 5);
  world.Submit(kQualityRecipe);
  ASSERT_EQ(ScriptedWorker(world, 0.7).Finish(1).state(), "done");
  const v1::ModelQuality quality = QualityOf(world);
  EXPECT_EQ(quality.evaluation().images(), 0U);
  EXPECT_FALSE(quality.has_ap50());
  ASSERT_EQ(quality.classes_size(), 2);
  EXPECT_EQ(quality.classes(0).ap50(), -1);
  EXPECT_EQ(quality.classes(0).curve_size(), 0);
}

}  // namespace
}  // namespace loupe
