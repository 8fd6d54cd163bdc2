// What a random slice says of the pool, over a real port, with labels that the tests make up.
#include "server/insight/pool_estimates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tests/server/rounds/round_world.h"

namespace loupe {
namespace {

using ::testing::HasSubstr;

struct MadeBox {
  uint32_t label = 1;
  bool elsewhere = false;  // not where models of quality 1 find one
  bool ignore = false;
};

class PoolEstimatesTest : public testing::Test {
 protected:
  // A round over the first images of the pool; its model finds every defect, and ranks all other images.
  void RunRound(RoundWorld& world, uint32_t number, int budget, double quality = 1) {
    world.Submit(absl::StrCat("ranking { budget: ", budget, " } prediction { shard_size: 500 }"));
    ASSERT_EQ(ScriptedWorker(world, quality).Finish(number).state(), "done");
  }

  // Images of a generation's random slice in the order of the draw.
  std::vector<int64_t> SliceOf(RoundWorld& world, int generation) {
    std::vector<int64_t> images;
    for (const auto& row : world.database.Sql(absl::StrCat(
             "SELECT image_id FROM ranking_entry JOIN ranking ON ranking.id = ranking_id WHERE slice = "
             "'random' AND generation = ",
             generation, " ORDER BY position"))) {
      images.push_back(row[0].as<int64_t>());
    }
    return images;
  }

  // Unlabelled images of the pool that generation 1 didn't draw.
  std::vector<int64_t> NotDrawn(RoundWorld& world, int count) {
    std::vector<int64_t> images;
    for (const auto& row : world.database.Sql(absl::StrCat(
             "SELECT id FROM image WHERE side = 'pool' AND truth_revision_id IS NULL AND NOT EXISTS (SELECT "
             "FROM ranking_entry WHERE image_id = image.id AND slice = 'random') ORDER BY id LIMIT ",
             count))) {
      images.push_back(row[0].as<int64_t>());
    }
    return images;
  }

  void Label(RoundWorld& world, int64_t image, const std::vector<MadeBox>& boxes) {
    std::vector<std::string> corners, labels, ignores;
    for (const MadeBox& box : boxes) {
      corners.push_back(box.elsewhere ? "60,50,90,70" : "10,10,50,40");
      labels.push_back(absl::StrCat(box.label));
      ignores.push_back(box.ignore ? "true" : "false");
    }
    const auto array = [](const std::vector<std::string>& values, const char* type) {
      return absl::StrCat("ARRAY[", absl::StrJoin(values, ","), "]::", type, "[]");
    };
    world.database.Sql(absl::StrCat("SELECT import_revision(", image, ", 1, true, true, ",
                                    array(corners, "real"), ", ", array(labels, "int"), ", ",
                                    array(ignores, "boolean"), ")"));
  }

  // With the defect that is on it.
  void Label(RoundWorld& world, int64_t image) { Label(world, image, {{world.ClassOn(image)}}); }

  void AddImages(RoundWorld& world, int first, int count) {
    world.database.Sql(absl::StrCat(
        "INSERT INTO image (project_id, sha256, file_name, width, height, size_bytes, media_type, "
        "sampling_key, side) SELECT 1, sha256(('new' || i)::bytea), 'pool-' || i || '.png', 100, 80, 1000, "
        "'image/png', i / 1e6, 'pool' FROM generate_series(",
        first, ", ", first + count - 1, ") i"));
  }

  std::string FileName(RoundWorld& world, int64_t image) {
    return world.Text(absl::StrCat("SELECT file_name FROM image WHERE id = ", image));
  }

  // With all figures, whatever they rest on.
  v1::PoolEstimates Estimate(RoundWorld& world, const std::string& model = "", double threshold = 0.5) {
    v1::EstimatePoolRequest request;
    request.set_model(model);
    request.set_score_threshold(threshold);
    const auto input = world.database.get().Transact(
        {"estimate", absl::Now() + absl::Seconds(20), Isolation::kRepeatableRead},
        [&](Transaction& transaction) { return ReadPoolEstimatesInput(transaction, request); });
    EXPECT_TRUE(input.ok()) << input.status();
    return input.ok() ? MakePoolEstimates(*input, threshold) : v1::PoolEstimates();
  }

