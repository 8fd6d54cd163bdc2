-- Predictions: one row per image and model. The planner's statistics may not know a new model and expect one row of it.
-- So statements also bound prediction.image_id, or look the prediction up per image (OFFSET 0): then they read no more
-- than they need, whatever the statistics say.

-- name: InsertPrediction
-- The first prediction is kept, and the picture's first hash and brightness ($13, $14; NULL: not known).
WITH decoded AS (
  UPDATE image SET perceptual_hash = $13::bigint, brightness = $14::real
  WHERE id = $2 AND $13::bigint IS NOT NULL AND perceptual_hash IS NULL
)
INSERT INTO prediction (model_id, image_id, corners, labels, scores, runner_up_labels, runner_up_scores,
                        background_scores, agreements, embedding, max_foreground_score, set_aside)
VALUES ($1, $2, $3::real[], $4::smallint[], $5::real[], $6::smallint[], $7::real[], $8::real[], $9::real[], $10, $11,
        nullif($12, ''))
ON CONFLICT DO NOTHING;

-- name: SelectImageBounds
-- Sizes, to check predictions of these images.
SELECT id, width, height FROM image
WHERE id = ANY($1::bigint[]) AND project_id = $2 AND side = $3 AND id BETWEEN $4 AND $5;

-- name: SelectImagesToPredict
-- Pool images in a range of ids that model $4 has not predicted; ids above $5, at most $6.
SELECT image.id, sha256, file_name, width, height, size_bytes, media_type, sampling_key, coalesce(group_name, ''),
       head_revision_id IS NOT NULL AS labelled
FROM image
WHERE project_id = $1 AND side = 'pool' AND image.id BETWEEN $2 AND $3
  AND image.id > $5
  AND NOT EXISTS (SELECT FROM prediction WHERE model_id = $4 AND image_id = image.id OFFSET 0)
ORDER BY image.id LIMIT $6;

-- name: SelectImagesToEvaluate
-- Holdout images that are labelled blind; otherwise as SelectImagesToPredict.
SELECT image.id, sha256, file_name, width, height, size_bytes, media_type, sampling_key, coalesce(group_name, ''),
       true AS labelled
FROM image JOIN label_revision head ON head.id = image.head_revision_id
WHERE project_id = $1 AND side = 'holdout' AND head.blind AND image.id BETWEEN $2 AND $3 AND image.id > $5
  AND NOT EXISTS (SELECT FROM prediction WHERE model_id = $4 AND image_id = image.id OFFSET 0)
ORDER BY image.id LIMIT $6;

-- name: CountPoolDone
-- Pool images in a range that the model has predicted.
SELECT count(*) FROM image JOIN prediction ON prediction.model_id = $4 AND prediction.image_id = image.id
WHERE project_id = $1 AND side = 'pool' AND image.id BETWEEN $2 AND $3 AND image_id BETWEEN $2 AND $3;

-- name: CountHoldoutDone
SELECT count(*) FROM image
JOIN label_revision head ON head.id = image.head_revision_id
JOIN prediction ON prediction.model_id = $4 AND prediction.image_id = image.id
WHERE project_id = $1 AND side = 'holdout' AND head.blind AND image.id BETWEEN $2 AND $3
  AND prediction.image_id BETWEEN $2 AND $3;

-- name: SelectHoldoutDetections
-- A model's boxes on the labelled holdout.
SELECT prediction.image_id, corners, labels, scores
FROM image
JOIN label_revision head ON head.id = image.head_revision_id AND head.blind
JOIN prediction ON prediction.model_id = $2 AND prediction.image_id = image.id
WHERE image.project_id = $1 AND image.side = 'holdout' ORDER BY prediction.image_id;

-- name: SelectDetections
-- A model's boxes on these images. A prediction that was set aside has no boxes.
SELECT image_id, corners, labels, scores FROM prediction
WHERE model_id = $1 AND image_id = ANY ($2::bigint[]);

-- name: SelectPoolScores
-- A model's scores on the unlabelled pool: ids above $3, in order, at most $4. Predictions set aside are left out.
SELECT prediction.image_id, labels, scores, runner_up_scores, background_scores, max_foreground_score, agreements
FROM image JOIN prediction ON prediction.model_id = $2 AND prediction.image_id = image.id
WHERE image.project_id = $1 AND image.side = 'pool' AND image.head_revision_id IS NULL AND image.id > $3
  AND prediction.image_id > $3 AND set_aside IS NULL
ORDER BY image.id LIMIT $4;

-- name: SelectPoolDetections
-- A model's boxes on the unlabelled pool, as SelectPoolScores.
SELECT prediction.image_id, corners, labels, scores
FROM image JOIN prediction ON prediction.model_id = $2 AND prediction.image_id = image.id
WHERE image.project_id = $1 AND image.side = 'pool' AND image.head_revision_id IS NULL AND image.id > $3
  AND prediction.image_id > $3 AND set_aside IS NULL
ORDER BY image.id LIMIT $4;

-- name: SelectCommonDetections
-- Boxes of models $2 and $3 on unlabelled images of the pool that both predicted, by sampling key, at most $4.
SELECT image.id, earlier.corners, earlier.labels, earlier.scores, later.corners, later.labels, later.scores
FROM image
CROSS JOIN LATERAL (SELECT corners, labels, scores FROM prediction
                    WHERE model_id = $2 AND image_id = image.id AND set_aside IS NULL OFFSET 0) earlier
CROSS JOIN LATERAL (SELECT corners, labels, scores FROM prediction
                    WHERE model_id = $3 AND image_id = image.id AND set_aside IS NULL OFFSET 0) later
WHERE image.project_id = $1 AND image.side = 'pool' AND image.head_revision_id IS NULL
ORDER BY image.sampling_key, image.id LIMIT $4;

-- name: SelectAppearances
-- What these images look like to a model. Predictions without an embedding, as those set aside, are left out.
SELECT prediction.image_id, embedding, perceptual_hash
FROM prediction JOIN image ON image.id = prediction.image_id
WHERE model_id = $1 AND prediction.image_id = ANY($2::bigint[]) AND embedding <> ''
ORDER BY prediction.image_id;

-- name: SelectLabelledAppearances
-- The same for the labelled pool: ids above $3, in order, at most $4.
SELECT prediction.image_id, embedding, perceptual_hash
FROM image JOIN prediction ON prediction.model_id = $2 AND prediction.image_id = image.id
WHERE image.project_id = $1 AND image.side = 'pool' AND image.head_revision_id IS NOT NULL AND image.id > $3
  AND prediction.image_id > $3 AND embedding <> ''
ORDER BY image.id LIMIT $4;
