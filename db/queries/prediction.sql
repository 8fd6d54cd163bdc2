-- Predictions: one row per image and model. The planner's statistics may not know a new model; the planner
-- then expects one row for it. So statements also limit prediction.image_id, or look up the prediction of
-- each image by itself (OFFSET 0). Then they read only the rows that they need, even if the statistics are
-- out of date.

-- name: InsertPrediction
-- Keeps the model's first prediction of the image. Keeps the picture's first perceptual hash and brightness
-- too ($13, $14; NULL: not known).
WITH decoded AS (
  UPDATE image SET perceptual_hash = $13::bigint, brightness = $14::real
  WHERE id = $2 AND $13::bigint IS NOT NULL AND perceptual_hash IS NULL
), scored AS (
  INSERT INTO image_change SELECT project_id, $2 FROM model WHERE id = $1 AND state = 'serving'
)
INSERT INTO prediction (model_id, image_id, corners, labels, scores, runner_up_labels, runner_up_scores,
                        background_scores, agreements, embedding, max_foreground_score, set_aside,
                        partner_corners)
VALUES ($1, $2, $3::real[], $4::smallint[], $5::real[], $6::smallint[], $7::real[], $8::real[], $9::real[],
        $10, $11, nullif($12, ''), $15::real[])
ON CONFLICT DO NOTHING;

-- name: SelectImageBounds
-- The sizes of these images, to check predictions.
SELECT id, width, height, state = 'usable' FROM image
WHERE id = ANY($1::bigint[]) AND project_id = $2 AND side = $3 AND id BETWEEN $4 AND $5;

-- name: SelectImagesToPredict
-- At most $6 pool images with ids from $2 to $3 and above $5 that model $4 has not predicted.
SELECT image.id, sha256, file_name, width, height, size_bytes, media_type, sampling_key,
       coalesce(group_name, '') AS group_name, truth_revision_id IS NOT NULL AS labelled
FROM usable_image image
WHERE project_id = $1 AND side = 'pool' AND image.id BETWEEN $2 AND $3
  AND image.id > $5
  AND NOT EXISTS (SELECT FROM prediction WHERE model_id = $4 AND image_id = image.id OFFSET 0)
ORDER BY image.id LIMIT $6;

-- name: SelectImagesToEvaluate
-- As SelectImagesToPredict, for holdout images that were labelled blind.
SELECT image.id, sha256, file_name, width, height, size_bytes, media_type, sampling_key,
       coalesce(group_name, '') AS group_name, true AS labelled
FROM usable_image image JOIN label_revision truth ON truth.id = image.truth_revision_id
WHERE project_id = $1 AND side = 'holdout' AND truth.blind AND image.id BETWEEN $2 AND $3 AND image.id > $5
  AND NOT EXISTS (SELECT FROM prediction WHERE model_id = $4 AND image_id = image.id OFFSET 0)
ORDER BY image.id LIMIT $6;

-- name: CountPoolLeft
-- The number of pool images with ids from $2 to $3 that model $4 still has to predict.
SELECT count(*) FROM usable_image image
WHERE project_id = $1 AND side = 'pool' AND image.id BETWEEN $2 AND $3
  AND NOT EXISTS (SELECT FROM prediction WHERE model_id = $4 AND image_id = image.id OFFSET 0);

-- name: CountHoldoutLeft
-- As CountPoolLeft, for holdout images that were labelled blind.
SELECT count(*) FROM usable_image image JOIN label_revision truth ON truth.id = image.truth_revision_id
WHERE project_id = $1 AND side = 'holdout' AND truth.blind AND image.id BETWEEN $2 AND $3
  AND NOT EXISTS (SELECT FROM prediction WHERE model_id = $4 AND image_id = image.id OFFSET 0);

-- name: SelectHoldoutDetections
-- A model's boxes on the labelled holdout. OFFSET 0: one lookup per image.
SELECT image.id, corners, labels, scores
FROM usable_image image
JOIN label_revision truth ON truth.id = image.truth_revision_id AND truth.blind
CROSS JOIN LATERAL (SELECT corners, labels, scores FROM prediction
                    WHERE model_id = $2 AND image_id = image.id OFFSET 0) predicted
WHERE image.project_id = $1 AND image.side = 'holdout' AND image.truth_revision_id IS NOT NULL
ORDER BY image.id;

-- name: SelectDetections
-- A model's boxes on these images. A prediction that was set aside has no boxes.
SELECT image_id, corners, labels, scores FROM prediction
WHERE model_id = $1 AND image_id = ANY ($2::bigint[]);