  // What the coordinator tells.
  v1::PoolEstimates Told(RoundWorld& world) {
    v1::PoolEstimates estimates;
    const grpc::Status status =
        world.insight->EstimatePool(world.Context(world.engineer).get(), {}, &estimates);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return estimates;
  }

  grpc::Status Refused(RoundWorld& world, const v1::EstimatePoolRequest& request) {
    v1::PoolEstimates estimates;
    return world.insight->EstimatePool(world.Context(world.engineer).get(), request, &estimates);
  }

  std::string ReasonFor(RoundWorld& world, const std::string& model) {
    v1::EstimatePoolRequest request;
    request.set_model(model);
    return ReasonOf(Refused(world, request));
  }
};

// 20 images are known, 10 of each class; 20 of the other 100 are drawn, so each of 4 answers stands for 25.
TEST_F(PoolEstimatesTest, AHandWorkedCase) {
  RoundWorld world(120, 0);
  world.Label("pool", 0, 20);
  RunRound(world, 1, 100);
  const std::vector<int64_t> slice = SliceOf(world, 1);
  ASSERT_EQ(slice.size(), 20u);
  const uint32_t first = world.ClassOn(slice[0]);
  const uint32_t third = world.ClassOn(slice[2]);
  Label(world, slice[0]);                                            // found
  Label(world, slice[1], {});                                        // a wrong detection
  Label(world, slice[2], {{third}, {third, true}});                  // one found, one missed
  Label(world, slice[3], {{world.ClassOn(slice[3]), false, true}});  // the detection is on a region to ignore
  Label(world, slice[5]);                                            // behind the one that is open
  for (const int64_t image : NotDrawn(world, 3)) Label(world, image, {{1}});
  AddImages(world, 1000, 7);
  world.Label("pool", 1000, 1002);  // one of each class

  const v1::PoolEstimates estimates = Estimate(world);
  EXPECT_EQ(estimates.generation(), 1u);
  EXPECT_EQ(estimates.model(), 1u);
  EXPECT_EQ(estimates.not_judged(), "");
  EXPECT_EQ(estimates.no_figures(), "");
  EXPECT_EQ(estimates.slice_images(), 20u);
  EXPECT_EQ(estimates.answered_images(), 4u);
  EXPECT_EQ(estimates.open_image(), FileName(world, slice[4]));
  EXPECT_EQ(estimates.answered_behind(), 1u);
  EXPECT_EQ(estimates.population(), 100u);
  EXPECT_EQ(estimates.known_images(), 22u);
  EXPECT_EQ(estimates.images_not_covered(), 5u);
  const v1::PoolFigures& all = estimates.all_classes();
  EXPECT_DOUBLE_EQ(all.precision().value(), 2.0 / 3);
  EXPECT_DOUBLE_EQ(all.recall().value(), 2.0 / 3);
  EXPECT_FALSE(all.has_ap50()) << "no class has its 30 boxes";
  EXPECT_DOUBLE_EQ(all.prevalence().value(), (22 + 2 * 25.0) / 122);
  EXPECT_DOUBLE_EQ(all.boxes_left().value(), 3 * 25.0 - 3 - 4);
  EXPECT_FALSE(all.boxes_left().has_low()) << "of 3 boxes";
  const uint32_t behind = world.ClassOn(slice[5]);
  for (uint32_t label = 1; label <= 2; ++label) {
    const v1::PoolFigures& figures = estimates.classes(static_cast<int>(label) - 1).figures();
    const int images = (first == label) + (third == label);
    const int boxes = (first == label) + 2 * (third == label);
    const int since = (label == 1 ? 3 : 0) + (behind == label);
    EXPECT_DOUBLE_EQ(figures.prevalence().value(), (11 + images * 25.0) / 122) << label;
    EXPECT_DOUBLE_EQ(figures.boxes_left().value(), std::max(0.0, boxes * 25.0 - boxes - since)) << label;
    EXPECT_EQ(figures.has_recall(), boxes > 0) << label;
  }
}

TEST_F(PoolEstimatesTest, AnImageThatIsOpenHoldsUpThoseBehindItAndTheLatestRevisionIsTheTruth) {
  RoundWorld world(120, 0);
  world.Label("pool", 0, 20);
  RunRound(world, 1, 100);
  const std::vector<int64_t> slice = SliceOf(world, 1);
  EXPECT_THAT(Estimate(world).no_figures(), HasSubstr(FileName(world, slice[0])));
  EXPECT_FALSE(Estimate(world).has_all_classes());
  for (const int i : {1, 2, 3}) Label(world, slice[i]);
  EXPECT_EQ(Estimate(world).answered_images(), 0u);
  EXPECT_EQ(Estimate(world).answered_behind(), 3u);
  EXPECT_FALSE(Estimate(world).has_all_classes());
  Label(world, slice[0], {});
  EXPECT_EQ(Estimate(world).answered_images(), 4u);
  EXPECT_EQ(Estimate(world).answered_behind(), 0u);
  EXPECT_DOUBLE_EQ(Estimate(world).all_classes().precision().value(), 3.0 / 4);
  Label(world, slice[0]);
  EXPECT_DOUBLE_EQ(Estimate(world).all_classes().precision().value(), 1);
  EXPECT_DOUBLE_EQ(Estimate(world).all_classes().boxes_left().value(), 4 * 25.0 - 4);
}

TEST_F(PoolEstimatesTest, FiguresOfFewImagesOrBoxesAreNotTold) {
  RoundWorld world(200, 0);
  world.Label("pool", 0, 20);
  RunRound(world, 1, 200);
  const std::vector<int64_t> slice = SliceOf(world, 1);
  ASSERT_GT(slice.size(), 30U);
  for (int i = 0; i < 10; ++i) Label(world, slice[static_cast<size_t>(i)]);
  EXPECT_TRUE(Estimate(world).has_all_classes());
  EXPECT_FALSE(Told(world).has_all_classes());
  EXPECT_EQ(Told(world).classes_size(), 0);
  EXPECT_EQ(Told(world).answers_missing(), 20U) << "a box an image: 20 more boxes";
  EXPECT_THAT(Told(world).no_figures(), HasSubstr("there are 10 with 10: about 20 more answers"));
  for (int i = 10; i < 30; ++i) {
    const int64_t image = slice[static_cast<size_t>(i)];
    std::vector<MadeBox> boxes = {{world.ClassOn(image)}};
    if (i % 2 == 0) boxes.push_back({world.ClassOn(image), true});
    Label(world, image, boxes);
  }
  ASSERT_TRUE(Told(world).has_all_classes());
  EXPECT_TRUE(Told(world).all_classes().boxes_left().has_low());
  EXPECT_EQ(Told(world).no_figures(), "");
  EXPECT_FALSE(Told(world).classes(0).figures().has_recall()) << "20 boxes of the class give no interval";
}

TEST_F(PoolEstimatesTest, TheSliceDoesNotWaitForAnImageThatWasSkipped) {
  RoundWorld world(120, 0);
  world.Label("pool", 0, 20);
  RunRound(world, 1, 100);
  const std::vector<int64_t> slice = SliceOf(world, 1);
  for (const size_t i : {0, 1, 3}) Label(world, slice[i]);
  EXPECT_EQ(Estimate(world).answered_images(), 2U);
  world.database.Sql(
      absl::StrCat("INSERT INTO task (project_id, image_id, image_side, principal_id, lease_number, "
                   "ranking_id, position, slice, "
                   "blind, state, ended_at) SELECT 1, ",
                   slice[2],
                   ", 'pool', 1, 1, ranking.id, 0, 'random', true, 'skipped', now() "
                   "FROM ranking WHERE state = 'active'"));
  EXPECT_EQ(Estimate(world).answered_images(), 3U);
  EXPECT_EQ(Estimate(world).skipped_images(), 1U);
  EXPECT_EQ(Estimate(world).slice_images(), slice.size() - 1);
  Label(world, slice[2]);
  EXPECT_EQ(Estimate(world).answered_images(), 4U) << "it was answered after all";
  EXPECT_EQ(Estimate(world).skipped_images(), 0U);
}

TEST_F(PoolEstimatesTest, TheThresholdSaysWhichBoxesAreJudged) {
  RoundWorld world(120, 0);
  world.Label("pool", 0, 20);
  RunRound(world, 1, 100);
  const std::vector<int64_t> slice = SliceOf(world, 1);
  int sure = 0;
  for (int i = 0; i < 8; ++i) {
    Label(world, slice[i]);
    // Places that end in 7, 8 or 9 have scores of 0.815 and more, those that end in 6 one of 0.77.
    sure += world.Number(
                absl::StrCat("SELECT (sampling_key * 1e6)::int % 10 FROM image WHERE id = ", slice[i])) >= 7;
  }
  EXPECT_DOUBLE_EQ(Estimate(world, "", 0.8).all_classes().recall().value(), sure / 8.0);
  EXPECT_DOUBLE_EQ(Estimate(world, "", 0).all_classes().recall().value(), 1);
  EXPECT_EQ(Estimate(world, "", 1).score_threshold(), 1);
  EXPECT_FALSE(Estimate(world, "", 1).all_classes().has_precision()) << "nothing is judged";
}

TEST_F(PoolEstimatesTest, APredictionThatWasSetAsideFoundNothing) {
  RoundWorld world(120, 0);
  world.Label("pool", 0, 20);
  RunRound(world, 1, 100);
  const std::vector<int64_t> slice = SliceOf(world, 1);
  for (int i = 0; i < 4; ++i) Label(world, slice[i]);
  world.database.Sql(
      absl::StrCat("UPDATE prediction SET corners = '{}', labels = '{}', scores = '{}', "
                   "runner_up_labels = '{}', runner_up_scores = '{}', background_scores = "
                   "'{}', agreements = '{}', set_aside = 'no number' WHERE image_id = ",
                   slice[0]));
  EXPECT_DOUBLE_EQ(Estimate(world).all_classes().recall().value(), 3.0 / 4);
  EXPECT_DOUBLE_EQ(Estimate(world).all_classes().precision().value(), 1);
}

TEST_F(PoolEstimatesTest, WhatARankingIsExtendedByIsNoPartOfItsDraw) {
  RoundWorld world(120, 0);
  world.Label("pool", 0, 20);
  RunRound(world, 1, 10);  // 40 entries, 8 of them random
  const std::vector<int64_t> slice = SliceOf(world, 1);
  ASSERT_EQ(slice.size(), 8u);
  for (const int64_t image : slice) Label(world, image);
  const std::vector<int64_t> others = NotDrawn(world, 5);
  for (size_t i = 0; i < others.size(); ++i) {
    world.database.Sql(absl::StrCat("DELETE FROM ranking_entry WHERE image_id = ", others[i]));
    world.database.Sql(absl::StrCat("INSERT INTO ranking_entry SELECT id, ", 1000 + i, ", ", others[i],
                                    ", 'pool', 'random', NULL, 0.5, true FROM ranking WHERE generation = 1"));
    Label(world, others[i]);
  }
  const v1::PoolEstimates estimates = Estimate(world);
  EXPECT_EQ(estimates.slice_images(), 8u);
  EXPECT_EQ(estimates.answered_images(), 8u);
  EXPECT_EQ(estimates.open_image(), "");
  EXPECT_DOUBLE_EQ(estimates.all_classes().boxes_left().value(), 100.0 - 8 - 5);
}

TEST_F(PoolEstimatesTest, WhatWasLabelledWhileTheRankingWasMadeIsKnownAndNotDrawn) {
  RoundWorld world(120, 0);
  world.Label("pool", 0, 20);
  RunRound(world, 1, 100);
  const std::vector<int64_t> slice = SliceOf(world, 1);
  Label(world, slice[0], {});
  world.database.Sql("UPDATE ranking SET created_at = now() WHERE generation = 1");
  Label(world, slice[1]);
  const v1::PoolEstimates estimates = Estimate(world);
  EXPECT_EQ(estimates.slice_images(), 19u);
  EXPECT_EQ(estimates.answered_images(), 1u);
  EXPECT_EQ(estimates.population(), 99u);
  EXPECT_EQ(estimates.known_images(), 21u);
  EXPECT_DOUBLE_EQ(estimates.all_classes().prevalence().value(), (20 + 99) / 120.0);
}

TEST_F(PoolEstimatesTest, NothingIsLeftWhenEverythingIsLabelled) {
  RoundWorld world(120, 0);
  world.Label("pool", 0, 20);
  RunRound(world, 1, 100);
  const std::vector<int64_t> slice = SliceOf(world, 1);
  for (size_t i = 0; i < slice.size(); ++i) {
    Label(world, slice[i], i % 2 == 0 ? std::vector<MadeBox>{{1}, {2}, {1, true}} : std::vector<MadeBox>());
  }
  EXPECT_DOUBLE_EQ(Estimate(world).all_classes().boxes_left().value(), 30 * 5 - 30);
  EXPECT_TRUE(Estimate(world).all_classes().boxes_left().has_low());
  for (const int64_t image : NotDrawn(world, 1000)) Label(world, image, {});
  const v1::PoolFigure left = Estimate(world).all_classes().boxes_left();
  EXPECT_EQ(left.value(), 0);
  EXPECT_EQ(left.low(), 0);
  EXPECT_EQ(left.high(), 0);
  EXPECT_EQ(Estimate(world).classes(0).figures().boxes_left().value(), 0);
}

TEST_F(PoolEstimatesTest, TheLatestGenerationWithIntervalsIsUsedAndModelsAreNotJudgedOnWhatTheyLearnt) {
  RoundWorld world(400, 0);
  world.Label("pool", 0, 40);
  RunRound(world, 1, 400, 0.7);
  const std::vector<int64_t> slice = SliceOf(world, 1);
  ASSERT_EQ(slice.size(), 72u);
  for (int i = 0; i < 50; ++i) {
    i % 5 == 0 ? Label(world, slice[i], {}) : Label(world, slice[i]);
  }
  const v1::PoolEstimates first = Estimate(world);
  EXPECT_EQ(first.answered_images(), 50u);
  for (const v1::PoolFigure& figure : {first.all_classes().precision(), first.all_classes().recall(),
                                       first.all_classes().prevalence(), first.all_classes().boxes_left()}) {
    ASSERT_TRUE(figure.has_low() && figure.has_high());
    EXPECT_LT(figure.low(), figure.value());
    EXPECT_GT(figure.high(), figure.value());
  }
  EXPECT_NEAR(first.all_classes().recall().value(), 0.7, 0.2);
  EXPECT_EQ(Estimate(world).SerializeAsString(), first.SerializeAsString()) << "the intervals are settled";

  RunRound(world, 2, 400, 0.9);
  EXPECT_EQ(Estimate(world).generation(), 1u) << "nothing of the active generation is answered";
  EXPECT_EQ(Estimate(world).model(), 1u);
  EXPECT_EQ(Estimate(world).all_classes().recall().value(), first.all_classes().recall().value());
  v1::EstimatePoolRequest request;
  request.set_model("2");
  const grpc::Status refused = Refused(world, request);
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(ReasonOf(refused), "TRAINED_ON_SLICE");
  EXPECT_THAT(refused.error_message(), HasSubstr("round-2 was trained on images of every random slice"));

  const std::vector<int64_t> second = SliceOf(world, 2);
  Label(world, second[0]);
  EXPECT_EQ(Estimate(world).generation(), 1u) << "one image gives no interval";
  EXPECT_EQ(Estimate(world, "round-2").generation(), 2u);
  EXPECT_EQ(Estimate(world, "round-2").answered_images(), 1u);
  EXPECT_EQ(Estimate(world, "1").generation(), 1u);
  for (int i = 1; i < 30; ++i) Label(world, second[i]);
  const v1::PoolEstimates now = Estimate(world);
  EXPECT_EQ(now.generation(), 2u);
  EXPECT_EQ(now.model(), 2u);
  EXPECT_EQ(now.population(), 310u);
  EXPECT_EQ(now.known_images(), 90u);
  const v1::PoolEstimates before = Estimate(world, "1");
  EXPECT_EQ(before.generation(), 2u) << "a model before may be judged on what came after it";
  EXPECT_EQ(before.model(), 1u);
  EXPECT_LT(before.all_classes().recall().value(), now.all_classes().recall().value());
}

TEST_F(PoolEstimatesTest, AGenerationWhoseModelKnowsTheSliceStillCountsBoxes) {
  for (const char* knows :
       {"INSERT INTO snapshot_item SELECT 1, id, 'pool', truth_revision_id FROM image WHERE id = ",
        "INSERT INTO pseudo_label SELECT 1, id, 'pool', '{}', '{}' FROM image WHERE id = "}) {
    RoundWorld world(120, 0);
    world.Label("pool", 0, 20);
    RunRound(world, 1, 100);
    const std::vector<int64_t> slice = SliceOf(world, 1);
    Label(world, slice[0]);
    world.database.Sql(absl::StrCat(knows, slice[0]));
    const v1::PoolEstimates estimates = Estimate(world);
    EXPECT_EQ(estimates.model(), 0u) << knows;
    EXPECT_THAT(estimates.not_judged(), HasSubstr("trained on"));
    EXPECT_FALSE(estimates.all_classes().has_precision());
    EXPECT_DOUBLE_EQ(estimates.all_classes().boxes_left().value(), 99);
  }
}

TEST_F(PoolEstimatesTest, BeforeAnyModelAnImportIsASliceByItself) {
  RoundWorld world(30, 0);
  EXPECT_THAT(Estimate(world).no_figures(), HasSubstr("drawn at random"));
  EXPECT_FALSE(Estimate(world).has_all_classes());
  world.database.Sql("UPDATE image SET created_at = now() + interval '1 minute' WHERE id > 20");
  world.database.Sql(
      "INSERT INTO ranking_entry SELECT 1, id - 1, id, 'pool', 'random', NULL, 1, true "
      "FROM image ORDER BY id");
  for (int64_t image = 1; image <= 5; ++image) Label(world, image, {{1}, {2, true}});
  const v1::PoolEstimates first = Estimate(world);
  EXPECT_EQ(first.generation(), 0u);
  EXPECT_EQ(first.model(), 0u);
  EXPECT_THAT(first.not_judged(), HasSubstr("without a model"));
  EXPECT_EQ(first.slice_images(), 20u);
  EXPECT_EQ(first.answered_images(), 5u);
  EXPECT_EQ(first.population(), 20u);
  EXPECT_EQ(first.images_not_covered(), 10u);
  EXPECT_DOUBLE_EQ(first.all_classes().boxes_left().value(), 2 * 20 - 10);
  EXPECT_FALSE(first.all_classes().has_precision());
  EXPECT_FALSE(first.all_classes().has_recall());

  for (int64_t image = 21; image <= 28; ++image) Label(world, image, {{1}, {1}, {2}, {2, true}});
  const v1::PoolEstimates second = Estimate(world);
  EXPECT_EQ(second.slice_images(), 10u) << "32 boxes are enough";
  EXPECT_EQ(second.answered_images(), 8u);
  EXPECT_EQ(second.known_images(), 5u);
  EXPECT_EQ(second.images_not_covered(), 15u);
  EXPECT_DOUBLE_EQ(second.all_classes().boxes_left().value(), 8);
  EXPECT_DOUBLE_EQ(second.all_classes().prevalence().value(), 1);
}

TEST_F(PoolEstimatesTest, RefusesWhatItCannotJudge) {
  RoundWorld world(120, 0);
  world.Label("pool", 0, 20);
  RunRound(world, 1, 100);
  for (const double threshold : {std::nan(""), -0.01, 1.01}) {
    v1::EstimatePoolRequest request;
    request.set_score_threshold(threshold);
    const grpc::Status status = Refused(world, request);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << threshold;
    EXPECT_THAT(status.error_message(), HasSubstr("score_threshold"));
  }
  v1::EstimatePoolRequest unknown;
  unknown.set_project("nobody's");
  EXPECT_EQ(Refused(world, unknown).error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(ReasonOf(Refused(world, unknown)), "NO_SUCH_PROJECT");
  EXPECT_EQ(ReasonFor(world, "7"), "NO_SUCH_MODEL");
  world.database.Sql(
      "INSERT INTO model (project_id, number, name, preset, state, weights_sha256, weights_bytes) VALUES "
      "(1, 2, 'imported', 'small', 'candidate', sha256('a'), 1)");
  EXPECT_EQ(ReasonFor(world, "imported"), "NO_PREDICTIONS");
  world.database.Sql(
      "INSERT INTO project (name, seed, holdout_fraction, holdout_target, strategy) VALUES ('other', 1, 0, "
      "0, 'entropy'); INSERT INTO model (project_id, number, name, preset, state, weights_sha256, "
      "weights_bytes) VALUES (2, 1, 'foreign', 'small', 'candidate', sha256('b'), 1)");
  v1::EstimatePoolRequest foreign;
  foreign.set_project("parts");
  foreign.set_model("foreign");
  EXPECT_EQ(ReasonOf(Refused(world, foreign)), "NO_SUCH_MODEL");
  v1::PoolEstimates estimates;
  EXPECT_EQ(ReasonOf(world.insight->EstimatePool(world.Context(world.annotator).get(), {}, &estimates)),
            "WRONG_ROLE");
}

}  // namespace
}  // namespace loupe
