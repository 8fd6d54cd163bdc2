// What statements read when the planner's statistics don't know the model, the ranking and the labels asked
// for, as on a large database before the next automatic ANALYZE.
#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>
#include <string>

#include "absl/strings/str_cat.h"
#include "db/statements.h"
#include "tests/support/test_database.h"

namespace loupe {
namespace {

constexpr int kImages = 3000;  // of the pool; as many are of the holdout

// Model 1 predicted all images, generation 0 holds the pool: that is what the statistics know. Then model 2
// predicts them, generation 1 is made of it, and a tenth of each side is labelled.
constexpr char kWorld[] = R"sql(
ALTER TABLE image SET (autovacuum_enabled = off);
ALTER TABLE prediction SET (autovacuum_enabled = off);
ALTER TABLE ranking_entry SET (autovacuum_enabled = off);
ALTER TABLE label_revision SET (autovacuum_enabled = off);
ALTER TABLE label_box SET (autovacuum_enabled = off);
INSERT INTO principal (name, role, token_hash) VALUES ('annotator', 'annotator', sha256('token'));
INSERT INTO project (name, seed, holdout_fraction, holdout_target, strategy)
VALUES ('parts', 1, 0, 0, 'combined');
INSERT INTO class (project_id, label, name) VALUES (1, 1, 'scratch');
INSERT INTO model (project_id, number, name, preset, state, weights_sha256, weights_bytes)
VALUES (1, 1, 'first', 'small', 'serving', sha256('first'), 1),
       (1, 2, 'second', 'small', 'candidate', sha256('second'), 1);
INSERT INTO image (project_id, sha256, file_name, width, height, size_bytes, media_type, sampling_key, side)
SELECT 1, sha256(n::text::bytea), n || '.png', 64, 64, 1, 'image/png', random(),
       CASE WHEN n % 2 = 0 THEN 'pool' ELSE 'holdout' END
FROM generate_series(1, 6000) n;
INSERT INTO ranking (project_id, generation, model_id, strategy, seed, state, activated_at)
VALUES (1, 0, NULL, 'random', 1, 'retired', now());
CREATE FUNCTION predict(model bigint) RETURNS void LANGUAGE sql AS $$
  INSERT INTO prediction (model_id, image_id, corners, labels, scores, runner_up_labels, runner_up_scores,
                          background_scores, agreements, embedding, max_foreground_score)
  SELECT model, id, '{1,1,9,9}', '{1}', '{0.5}', '{1}', '{0.2}', '{0.3}', '{}', '\x0000', 0.5 FROM image
$$;
CREATE FUNCTION enqueue(ranking bigint) RETURNS void LANGUAGE sql AS $$
  INSERT INTO ranking_entry (ranking_id, position, image_id, image_side, slice, probability, blind)
  SELECT ranking, row_number() OVER (ORDER BY sampling_key) - 1, id, 'pool', 'random', 0.5, true
  FROM image WHERE side = 'pool'
$$;
SELECT predict(1);
SELECT enqueue(1);
ANALYZE;
SELECT predict(2);
INSERT INTO ranking (project_id, generation, model_id, strategy, seed, state, eligible, created_at,
                     activated_at)
VALUES (1, 1, 2, 'combined', 1, 'active', 3000, now() - interval '1 second', now());
SELECT enqueue(2);
SELECT count(import_revision(id, 1, side = 'holdout', false, ARRAY[10, 10, 50, 40]::real[], ARRAY[1],
                             ARRAY[false]))
FROM image WHERE id % 20 < 2;
-- Rows that the nodes of a statement's plan gave, or read and left out.
CREATE FUNCTION rows_of(statement text) RETURNS float8 LANGUAGE plpgsql SET enable_mergejoin = off AS $$
DECLARE
  plan json;
  rows float8;
BEGIN
  EXECUTE 'EXPLAIN (ANALYZE, FORMAT JSON) ' || statement INTO plan;
  SELECT sum((node ->> 'Actual Loops')::float8
             * ((node ->> 'Actual Rows')::float8 + coalesce((node ->> 'Rows Removed by Filter')::float8, 0)
                + coalesce((node ->> 'Rows Removed by Join Filter')::float8, 0)))
  INTO rows FROM jsonb_path_query(plan::jsonb, 'strict $.**') node
  WHERE jsonb_typeof(node) = 'object' AND node ? 'Actual Loops';
  RETURN rows;
END
$$;
)sql";

class StaleStatisticsTest : public testing::Test {
 protected:
  StaleStatisticsTest() { database_.Sql(kWorld); }

