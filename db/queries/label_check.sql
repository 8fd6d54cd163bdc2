-- What a check of the labels compares.

-- name: SelectPoolSample
-- Boxes of model $2 on the first $3 unlabelled images of the pool by sampling key, and how many such images there are.
SELECT labels, scores,
       (SELECT count(*) FROM image WHERE project_id = $1 AND side = 'pool' AND head_revision_id IS NULL) AS unlabelled
FROM (SELECT labels, scores
      FROM image JOIN prediction ON model_id = $2 AND image_id = image.id
      WHERE image.project_id = $1 AND side = 'pool' AND head_revision_id IS NULL
      ORDER BY sampling_key, image.id LIMIT $3) sample;

-- name: SelectPoolTraits
-- The first $4 images of the pool by sampling key that are labelled ($3) or not; no embedding without model $2's.
SELECT coalesce(embedding, ''), width, height, brightness
FROM image LEFT JOIN prediction ON model_id = $2 AND image_id = image.id
WHERE image.project_id = $1 AND side = 'pool' AND (head_revision_id IS NOT NULL) = $3
ORDER BY sampling_key, image.id LIMIT $4;

-- name: SelectRandomSliceTraits
-- Of the images that ranking $1 was drawn from, the first $4 by sampling key that are answered ones of its first $2 random
-- entries ($3) or not. Its own model saw them, which was not trained on them. Predictions are wide: only the sample's are
-- read.
WITH sample AS MATERIALIZED (
  SELECT image.id, image.sampling_key, image.width, image.height, image.brightness, ranking.model_id
  FROM ranking
  JOIN image ON image.project_id = ranking.project_id AND image.side = 'pool' AND image.created_at <= ranking.created_at
  LEFT JOIN label_revision earliest ON earliest.image_id = image.id AND earliest.number = 1
  LEFT JOIN (SELECT image_id FROM ranking_entry WHERE ranking_id = $1 AND slice = 'random' ORDER BY position LIMIT $2) drawn
    ON drawn.image_id = image.id
  WHERE ranking.id = $1 AND (earliest.created_at IS NULL OR earliest.created_at > ranking.created_at)
    AND (earliest.id IS NOT NULL AND drawn.image_id IS NOT NULL) = $3
  ORDER BY image.sampling_key, image.id LIMIT $4
)
SELECT coalesce(embedding, ''), width, height, brightness
FROM sample LEFT JOIN prediction ON prediction.model_id = sample.model_id AND prediction.image_id = sample.id
ORDER BY sampling_key, id;

-- name: SelectSetAside
-- Of the unlabelled pool, what model $2's predictions can't be used of: how many images, and one with the reason.
SELECT count(*) OVER (), file_name, set_aside
FROM prediction JOIN image ON image.id = image_id
WHERE model_id = $2 AND set_aside IS NOT NULL AND project_id = $1 AND side = 'pool' AND head_revision_id IS NULL
ORDER BY image.id LIMIT 1;

-- name: SelectPictureHashes
SELECT file_name, perceptual_hash FROM image
WHERE project_id = $1 AND side = $2 AND perceptual_hash IS NOT NULL ORDER BY id;
