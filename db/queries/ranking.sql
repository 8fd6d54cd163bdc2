-- Rankings that rounds make. (Generation 0 belongs to the labeling queue.)

-- name: SelectEligibleImages
-- Unlabelled images of the pool, from an id up, in order, at most $3.
SELECT id FROM image
WHERE project_id = $1 AND side = 'pool' AND head_revision_id IS NULL AND id > $2 ORDER BY id LIMIT $3;

-- name: SelectHoldoutQueue
-- Unlabelled images of the holdout by sampling key, at most $2.
SELECT id FROM image WHERE project_id = $1 AND side = 'holdout' AND head_revision_id IS NULL
ORDER BY sampling_key, id LIMIT $2;

-- name: CountHoldoutLabelled
SELECT count(*) FROM image JOIN label_revision head ON head.id = image.head_revision_id AND head.blind
WHERE project_id = $1 AND side = 'holdout';

-- name: CountBoxesByClass
-- People's boxes of each class of the project, in the pool's truth.
SELECT class.label, coalesce(counted.boxes, 0)
FROM class
LEFT JOIN (SELECT label_box.label, count(*) AS boxes
           FROM image JOIN label_box ON revision_id = head_revision_id
           WHERE project_id = $1 AND side = 'pool' AND NOT ignore GROUP BY label_box.label) counted
  ON counted.label = class.label
WHERE class.project_id = $1 ORDER BY class.label;

-- name: SelectTimedTasks
-- Seconds and boxes of the latest answers, at most $2. Below 0.2 s a program answered; 0 is not known.
SELECT revision.spent_ms / 1000.0,
       (SELECT count(*) FROM label_box WHERE revision_id = revision.id AND NOT ignore)
FROM label_revision revision JOIN task ON task.id = revision.task_id
WHERE task.project_id = $1 AND revision.spent_ms >= 200
ORDER BY revision.id DESC LIMIT $2;

-- name: InsertRanking
-- Under LockProjectNumbers. Generation 0 is never taken.
INSERT INTO ranking (project_id, generation, model_id, round_id, strategy, seed, state, eligible)
SELECT $1, coalesce(max(generation), 0) + 1, $2, $3, $4, $5, 'building', $6 FROM ranking WHERE project_id = $1
RETURNING id;

-- name: SelectRankingOfRound
SELECT id FROM ranking WHERE round_id = $1;

-- name: SelectRankingOfModel
SELECT id FROM ranking WHERE model_id = $1 ORDER BY generation DESC LIMIT 1;

-- name: RetireActiveRanking
UPDATE ranking SET state = 'retired' WHERE project_id = $1 AND state = 'active' AND id <> $2;

-- name: ActivateRanking
UPDATE ranking SET state = 'active', activated_at = now() WHERE id = $1 AND state <> 'active';