  // Rows that the statement of db/queries/ goes through with these parameters.
  double RowsOf(const std::string& name, const std::string& parameters) {
    const auto statement = std::find_if(Statements().begin(), Statements().end(),
                                        [&](const Statement& one) { return one.name == name; });
    if (statement == Statements().end()) throw std::invalid_argument(absl::StrCat("no statement ", name));
    database_.Sql(absl::StrCat("PREPARE asked AS ", statement->sql));
    const double rows = database_.Sql(absl::StrCat("SELECT rows_of('EXECUTE asked(", parameters, ")')"))
                            .at(0)[0]
                            .as<double>();
    database_.Sql("DEALLOCATE asked");
    return rows;
  }

  TestDatabase database_;
};

// A join that compares every image with every row of the model or ranking goes through millions.
TEST_F(StaleStatisticsTest, WhatLooksAtThePoolGoesThroughEachImageAFewTimes) {
  constexpr double kMost = 20.0 * kImages;
  EXPECT_LE(RowsOf("SelectPoolSample", "1, 2, 5000"), kMost);
  EXPECT_LE(RowsOf("SelectPoolTraits", "1, 2, false, 2000"), kMost);
  EXPECT_LE(RowsOf("SelectPoolTraits", "1, 2, true, 2000"), kMost);
  EXPECT_LE(RowsOf("SelectRandomSliceTraits", "2, 3000, 2000"), kMost);
  EXPECT_LE(RowsOf("SelectRandomRestTraits", "2, 3000, 5000"), kMost);
  EXPECT_LE(RowsOf("SelectDrawnSlice", "2, 0, 3000, ''{2}''"), kMost);
  EXPECT_LE(RowsOf("SelectPoolParts", "2, 0, 3000, ''{2}'', ''{}''"), kMost);
  EXPECT_LE(RowsOf("SelectPoolParts", "1, 0, 3000, ''{2}'', ''{}''"), kMost);
  EXPECT_LE(RowsOf("SelectCommonDetections", "1, 1, 2, 5000"), kMost);
  EXPECT_LE(RowsOf("SelectUnranked", "1, 2, ''pool''"), kMost);
  EXPECT_LE(RowsOf("CountPoolLeft", "1, 1, 6000, 2"), kMost);
  EXPECT_LE(RowsOf("CountHoldoutLeft", "1, 1, 6000, 2"), kMost);
  EXPECT_LE(RowsOf("SelectImagesToPredict", "1, 1, 6000, 2, 0, 5000"), kMost);
  EXPECT_LE(RowsOf("SelectImagesToEvaluate", "1, 1, 6000, 2, 0, 5000"), kMost);
  EXPECT_LE(RowsOf("SelectHoldoutDetections", "1, 2"), kMost);
  EXPECT_LE(RowsOf("SelectHoldoutTruth", "1"), kMost);
  EXPECT_LE(RowsOf("CountTables", "1"), kMost);
  EXPECT_LE(RowsOf("CountFacets", "1, 1000"), kMost);
  EXPECT_LE(RowsOf("CountBlindBeforeUnlabelled", "1"), kMost);
  EXPECT_LE(RowsOf("AddClass", "1, ''hole'', 1"), kMost);
}

// One that starts from the first image for every page goes through most of the pool for the last.
TEST_F(StaleStatisticsTest, APageGoesThroughItsOwnImages) {
  constexpr double kMost = 2000;
  EXPECT_LE(RowsOf("SelectPoolScores", "1, 2, 5000, 100"), kMost);
  EXPECT_LE(RowsOf("SelectPoolDetections", "1, 2, 5000, 100"), kMost);
  EXPECT_LE(RowsOf("SelectLabelledAppearances", "1, 2, 5800, 100"), kMost);
  EXPECT_LE(RowsOf("CountPoolLeft", "1, 5800, 6000, 2"), kMost);
  EXPECT_LE(RowsOf("CountHoldoutLeft", "1, 5800, 6000, 2"), kMost);
}

// One that sorts all of a person's answers goes through each of them.
TEST_F(StaleStatisticsTest, APageOfAnswersGoesThroughItsOwn) {
  database_.Sql(R"sql(
      ALTER TABLE task SET (autovacuum_enabled = off);
      INSERT INTO task (project_id, image_id, image_side, principal_id, lease_number, ranking_id, position,
                        slice, blind, state)
      SELECT 1, image_id, image_side, 1, position + 1, 2, position, slice, true, 'leased'
      FROM ranking_entry WHERE ranking_id = 2 AND position < 1000;
      SELECT count(submit_correction(id, false, 1000, '', '', '{}', '{10,10,50,40}', '{1}', '{drawn}',
                                     '{false}', '{-1}', '{0}', '{-1}', '{}'))
      FROM task)sql");
  constexpr double kMost = 1000;
  EXPECT_LE(RowsOf("SelectAnswers", "1, 1, 9000000000, false, 51"), kMost);
  EXPECT_LE(RowsOf("SelectAnswers", "1, 1, 500, true, 51"), kMost);
}

}  // namespace
}  // namespace loupe
