-- Samples that show whether the labelled images represent the pool. A model's predictions, a ranking's
-- entries or a whole project may be newer than the planner's statistics. The planner then expects one row,
-- and would compare each image with all of the rows. A subquery per image is always a lookup.

-- name: SelectPoolSample
-- The boxes of model $2 on the first $3 unlabelled images of the pool, in order of sampling key, that it has
-- predicted; and the number of all unlabelled images of the pool.
SELECT labels, scores,
       (SELECT count(*) FROM usable_image image
        WHERE project_id = $1 AND side = 'pool' AND truth_revision_id IS NULL) AS unlabelled
FROM (SELECT labels, scores
      FROM usable_image image
      CROSS JOIN LATERAL (SELECT labels, scores FROM prediction
                          WHERE model_id = $2 AND image_id = image.id OFFSET 0) predicted
      WHERE image.project_id = $1 AND side = 'pool' AND truth_revision_id IS NULL
      ORDER BY sampling_key, image.id LIMIT $3) sample;

-- name: SelectPoolTraits
-- The first $4 images of the pool, in order of sampling key: labelled images if $3 is true, else unlabelled
-- images. The embedding is that of model $2; it is empty if the model has none.
SELECT coalesce((SELECT embedding FROM prediction WHERE model_id = $2 AND image_id = sample.id), ''),
       width, height, brightness
FROM (SELECT id, width, height, brightness FROM usable_image image
      WHERE project_id = $1 AND side = 'pool' AND (truth_revision_id IS NOT NULL) = $3
      ORDER BY sampling_key, id LIMIT $4) sample;

-- name: SelectRandomSliceTraits
-- Of the first $2 random entries of ranking $1: the first $3 answered ones, in order of sampling key. The
-- embeddings are those of the ranking's model, which was not trained on these images.
SELECT coalesce((SELECT embedding FROM prediction
                 WHERE model_id = sample.model_id AND image_id = sample.id), ''),
       width, height, brightness
FROM (SELECT image.id, width, height, brightness, ranking.model_id
      FROM ranking
      CROSS JOIN (SELECT image_id FROM ranking_entry WHERE ranking_id = $1 AND slice = 'random'
                  ORDER BY position LIMIT $2) drawn
      JOIN usable_image image ON image.id = drawn.image_id AND image.side = 'pool'
           AND image.created_at <= ranking.created_at AND image.truth_revision_id IS NOT NULL
      JOIN label_revision earliest ON earliest.image_id = image.id AND earliest.number = 1
      WHERE ranking.id = $1 AND earliest.created_at > ranking.created_at
      ORDER BY sampling_key, image.id LIMIT $3) sample;

-- name: SelectRandomRestTraits
-- As SelectRandomSliceTraits, for the other images that those entries were drawn from.
SELECT coalesce((SELECT embedding FROM prediction
                 WHERE model_id = sample.model_id AND image_id = sample.id), ''),
       width, height, brightness
FROM (SELECT image.id, width, height, brightness, ranking.model_id
      FROM ranking
      JOIN usable_image image ON image.project_id = ranking.project_id AND image.side = 'pool'
                AND image.created_at <= ranking.created_at
      LEFT JOIN label_revision earliest ON earliest.image_id = image.id AND earliest.number = 1
      WHERE ranking.id = $1
        AND (earliest.id IS NULL
             OR earliest.created_at > ranking.created_at
                AND NOT EXISTS (SELECT FROM ranking_entry
                                WHERE ranking_id = $1 AND image_id = image.id AND slice = 'random'
                                  AND position <= (SELECT max(position)
                                                   FROM (SELECT position FROM ranking_entry
                                                         WHERE ranking_id = $1 AND slice = 'random'
                                                         ORDER BY position LIMIT $2) drawn)))
      ORDER BY sampling_key, image.id LIMIT $3) sample;

-- name: SelectSetAside
-- Unlabelled pool images whose prediction by model $2 was set aside: their number, and the file name and the
-- reason of the first one.
SELECT count(*) OVER (), file_name, set_aside
FROM prediction JOIN usable_image image ON image.id = image_id
WHERE model_id = $2 AND set_aside IS NOT NULL AND project_id = $1 AND side = 'pool'
  AND truth_revision_id IS NULL
ORDER BY image.id LIMIT 1;

-- name: SelectPictureHashes
SELECT file_name, perceptual_hash FROM usable_image image
WHERE project_id = $1 AND side = $2 AND perceptual_hash IS NOT NULL ORDER BY id;