-- name: SelectPoolScores
-- Model $2's scores on at most $4 unlabelled images of the pool with ids above $3, in order of id. Images
-- whose predictions were set aside are left out.
SELECT prediction.image_id, labels, scores, runner_up_scores, background_scores, max_foreground_score,
       agreements
FROM usable_image image JOIN prediction ON prediction.model_id = $2 AND prediction.image_id = image.id
WHERE image.project_id = $1 AND image.side = 'pool' AND image.truth_revision_id IS NULL AND image.id > $3
  AND prediction.image_id > $3 AND set_aside IS NULL
ORDER BY image.id LIMIT $4;

-- name: SelectPoolDetections
-- As SelectPoolScores, the model's boxes.
SELECT prediction.image_id, corners, labels, scores
FROM usable_image image JOIN prediction ON prediction.model_id = $2 AND prediction.image_id = image.id
WHERE image.project_id = $1 AND image.side = 'pool' AND image.truth_revision_id IS NULL AND image.id > $3
  AND prediction.image_id > $3 AND set_aside IS NULL
ORDER BY image.id LIMIT $4;

-- name: SelectCommonDetections
-- The boxes of models $2 and $3 on the first $4 unlabelled images of the pool, in order of sampling key, that
-- both models predicted. Four times as many are looked at, not the whole pool: neither model may have
-- predicted it.
SELECT image.id, earlier.corners, earlier.labels, earlier.scores, later.corners, later.labels, later.scores
FROM (SELECT id, sampling_key FROM usable_image
      WHERE project_id = $1 AND side = 'pool' AND truth_revision_id IS NULL
      ORDER BY sampling_key, id LIMIT 4 * $4) image
CROSS JOIN LATERAL (SELECT corners, labels, scores FROM prediction
                    WHERE model_id = $2 AND image_id = image.id AND set_aside IS NULL OFFSET 0) earlier
CROSS JOIN LATERAL (SELECT corners, labels, scores FROM prediction
                    WHERE model_id = $3 AND image_id = image.id AND set_aside IS NULL OFFSET 0) later
ORDER BY image.sampling_key, image.id LIMIT $4;

-- name: SelectAppearances
-- The embeddings that model $1 gave these images, and their perceptual hashes. Images without an embedding
-- are left out; predictions that were set aside have none.
SELECT prediction.image_id, embedding, perceptual_hash
FROM prediction JOIN usable_image image ON image.id = prediction.image_id
WHERE model_id = $1 AND prediction.image_id = ANY($2::bigint[]) AND embedding <> ''
ORDER BY prediction.image_id;

-- name: SelectPoolEmbeddings
-- The embeddings of model $2 for at most $4 images of the pool with ids above $3, in order of id. Also of
-- images that are not used, since they may be used again.
SELECT prediction.image_id, embedding
FROM image JOIN prediction ON prediction.model_id = $2 AND prediction.image_id = image.id
WHERE image.project_id = $1 AND image.side = 'pool' AND image.state <> 'removed' AND image.id > $3
  AND prediction.image_id > $3 AND embedding <> ''
ORDER BY image.id LIMIT $4;

-- name: SelectImageSpan
-- The lowest and the highest id of the project's images.
SELECT coalesce((SELECT id FROM image WHERE project_id = $1 ORDER BY id LIMIT 1), 0),
       coalesce((SELECT id FROM image WHERE project_id = $1 ORDER BY id DESC LIMIT 1), 0);

-- name: SelectEmbeddedImages
-- Those of the images $2 that are usable and that model $1 gave an embedding.
SELECT shown.*, embedding
FROM prediction JOIN shown_image shown ON shown.id = prediction.image_id
WHERE model_id = $1 AND prediction.image_id = ANY ($2::bigint[]) AND shown.image_state = 'usable'
  AND embedding <> '';

-- name: SelectLabelledAppearances
-- As SelectAppearances, for model $2 and at most $4 labelled images of the pool with ids above $3, in order
-- of id.
SELECT prediction.image_id, embedding, perceptual_hash
FROM usable_image image JOIN prediction ON prediction.model_id = $2 AND prediction.image_id = image.id
WHERE image.project_id = $1 AND image.side = 'pool' AND image.truth_revision_id IS NOT NULL AND image.id > $3
  AND prediction.image_id > $3 AND embedding <> ''
ORDER BY image.id LIMIT $4;
