-- Random slices, and the images that they represent.
-- The slice: the first $3 random entries of ranking $1, from position $2 on.
-- U: the images that the slice was drawn from, if all models of $4 have predicted them.

-- name: SelectDrawnRankings
SELECT id, generation, coalesce(model_id, 0), random_entries, state = 'active' FROM ranking
WHERE project_id = $1 AND state <> 'building' ORDER BY generation DESC;

-- name: SelectFirstDraws
-- The first position and the number of entries of each import's draw, latest draw first. All images of an
-- import have the time at which the import began.
SELECT min(position), count(*) FROM ranking_entry JOIN usable_image image ON image.id = image_id
WHERE ranking_id = $1 AND slice = 'random' AND probability = 1
GROUP BY image.created_at ORDER BY min(position) DESC;

-- name: SelectDrawnSlice
-- Of the slice's images in U: how many there are, the ids of those before the first unanswered image, how
-- many answered images come after it, its file name, and how many images were left out since somebody skipped
-- them and nobody answered or holds them: the slice doesn't wait for them.
WITH slice AS MATERIALIZED (
  SELECT entry.position, image.id, image.file_name, image.truth_revision_id IS NOT NULL AS answered,
         image.truth_revision_id IS NULL
         AND EXISTS (SELECT FROM task WHERE image_id = image.id AND task.state = 'skipped')
         AND NOT EXISTS (SELECT FROM lease WHERE purpose = 'label' AND subject_id = image.id) AS skipped
  FROM ranking
  JOIN (SELECT position, image_id FROM ranking_entry
        WHERE ranking_id = $1 AND slice = 'random' AND position >= $2
        ORDER BY position LIMIT $3) entry ON true
  JOIN usable_image image ON image.id = entry.image_id
  LEFT JOIN label_revision earliest ON earliest.image_id = image.id AND earliest.number = 1
  WHERE ranking.id = $1
    AND (ranking.model_id IS NULL OR earliest.id IS NULL OR earliest.created_at > ranking.created_at)
    AND (SELECT count(*) FROM prediction WHERE model_id = ANY ($4::bigint[]) AND image_id = image.id)
        = cardinality($4::bigint[])
), open AS (
  SELECT position, file_name FROM slice WHERE NOT answered AND NOT skipped ORDER BY position LIMIT 1
)
SELECT count(*) FILTER (WHERE NOT skipped),
       coalesce(array_agg(slice.id ORDER BY slice.position)
                FILTER (WHERE answered AND (open.position IS NULL OR slice.position < open.position)), '{}'),
       count(*) FILTER (WHERE answered AND slice.position > open.position),
       coalesce(max(open.file_name), ''),
       count(*) FILTER (WHERE skipped)
FROM slice LEFT JOIN open ON true;

-- name: SelectPoolParts
-- Counts per part of the pool: one row for all images of a part (label 0), and one row for each class.
-- Parts in U: `since` (labelled since the draw) and `open` (not labelled). Parts outside U: `known`
-- (labelled) and `outside` (not labelled). Entries are looked up once per image, since the planner's
-- statistics may be out of date. Boxes with labels of $5 don't count.
WITH pool AS (
  SELECT image.id, image.truth_revision_id,
         CASE WHEN (SELECT count(*) FROM prediction
                    WHERE model_id = ANY ($4::bigint[]) AND image_id = image.id)
                   = cardinality($4::bigint[])
                   AND CASE WHEN ranking.model_id IS NULL
                            THEN EXISTS (SELECT FROM ranking_entry
                                         WHERE ranking_id = $1 AND image_id = image.id AND slice = 'random'
                                           AND position >= $2
                                           AND position <= (SELECT max(position)
                                                            FROM (SELECT position FROM ranking_entry
                                                                  WHERE ranking_id = $1 AND slice = 'random'
                                                                    AND position >= $2
                                                                  ORDER BY position LIMIT $3) drawn))
                            ELSE earliest.id IS NULL OR earliest.created_at > ranking.created_at END
                THEN CASE WHEN image.truth_revision_id IS NULL THEN 'open' ELSE 'since' END
              WHEN image.truth_revision_id IS NULL THEN 'outside' ELSE 'known' END AS part
  FROM ranking
  JOIN usable_image image ON image.project_id = ranking.project_id AND image.side = 'pool'
  LEFT JOIN label_revision earliest ON earliest.image_id = image.id AND earliest.number = 1
  WHERE ranking.id = $1
)
SELECT part, coalesce(box.label, 0), count(DISTINCT pool.id),
       count(DISTINCT pool.id) FILTER (WHERE box.label IS NOT NULL), count(box.label)
FROM pool
LEFT JOIN label_box box ON box.revision_id = pool.truth_revision_id AND NOT box.ignore
     AND box.label <> ALL ($5::int[])
GROUP BY GROUPING SETS ((part), (part, box.label))
HAVING GROUPING(box.label) = 1 OR box.label IS NOT NULL;

-- name: CountTrainedOn
-- How many of the images $2 model $1, or a model that its weights come from, was trained on, with people's
-- labels or with pseudo-labels.
WITH RECURSIVE line AS (
  SELECT id, parent_id, round_id FROM model WHERE id = $1
  UNION SELECT model.id, model.parent_id, model.round_id FROM model JOIN line ON model.id = line.parent_id
)
SELECT count(DISTINCT item.image_id)
FROM line
JOIN round ON round.id = line.round_id
JOIN (SELECT snapshot_id, image_id FROM snapshot_item
      UNION ALL SELECT snapshot_id, image_id FROM pseudo_label) item
  USING (snapshot_id)
WHERE item.image_id = ANY ($2::bigint[]);
