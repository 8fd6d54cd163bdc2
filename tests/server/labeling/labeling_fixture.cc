#include "tests/server/labeling/labeling_fixture.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"

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

}  // namespace loupe
