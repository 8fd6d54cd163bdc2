-- Rankings: the data that they are made from, the rankings of rounds, and the active ranking as a queue.

-- name: SelectEligibleImages
-- At most $3 unlabelled images of the pool with ids above $2, in order of id.
SELECT id FROM usable_image image
WHERE project_id = $1 AND side = 'pool' AND truth_revision_id IS NULL AND id > $2 ORDER BY id LIMIT $3;

-- name: SelectHoldoutQueue
-- The first $2 unlabelled images of the holdout, in order of sampling key.
SELECT id FROM usable_image image WHERE project_id = $1 AND side = 'holdout' AND truth_revision_id IS NULL
ORDER BY sampling_key, id LIMIT $2;

-- name: CountHoldoutLabelled
SELECT count(*)
FROM usable_image image JOIN label_revision truth ON truth.id = image.truth_revision_id AND truth.blind
WHERE project_id = $1 AND side = 'holdout';

-- name: CountBoxesByClass
-- The number of boxes of each class in the truth of the pool. Regions to ignore are not counted.
SELECT class.label, coalesce(counted.boxes, 0)
FROM class
LEFT JOIN (SELECT label_box.label, count(*) AS boxes
           FROM usable_image image JOIN label_box ON revision_id = truth_revision_id
           WHERE project_id = $1 AND side = 'pool' AND NOT ignore GROUP BY label_box.label) counted
  ON counted.label = class.label
WHERE class.project_id = $1 ORDER BY class.label;

-- name: SelectTimedTasks
-- The seconds and the number of boxes of the latest $2 answers. Answers below 0.2 s are left out: a program
-- gave them, or the time is not known (0).
SELECT revision.spent_ms / 1000.0,
       (SELECT count(*) FROM label_box WHERE revision_id = revision.id AND NOT ignore)
FROM label_revision revision JOIN task ON task.id = revision.task_id
WHERE task.project_id = $1 AND revision.spent_ms >= 200
ORDER BY revision.id DESC LIMIT $2;

-- name: InsertRanking
-- Requires LockProjectNumbers. Never makes generation 0.
INSERT INTO ranking (project_id, generation, model_id, round_id, strategy, seed, state, eligible,
                     random_entries)
SELECT $1, coalesce(max(generation), 0) + 1, $2, $3, $4, $5, 'building', $6, $7
FROM ranking WHERE project_id = $1
RETURNING id;

-- name: SelectRankingOfRound
SELECT id FROM ranking WHERE round_id = $1;

-- name: SelectRankingOfModel
SELECT id FROM ranking WHERE model_id = $1 ORDER BY generation DESC LIMIT 1;

-- name: RetireActiveRanking
UPDATE ranking SET state = 'retired' WHERE project_id = $1 AND state = 'active' AND id <> $2;

-- name: ActivateRanking
UPDATE ranking SET state = 'active', activated_at = now() WHERE id = $1 AND state <> 'active';

-- name: SelectActiveRanking
SELECT id, generation, seed, coalesce(model_id, 0) AS model_id FROM ranking
WHERE project_id = $1 AND state = 'active';

-- name: SelectQueue
-- At most $3 entries of the active ranking, from position $2 or from the first open entry on, whichever is
-- later.
SELECT shown.*, entry.position, entry.slice, entry.score, entry.probability, entry.blind, ranking.generation,
       coalesce(ranked_model.number, 0) AS ranked_model,
       CASE WHEN shown.truth_revision_id IS NOT NULL THEN 'answered'
            WHEN EXISTS (SELECT FROM lease WHERE purpose = 'label' AND subject_id = entry.image_id)
            THEN 'leased'
            ELSE 'waiting' END AS state
FROM ranking
JOIN ranking_entry entry ON entry.ranking_id = ranking.id
JOIN shown_image shown ON shown.id = entry.image_id
LEFT JOIN model ranked_model ON ranked_model.id = ranking.model_id
WHERE ranking.project_id = $1 AND ranking.state = 'active'
  AND entry.position >= greatest(ranking.first_open, $2) AND shown.image_state = 'usable'
ORDER BY entry.position LIMIT $3;

-- name: LockActiveRankings
-- Taken by what moves first_open, before it looks at images.
SELECT FROM ranking WHERE state = 'active' ORDER BY id FOR NO KEY UPDATE;

-- name: AdvanceFirstOpen
UPDATE ranking SET first_open = open.position
FROM (SELECT id, first_open_position(id, first_open) AS position FROM ranking WHERE state = 'active') open
WHERE ranking.id = open.id AND ranking.first_open < open.position;

-- name: RewindFirstOpen
-- After images of the project lost their labels. Requires LockActiveRankings.
UPDATE ranking SET first_open = first_open_position(id, 0) WHERE project_id = $1 AND state = 'active';

-- name: LockRanking
-- Entries are appended only under this lock.
SELECT FROM ranking WHERE id = $1 FOR NO KEY UPDATE;

-- name: MeasureRanking
SELECT coalesce(max(position) + 1, 0) AS next_position,
       (SELECT count(*) FROM ranking_entry JOIN usable_image image ON image.id = image_id
        WHERE ranking_id = $1 AND slice = 'holdout' AND truth_revision_id IS NULL) AS holdout_waiting
FROM ranking_entry WHERE ranking_id = $1;

-- name: SelectUnranked
-- Unlabelled images of side $3 that are not in ranking $2. Holdout images are in order of sampling key, pool
-- images in order of id. OFFSET 0: one lookup per image, as in prediction.sql.
SELECT image.id FROM usable_image image
WHERE project_id = $1 AND side = $3 AND truth_revision_id IS NULL
  AND NOT EXISTS (SELECT FROM ranking_entry WHERE ranking_id = $2 AND image_id = image.id OFFSET 0)
ORDER BY CASE WHEN side = 'holdout' THEN sampling_key END, id;

-- name: AddEligible
UPDATE ranking SET eligible = eligible + $2 WHERE id = $1;
