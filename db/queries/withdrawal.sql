-- Labels that are taken back in bulk, and given back.

-- name: LockLabelsToWithdraw
-- Locks the images of the labels in order of id.
SELECT FROM image
WHERE id IN (SELECT image_id FROM labels_to_withdraw($1, $2, $3, $4, $5)) ORDER BY id FOR NO KEY UPDATE;

-- name: SummarizeWithdrawal
WITH taken AS MATERIALIZED (
  SELECT image_id, array_agg(id) AS ids FROM labels_to_withdraw($1, $2, $3, $4, $5) GROUP BY image_id
), changed AS (
  SELECT image.side, (standing_truth(image.id, ids, '{}')).id AS truth
  FROM taken JOIN image ON image.id = image_id AND image.truth_revision_id = ANY (ids)
)
SELECT (SELECT coalesce(sum(cardinality(ids)), 0) FROM taken) AS revisions,
       (SELECT count(*) FROM taken) AS images,
       count(truth) AS earlier_truths,
       count(*) FILTER (WHERE truth IS NULL) AS unlabelled,
       count(*) FILTER (WHERE truth IS NULL AND side = 'holdout') AS unlabelled_holdout
FROM changed;

-- name: SelectModelsTrainedOnLabels
SELECT model_number, trained_on
FROM models_trained_on($1, ARRAY(SELECT id FROM labels_to_withdraw($1, $2, $3, $4, $5)));

-- name: InsertWithdrawal
-- By principal $6.
INSERT INTO withdrawal (project_id, author_id, model_id, begins, ends, withdrawn_by)
VALUES ($1, $2, $3, $4, $5, $6) RETURNING id;

-- name: WithdrawLabels
-- By principal $6, as withdrawal $7.
SELECT withdraw_labels($7, image_id, array_agg(id), $6)
FROM labels_to_withdraw($1, $2, $3, $4, $5) GROUP BY image_id ORDER BY image_id;

-- name: SelectWithdrawals
-- At most $3 withdrawals of a project with ids below $2, newest first.
SELECT withdrawal.id, withdrawn_by.name AS withdrawn_by, withdrawal.created_at,
       coalesce(reviewer.name, '') AS reviewer, coalesce(model.number, 0) AS model, begins, ends,
       coalesce(undone_by.name, '') AS undone_by, undone_at, taken.revisions, taken.images
FROM withdrawal
JOIN principal withdrawn_by ON withdrawn_by.id = withdrawal.withdrawn_by
LEFT JOIN principal reviewer ON reviewer.id = withdrawal.author_id
LEFT JOIN model ON model.id = withdrawal.model_id
LEFT JOIN principal undone_by ON undone_by.id = withdrawal.undone_by
CROSS JOIN LATERAL (SELECT count(*) AS revisions, count(DISTINCT image_id) AS images
                    FROM withdrawal_revision JOIN label_revision mark ON mark.id = revision_id
                    WHERE withdrawal_id = withdrawal.id AND standing = 'withdrawn') taken
WHERE withdrawal.project_id = $1 AND withdrawal.id < $2 ORDER BY withdrawal.id DESC LIMIT $3;

-- name: LockWithdrawal
-- The name is a subquery, and not a join, which would go by the row as it was before the lock was waited for.
SELECT (SELECT name FROM principal WHERE principal.id = withdrawal.undone_by) AS undone_by
FROM withdrawal WHERE project_id = $1 AND id = $2 FOR NO KEY UPDATE;

-- name: LockLabelsToRestore
-- Locks the images of the labels in order of id.
SELECT FROM image WHERE id IN (SELECT image_id FROM labels_to_restore($1)) ORDER BY id FOR NO KEY UPDATE;

-- name: SummarizeUndoing
WITH given AS MATERIALIZED (
  SELECT image_id, array_agg(id) AS ids FROM labels_to_restore($1) GROUP BY image_id
), changed AS (
  SELECT truth_revision_id AS truth, (standing_truth(image.id, '{}', ids)).id AS later
  FROM given JOIN image ON image.id = image_id
)
SELECT (SELECT coalesce(sum(cardinality(ids)), 0) FROM given) AS revisions,
       count(*) AS images,
       count(*) FILTER (WHERE truth IS NULL) AS labelled,
       count(*) FILTER (WHERE truth <> later) AS replaced
FROM changed;

-- name: SelectModelsTrainedOnRestored
SELECT model_number, trained_on
FROM models_trained_on($1, ARRAY(SELECT id FROM labels_to_restore($2)));

-- name: RestoreLabels
-- By principal $2.
SELECT restore_labels($1, image_id, array_agg(id ORDER BY number), $2)
FROM labels_to_restore($1) GROUP BY image_id ORDER BY image_id;

-- name: EndWithdrawal
-- By principal $2.
UPDATE withdrawal SET undone_by = $2, undone_at = now() WHERE id = $1;
