#include "tests/server/labeling/labeling_fixture.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "db/lineage/label_stats.h"

namespace loupe {

void LabelingTest::LetLeasesEnd() {
  coordinator_.database().Sql("UPDATE lease SET expires_at = now() - interval '1 second'");
  for (const absl::Time end = absl::Now() + absl::Seconds(20); absl::Now() < end;) {
    if (coordinator_.database().Sql("SELECT count(*) FROM lease")[0][0].as<int>() == 0) return;
    absl::SleepFor(absl::Milliseconds(20));
  }
  FAIL() << "the reaper ended no lease";
}

void LabelingTest::RankByModel(const std::vector<int64_t>& images) {
  coordinator_.database().Sql(absl::StrCat(R"(
      BEGIN;
      INSERT INTO model (project_id, number, name, preset, state, weights_sha256, weights_bytes)
      VALUES (1, 1, 'round-1', 'small', 'serving', sha256('weights'), 7);
      INSERT INTO prediction (model_id, image_id, corners, labels, scores, runner_up_labels, runner_up_scores,
                              background_scores, agreements, embedding, max_foreground_score)
      SELECT 1, id, '{1,1,11,11, 20,5,30,15, 2,20,8,28}', '{1,2,1}', '{0.9,0.4,0.2}', '{2,1,2}',
             '{0.1,0.1,0.1}', '{0,0.5,0.7}', '{}', '', 0.9 FROM image;
      UPDATE ranking SET state = 'retired';
      INSERT INTO ranking (project_id, generation, model_id, strategy, seed, state, activated_at)
      VALUES (1, 1, 1, 'entropy', 1, 'active', now());
      INSERT INTO ranking_entry
      SELECT (SELECT id FROM ranking WHERE generation = 1), place - 1, image, 'pool', 'uncertain', 0.5, NULL,
             false
      FROM unnest(ARRAY[)",
                                           absl::StrJoin(images, ","),
                                           R"(]::bigint[]) WITH ORDINALITY AS listed (image, place);
      COMMIT)"));
}

int64_t LabelingTest::CountsThatDiffer() {
  return Number(R"(
      WITH fact AS (
        SELECT project, reviewer, NULL::bigint AS label, created_at, is_truth, 'revision' AS fact,
               CASE WHEN source = 'import' THEN 'import' WHEN blind THEN 'blind' ELSE 'shown' END AS name,
               1 AS amount
        FROM provenance.revision WHERE source NOT IN ('withdraw', 'restore') AND standing <> 'planted'
        UNION ALL
        SELECT project, reviewer, NULL, created_at, is_truth, 'spent_ms', '', spent_ms
        FROM provenance.revision WHERE source NOT IN ('withdraw', 'restore') AND standing <> 'planted'
        UNION ALL
        SELECT project, reviewer, label, created_at, is_truth, 'box', origin, 1
        FROM provenance.revision_box WHERE NOT ignore AND standing <> 'planted'
        UNION ALL
        SELECT shown.project, shown.reviewer, NULL, shown.created_at,
               coalesce(revision_id = truth_revision_id, false), 'outcome', outcome, 1
        FROM provenance.shown_box shown JOIN provenance.image USING (image_id) WHERE outcome IS NOT NULL
      ), plain AS (
        SELECT project.id AS project_id, subject, begins, key, fact, fact.name,
               sum(amount)::bigint AS written,
               coalesce(sum(amount) FILTER (WHERE is_truth), 0)::bigint AS truth
        FROM fact
        JOIN project ON project.name = fact.project
        JOIN principal ON principal.name = reviewer
        CROSS JOIN LATERAL (VALUES
          ('time', date_trunc('hour', fact.created_at, 'UTC'), 0::bigint),
          ('reviewer', date_trunc('day', fact.created_at, 'UTC'), principal.id),
          ('class', date_trunc('day', fact.created_at, 'UTC'), label)) AS counter (subject, begins, key)
        WHERE key IS NOT NULL
        GROUP BY project.id, subject, begins, key, fact, fact.name
      ), summed AS (
        SELECT project_id, subject, begins, key, fact, name, sum(written)::bigint AS written,
               sum(truth)::bigint AS truth
        FROM (SELECT * FROM label_count
              UNION ALL
              SELECT changes.* FROM label_count_state,
                     label_count_changes(NULL, counted_id, 9223372036854775807) changes) counted
        GROUP BY project_id, subject, begins, key, fact, name
      )
      SELECT count(*)
      FROM (SELECT * FROM plain WHERE written <> 0 OR truth <> 0) plain
      FULL JOIN (SELECT * FROM summed WHERE written <> 0 OR truth <> 0) summed
        USING (project_id, subject, begins, key, fact, name)
      WHERE plain.written IS DISTINCT FROM summed.written OR plain.truth IS DISTINCT FROM summed.truth)");
}

void LabelingTest::AddToLabelCounts(int most) {
  for (bool more = true; more;) {
    const absl::StatusOr<bool> added = coordinator_.database().get().Transact(
        {"AddToLabelCounts", absl::Seconds(30), Isolation::kRepeatableRead},
        [most](Transaction& transaction) {
          return absl::StatusOr<bool>(loupe::AddToLabelCounts(transaction, most));
        });
    ASSERT_TRUE(added.ok()) << added.status();
    more = *added;
  }
}

}  // namespace loupe
