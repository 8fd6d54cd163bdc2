// What rounds tell about labelling, over a real port.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/server/rounds/round_world.h"

namespace loupe {
namespace {

using ::testing::HasSubstr;

constexpr char kCurveRecipe[] = "ranking { budget: 10 } prediction { shard_size: 500 } gate { tolerance: 1 }";

v1::Curve CurveOf(RoundWorld& world, const v1::GetCurveRequest& request = {}) {
  v1::Curve curve;
  const grpc::Status status = world.insight->GetCurve(world.Context(world.engineer).get(), request, &curve);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return curve;
}

// They were what the model counts, which is far too few of a class that it misses, with a narrow interval.
TEST(Insight, ExpectedBoxesCountWhatTheModelMisses) {
  for (const double quality : {0.4, 0.7}) {
    RoundWorld world(300, 200);
    world.Label("holdout", 0, 200);
    world.Label("pool", 0, 20);
    world.Submit(kCurveRecipe);
    ASSERT_EQ(ScriptedWorker(world, quality).Finish(1).state(), "done");
    v1::LabelCheck check;
    const grpc::Status status = world.insight->CheckLabels(world.Context(world.engineer).get(), {}, &check);
    ASSERT_TRUE(status.ok()) << status.error_message();
    ASSERT_EQ(check.classes_size(), 2);
    for (const v1::ClassCoverage& one : check.classes()) {
      constexpr double kLeft = 140;  // every second of 280 images shows one
      ASSERT_TRUE(one.has_expected_boxes());
      EXPECT_LE(one.expected_low(), kLeft) << quality;
      EXPECT_GE(one.expected_high(), kLeft) << quality;
      EXPECT_GT(one.expected_low(), 40) << quality;
    }
  }
}

TEST(Insight, AKeptCurveIsGivenToWhoeverAcceptsItsAge) {
  RoundWorld world(40, 20);
  world.Label("holdout", 0, 20);
  world.Label("pool", 0, 10);
  v1::GetCurveRequest old_is_fine;
  old_is_fine.set_max_age_seconds(3600);
  const v1::Curve before = CurveOf(world, old_is_fine);
  EXPECT_EQ(before.points_size(), 0);
  world.Submit(kCurveRecipe);
  ASSERT_EQ(ScriptedWorker(world, 0.5).Finish(1).state(), "done");
  const v1::Curve kept = CurveOf(world, old_is_fine);
  EXPECT_EQ(kept.SerializeAsString(), before.SerializeAsString());
  v1::GetCurveRequest other = old_is_fine;
  other.set_boxes_per_class(3);
  EXPECT_EQ(CurveOf(world, other).points_size(), 1);
  const v1::Curve now = CurveOf(world);
  EXPECT_EQ(now.points_size(), 1);
  EXPECT_EQ(CurveOf(world, old_is_fine).SerializeAsString(), now.SerializeAsString());
}

TEST(Insight, PointsThatAreStoredAreThoseThatWouldBeComputed) {
  RoundWorld world(60, 40);
  world.Label("holdout", 0, 20);
  world.Label("pool", 0, 10);
  for (int round = 1; round <= 2; ++round) {
    world.Submit(kCurveRecipe);
    ASSERT_EQ(ScriptedWorker(world, 0.3 * round).Finish(round).state(), "done");
  }
  const auto points = [&] {
    std::vector<std::string> all;
    const v1::Curve curve = CurveOf(world);
    for (const v1::CurvePoint& point : curve.points()) all.push_back(point.SerializeAsString());
    return all;
  };
  const auto computed = points();
  ASSERT_EQ(computed.size(), 2U);
  EXPECT_EQ(world.database.Sql("SELECT count(*) FROM curve_point")[0][0].as<int>(), 2);
  EXPECT_EQ(points(), computed);
  // Two images fewer to be judged by, and others' labels of one.
  world.database.Sql(
      "UPDATE image SET state = 'excluded', state_reason = 'blurred' WHERE id IN "
      "(SELECT id FROM image WHERE side = 'holdout' AND truth_revision_id IS NOT NULL ORDER BY id LIMIT 2)");
  const auto changed = points();
  EXPECT_NE(changed, computed);
  EXPECT_EQ(points(), changed);
  world.database.Sql("DELETE FROM curve_point");
  EXPECT_EQ(points(), changed);
}

// Where nothing is left there is nothing more to agree on.
TEST(Insight, WhenAllIsLabelledTheAgreementOfBeforeIsKept) {
  RoundWorld world(60, 20);
  world.Label("holdout", 0, 20);
  world.Label("pool", 0, 10);
  for (int round = 1; round <= 2; ++round) {
    world.Submit(kCurveRecipe);
    ASSERT_EQ(ScriptedWorker(world, 0.3 * round).Finish(round).state(), "done");
  }
  const v1::Curve before = CurveOf(world);
  ASSERT_TRUE(before.points(1).has_agreement());
  world.Label("pool", 10, 60);
  const v1::Curve after = CurveOf(world);
  EXPECT_EQ(after.points(1).agreement(), before.points(1).agreement());
  EXPECT_EQ(after.verdict(), "all images are labelled");
}

TEST(Insight, WithoutAJudgedModelThereIsNoAdvice) {
  RoundWorld world(10, 10);
  const v1::Curve curve = CurveOf(world);
  EXPECT_EQ(curve.points_size(), 0);
  EXPECT_EQ(curve.verdict(), "no model was judged yet");
  EXPECT_THAT(curve.no_fit(), HasSubstr("at least 4 more"));
}

TEST(Insight, FiveRoundsGiveACurveAForecastAndReasons) {
  RoundWorld world(300, 60);
  world.Label("holdout", 0, 60);
  const double qualities[] = {0.3, 0.55, 0.7, 0.75, 0.8};
  for (int round = 1; round <= 5; ++round) {
    world.Label("pool", 20 * (round - 1), 20 * round, true, round == 1 ? 0 : 10'000);
    world.Submit(kCurveRecipe);
    ASSERT_EQ(ScriptedWorker(world, qualities[round - 1]).Finish(round).state(), "done");
  }
  const v1::Curve curve = CurveOf(world);
  ASSERT_EQ(curve.points_size(), 5);
  for (int i = 0; i < 5; ++i) {
    const v1::CurvePoint& point = curve.points(i);
    EXPECT_EQ(point.round(), i + 1u);
    EXPECT_EQ(point.images(), 20u * (i + 1));
    EXPECT_EQ(point.seconds(), 200 * i) << "the first were imported";
    EXPECT_EQ(point.judged_images(), 60u);
    EXPECT_TRUE(point.random_sample());
    EXPECT_DOUBLE_EQ(point.ap50(), world.Get(i + 1).evaluation().ap50());
    EXPECT_LE(point.ap50_low(), point.ap50());
    EXPECT_GE(point.ap50_high(), point.ap50());
    EXPECT_EQ(point.has_agreement(), i > 0);
  }
  EXPECT_GT(curve.points(4).agreement(), curve.points(1).agreement());
  ASSERT_TRUE(curve.has_by_images());
  std::vector<std::string> at;
  for (const v1::CurveForecast& forecast : curve.by_images().forecasts()) at.push_back(forecast.at());
  EXPECT_THAT(at,
              testing::ElementsAre("now", "next round", "40 % labelled", "60 % labelled", "all labelled"));
  const v1::CurveForecast& now = curve.by_images().forecasts(0);
  EXPECT_EQ(now.n(), 100);
  EXPECT_NEAR(now.ap50(), curve.points(4).ap50(), 0.1);
  EXPECT_GE(curve.by_images().forecasts(4).ap50(), now.ap50());
  ASSERT_TRUE(curve.has_by_seconds());
  EXPECT_EQ(curve.by_seconds().forecasts(0).n(), 800);
  EXPECT_EQ(curve.by_seconds().forecasts(2).n(), 1000) << "the 20 that 40 % lack take 10 s each";
  EXPECT_TRUE(curve.by_seconds().c_fixed()) << "four points; what took no time is none";
  EXPECT_EQ(curve.verdict(), "go on");
  EXPECT_EQ(curve.reasons_size(), 4);
}

TEST(Insight, BoxesOfTheHoldoutDontCountForStopping) {
  RoundWorld world(10, 70);
  world.Label("holdout", 0, 70);
  world.Label("pool", 0, 4);
  const v1::Curve curve = CurveOf(world);
  EXPECT_EQ(curve.verdict(), "no model was judged yet");
  EXPECT_THAT(curve.reasons(2).text(), HasSubstr("fewer than 30 boxes: 2 of 2; the fewest boxes, 2,"));
}

TEST(Insight, ARoundWhoseRecipeCannotBeReadIsAnErrorAndNotARoundWithoutABudget) {
  RoundWorld world(60, 0);
  world.Label("pool", 0, 20);
  world.Submit(kCurveRecipe);
  ASSERT_EQ(ScriptedWorker(world, 0.9).Finish(1).state(), "done");
  world.database.Sql("UPDATE round SET recipe = 'ranking {'");
  v1::Curve curve;
  const grpc::Status status = world.insight->GetCurve(world.Context(world.engineer).get(), {}, &curve);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INTERNAL);
}

TEST(Insight, ThresholdsOutOfTheirRangeAreRefused) {
  RoundWorld world(10, 10);
  v1::GetCurveRequest request;
  request.set_worthwhile_gain(-1);
  v1::Curve curve;
  const grpc::Status status = world.insight->GetCurve(world.Context(world.engineer).get(), request, &curve);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("gain"));
  EXPECT_EQ(ReasonOf(world.insight->GetCurve(world.Context(world.annotator).get(), {}, &curve)),
            "WRONG_ROLE");
}

v1::LabelCheck CheckOf(RoundWorld& world) {
  v1::LabelCheck check;
  const grpc::Status status = world.insight->CheckLabels(world.Context(world.engineer).get(), {}, &check);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return check;
}

TEST(Insight, TheCheckNamesClassesThatAreMissingOrThin) {
  RoundWorld world(60, 0);
  const v1::LabelCheck before = CheckOf(world);
  EXPECT_EQ(before.model(), 0u);
  EXPECT_THAT(before.findings(), testing::Contains(HasSubstr("scratch has no box yet")));
  EXPECT_TRUE(before.comparisons().empty()) << "nothing is labelled";
  world.Label("pool", 0, 30);
  const v1::LabelCheck after = CheckOf(world);
  EXPECT_THAT(after.findings(), testing::Contains(HasSubstr("dent has 15 boxes")));
  EXPECT_EQ(after.classes(0).boxes(), 15u);
  ASSERT_EQ(after.comparisons_size(), 1) << "sizes are known without a model";
  EXPECT_EQ(after.comparisons(0).p_value(), 1) << "all pictures are of one size";
}

TEST(Insight, TheCheckComparesWhatTheServingModelSees) {
  RoundWorld world(120, 0);
  world.Label("pool", 0, 60);
  world.Submit(kCurveRecipe);
  ASSERT_EQ(ScriptedWorker(world, 0.9).Finish(1).state(), "done");
  const v1::LabelCheck check = CheckOf(world);
  EXPECT_EQ(check.model(), 1u);
  EXPECT_FALSE(check.classes(0).has_expected_boxes()) << "without a holdout the model isn't calibrated";
  EXPECT_EQ(check.comparisons(0).of(), "embeddings");
  EXPECT_EQ(check.comparisons(0).images(), 60u);
  EXPECT_EQ(check.comparisons(0).others(), 60u);
}

TEST(Insight, TheCheckSaysWhatItCouldNotSee) {
  RoundWorld world(120, 10);
  world.Label("holdout", 0, 4);
  world.Label("pool", 0, 60);
  world.Submit(kCurveRecipe);
  ASSERT_EQ(ScriptedWorker(world, 0.9).Finish(1).state(), "done");
  world.database.Sql(
      "DELETE FROM prediction WHERE image_id = (SELECT id FROM image WHERE side = 'pool' ORDER BY "
      "sampling_key LIMIT 1);"
      "UPDATE prediction SET corners = '{}', labels = '{}', scores = '{}', runner_up_labels = '{}', "
      "runner_up_scores = "
      "'{}', background_scores = '{}', agreements = '{}', embedding = '', set_aside = 'the score of box 0 is "
      "no number' "
      "WHERE image_id IN (SELECT id FROM image WHERE file_name IN ('pool-7.png', 'pool-98.png', "
      "'pool-99.png'));"
      "UPDATE image SET perceptual_hash = id * 7919 WHERE side = 'pool' OR truth_revision_id IS NOT NULL");
  const v1::LabelCheck check = CheckOf(world);
  EXPECT_EQ(check.comparisons(0).of(), "embeddings") << "though the first image has none";
  EXPECT_EQ(check.comparisons(0).images(), 58u);
  EXPECT_EQ(check.comparisons(0).others(), 58u);
  EXPECT_THAT(check.findings(), testing::Contains(HasSubstr(
                                    "serve 2 unlabelled images, since their predictions by model 1 can't be "
                                    "used: of pool-98.png, the score of box 0 is no number")));
  EXPECT_EQ(check.holdout_duplicates().compared_holdout_images(), 4u);
  EXPECT_EQ(check.holdout_duplicates().compared_pool_images(), 120u);
}

TEST(Insight, TheCheckOfTheRandomSliceLeavesOutWhatTheRankingWasExtendedBy) {
  RoundWorld world(300, 0);
  world.Label("pool", 0, 60);
  world.Submit("ranking { budget: 100 depth_factor: 1 random_share: 0.3 } prediction { shard_size: 500 }");
  ASSERT_EQ(ScriptedWorker(world, 0.9).Finish(1).state(), "done");
  world.database.Sql(
      "INSERT INTO ranking_entry SELECT ranking.id, 1000 + image.id, image.id, 'pool', 'random', NULL, 0.5, "
      "true "
      "FROM ranking, image WHERE ranking.state = 'active' AND truth_revision_id IS NULL "
      "AND NOT EXISTS (SELECT FROM ranking_entry WHERE ranking_id = ranking.id AND image_id = image.id)");
  world.Label("pool", 60, 300);

  const v1::LabelCheck check = CheckOf(world);
  const auto of_slice = std::find_if(check.comparisons().begin(), check.comparisons().end(),
                                     [](const v1::Comparison& one) { return one.what() == "random slice"; });
  ASSERT_NE(of_slice, check.comparisons().end());
  EXPECT_EQ(of_slice->images(), 30u);
  EXPECT_EQ(of_slice->others(), 210u);
}

TEST(Insight, TheCheckFindsHoldoutPicturesThatRepeatThePool) {
  RoundWorld world(40, 20);
  // Holdout pictures 0 to 2 are two bits from pool pictures 0 to 2.
  world.database.Sql(
      "UPDATE image SET perceptual_hash = ('x' || substr(md5(place::text), 1, 16))::bit(64)::bigint # twist "
      "FROM (SELECT id, CASE side WHEN 'pool' THEN id ELSE id - 40 END AS place, "
      "CASE side WHEN 'pool' THEN 0 ELSE 5 END AS twist FROM image WHERE id <= 43) near WHERE image.id = "
      "near.id");
  const v1::LabelCheck check = CheckOf(world);
  EXPECT_EQ(check.holdout_duplicates().pairs(), 3u);
  EXPECT_EQ(check.holdout_duplicates().holdout_images(), 3u);
  EXPECT_EQ(check.holdout_duplicates().examples(0).bits(), 2u);
  EXPECT_EQ(check.holdout_duplicates().examples(0).pool_image(), "pool-0.png");
  EXPECT_THAT(check.findings(), testing::Contains(HasSubstr("--group-by")));
}

TEST(Insight, APredictionHasTheModelsBoxesAndWhatTheirScoresAreWorth) {
  RoundWorld world(20, 120);
  world.Label("holdout", 0, 120);
  world.Label("pool", 0, 5);
  world.Submit(kCurveRecipe);
  ScriptedWorker worker(world, 0.6);
  ASSERT_EQ(worker.Finish(1).state(), "done");
  v1::Image image;
  image.set_id(world.ImageAt("pool", 7));
  image.set_sampling_key(7e-6);
  const v1::ImagePrediction predicted = worker.Predict(image);

  v1::GetPredictionRequest request;
  request.set_image_id(image.id());
  v1::Prediction prediction;
  const auto ask = [&](const std::string& token) {
    return world.insight->GetPrediction(world.Context(token).get(), request, &prediction);
  };
  const grpc::Status status = ask(world.engineer);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(prediction.image_id(), image.id());
  EXPECT_EQ(prediction.model(), 1U);
  ASSERT_EQ(prediction.boxes_size(), 1);
  const v1::ScoredBox& box = prediction.boxes(0);
  EXPECT_EQ(box.box().x1(), predicted.corners(0));
  EXPECT_EQ(box.box().y2(), predicted.corners(3));
  EXPECT_EQ(box.label(), predicted.labels(0));
  EXPECT_EQ(box.score(), predicted.scores(0));
  ASSERT_TRUE(box.has_calibrated_score()) << "half of 120 detections are enough to calibrate";
  EXPECT_LT(box.calibrated_score(), 0.95) << "four boxes of ten are wrong";
  EXPECT_GT(box.calibrated_score(), 0.2);

  world.Number(
      "WITH gone AS (UPDATE class SET retired_at = now() WHERE label = 2 RETURNING 1) "
      "SELECT count(*) FROM gone");
  ASSERT_TRUE(ask(world.engineer).ok());
  EXPECT_EQ(prediction.boxes_size(), 0) << "the box is of a retired class";
  request.set_image_id(
      world.Number("WITH gone AS (DELETE FROM prediction WHERE image_id = " + std::to_string(image.id()) +
                   " RETURNING image_id) SELECT image_id FROM gone"));
  EXPECT_EQ(ReasonOf(ask(world.engineer)), "NO_PREDICTION");
  EXPECT_EQ(ReasonOf(ask(world.annotator)), "WRONG_ROLE");
  request.set_model("no-such");
  EXPECT_EQ(ReasonOf(ask(world.engineer)), "NO_SUCH_MODEL");
}

}  // namespace
}  // namespace loupe
