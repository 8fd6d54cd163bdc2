-- The active ranking as a queue, and what is appended to it.

-- name: SelectActiveRanking
SELECT id, generation, seed, coalesce(model_id, 0) AS model_id FROM ranking
WHERE project_id = $1 AND state = 'active';

-- name: SelectQueue
-- Entries of the active ranking from position $2 up, but none before the first that is open; at most $3.
SELECT shown.*, entry.position, entry.slice, entry.score, entry.probability, entry.blind, ranking.generation,
       coalesce(ranked_model.number, 0) AS ranked_model,
       CASE WHEN shown.head_revision_id IS NOT NULL THEN 'answered'
            WHEN EXISTS (SELECT FROM lease WHERE purpose = 'label' AND subject_id = entry.image_id)
            THEN 'leased'
            ELSE 'waiting' END AS state
FROM ranking
JOIN ranking_entry entry ON entry.ranking_id = ranking.id
JOIN shown_image shown ON shown.id = entry.image_id
LEFT JOIN model ranked_model ON ranked_model.id = ranking.model_id
WHERE ranking.project_id = $1 AND ranking.state = 'active'
  AND entry.position >= greatest(ranking.first_open, $2)
ORDER BY entry.position LIMIT $3;

-- name: AdvanceFirstOpen
UPDATE ranking SET first_open = open.position
FROM (SELECT id, first_open_position(id, first_open) AS position FROM ranking WHERE state = 'active') open
WHERE ranking.id = open.id AND ranking.first_open < open.position;

-- name: LockRanking
-- Entries are appended under this lock.
SELECT FROM ranking WHERE id = $1 FOR NO KEY UPDATE;

-- name: MeasureRanking
SELECT coalesce(max(position) + 1, 0) AS next_position,
       (SELECT count(*) FROM ranking_entry JOIN image ON image.id = image_id
        WHERE ranking_id = $1 AND slice = 'holdout' AND head_revision_id IS NULL) AS holdout_waiting
FROM ranking_entry WHERE ranking_id = $1;

-- name: SelectUnranked
-- Unlabelled images of one side that are not in the ranking; the holdout's in its order.
-- (OFFSET 0: looked up for each image, as in prediction.sql.)
SELECT image.id FROM image
WHERE project_id = $1 AND side = $3 AND head_revision_id IS NULL
  AND NOT EXISTS (SELECT FROM ranking_entry WHERE ranking_id = $2 AND image_id = image.id OFFSET 0)
ORDER BY CASE WHEN side = 'holdout' THEN sampling_key END, id;

-- name: AddEligible
UPDATE ranking SET eligible = eligible + $2 WHERE id = $1;
