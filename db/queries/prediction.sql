-- Predictions: one row an image and model.

-- name: InsertPrediction
-- The first prediction is kept.
INSERT INTO prediction (model_id, image_id, corners, labels, scores, runner_up_labels, runner_up_scores,
                        background_scores, agreements, embedding, max_foreground_score, set_aside)
VALUES ($1, $2, $3::real[], $4::smallint[], $5::real[], $6::smallint[], $7::real[], $8::real[], $9::real[], $10, $11,
        nullif($12, ''))
ON CONFLICT DO NOTHING;

-- name: SelectImageBounds
-- What predictions of these images are held to.
SELECT id, width, height FROM image
WHERE id = ANY($1::bigint[]) AND project_id = $2 AND side = $3 AND id BETWEEN $4 AND $5;

-- name: SelectImagesToPredict
-- Of the pool: unlabelled, in a range of ids, not predicted by model $4; above id $5, at most $6.
SELECT image.id, sha256, file_name, width, height, size_bytes, media_type, sampling_key, coalesce(group_name, '')
FROM image
WHERE project_id = $1 AND side = 'pool' AND head_revision_id IS NULL AND image.id BETWEEN $2 AND $3
  AND image.id > $5
  AND NOT EXISTS (SELECT FROM prediction WHERE model_id = $4 AND image_id = image.id)
ORDER BY image.id LIMIT $6;

-- name: SelectImagesToEvaluate
-- Of the holdout: labelled blind; else as SelectImagesToPredict.
SELECT image.id, sha256, file_name, width, height, size_bytes, media_type, sampling_key, coalesce(group_name, '')
FROM image JOIN label_revision head ON head.id = image.head_revision_id
WHERE project_id = $1 AND side = 'holdout' AND head.blind AND image.id BETWEEN $2 AND $3 AND image.id > $5
  AND NOT EXISTS (SELECT FROM prediction WHERE model_id = $4 AND image_id = image.id)
ORDER BY image.id LIMIT $6;

-- name: CountPoolDone
-- Pool images in a range that need no prediction any more: predicted by the model, or labelled meanwhile.
SELECT count(*) FROM image
WHERE project_id = $1 AND side = 'pool' AND id BETWEEN $2 AND $3
  AND (head_revision_id IS NOT NULL OR EXISTS (SELECT FROM prediction WHERE model_id = $4 AND image_id = image.id));

-- name: CountHoldoutDone
SELECT count(*) FROM image
JOIN label_revision head ON head.id = image.head_revision_id
JOIN prediction ON prediction.model_id = $4 AND prediction.image_id = image.id
WHERE project_id = $1 AND side = 'holdout' AND head.blind AND image.id BETWEEN $2 AND $3;

-- name: SelectHoldoutDetections
-- A model's boxes on the labelled holdout.
SELECT prediction.image_id, corners, labels, scores
FROM image
JOIN label_revision head ON head.id = image.head_revision_id AND head.blind
JOIN prediction ON prediction.model_id = $2 AND prediction.image_id = image.id
WHERE image.project_id = $1 AND image.side = 'holdout' ORDER BY prediction.image_id;

-- name: SelectPoolScores
-- A model's scores on the unlabelled pool, from an image id up, in order, at most $4. What was set aside is left out.
SELECT prediction.image_id, labels, scores, runner_up_scores, background_scores, max_foreground_score
FROM image JOIN prediction ON prediction.model_id = $2 AND prediction.image_id = image.id
WHERE image.project_id = $1 AND image.side = 'pool' AND image.head_revision_id IS NULL AND image.id > $3
  AND set_aside IS NULL
ORDER BY image.id LIMIT $4;
