-- Sets of images by what is known of them. db/migrations/0020_image_facet.sql says how they are kept.

-- name: LockImageFacets
-- Whether nobody else changes image_facet until the transaction ends.
SELECT pg_try_advisory_xact_lock(2, 4);

-- name: TakeImageChanges
-- At most $1 of the oldest.
DELETE FROM image_change WHERE ctid = ANY (ARRAY(SELECT ctid FROM image_change LIMIT $1))
RETURNING project_id, image_id;

-- name: SelectFacetsOfImages
SELECT image_id, kind, value FROM image_facets($1::bigint[]);

-- name: SelectFacetBlock
-- The sets of project $1 in block $2; $3: also those of scores.
SELECT kind, value, bits FROM image_facet
WHERE project_id = $1 AND block = $2 AND ($3 OR kind NOT IN ('score', 'tenth', 'scored'));

-- name: SelectFacetsOfBlock
-- Of the sets of project $1 in block $2 those of kinds $3 and values $4, one by one.
SELECT DISTINCT kind, value, bits
FROM unnest($3::text[], $4::text[]) asked (kind, value)
JOIN image_facet facet USING (kind, value)
WHERE project_id = $1 AND block = $2;

-- name: PutFacetBlock
INSERT INTO image_facet (project_id, kind, value, block, bits) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (project_id, kind, value, block) DO UPDATE SET bits = EXCLUDED.bits;

-- name: DropFacetBlock
DELETE FROM image_facet WHERE project_id = $1 AND kind = $2 AND value = $3 AND block = $4;

-- name: SelectProjectToScore
-- A project whose scores are not all of the model that serves now.
SELECT model.project_id, model.id AS model_id, model.id IS DISTINCT FROM scored.model_id AS is_new,
       next_block
FROM model JOIN project ON project.id = model.project_id
LEFT JOIN image_score_state scored ON scored.project_id = model.project_id
WHERE model.state = 'serving' AND deleted_at IS NULL
  AND (scored.model_id IS DISTINCT FROM model.id OR next_block IS NOT NULL)
LIMIT 1;

-- name: BeginScores
-- Forgets the scores of project $1: those of model $2 are to be read from its first block on.
WITH forgotten AS (DELETE FROM image_facet WHERE project_id = $1 AND kind IN ('score', 'tenth', 'scored'))
INSERT INTO image_score_state (project_id, model_id, next_block)
SELECT $1, $2, min(block) FROM image_facet WHERE project_id = $1 AND kind = 'side'
ON CONFLICT (project_id) DO UPDATE SET model_id = EXCLUDED.model_id, next_block = EXCLUDED.next_block;

-- name: SelectScoresOfBlock
-- Of the images of project $2 with ids from $3 to $4, by model $1.
SELECT image.id, score_facet(scores) AS score
FROM prediction JOIN image ON image.id = image_id
WHERE model_id = $1 AND project_id = $2 AND image_id BETWEEN $3 AND $4 AND set_aside IS NULL
  AND image.state <> 'removed';

-- name: DropScoresOfBlock
DELETE FROM image_facet WHERE project_id = $1 AND block = $2 AND kind IN ('score', 'tenth', 'scored');

-- name: MoveScores
-- Block $2 is done.
UPDATE image_score_state
SET next_block = (SELECT min(block) FROM image_facet
                  WHERE project_id = $1 AND kind = 'side' AND block > $2)
WHERE project_id = $1;

-- name: SelectChangedImages
-- At most $2 rows; an image may have several.
SELECT image_id FROM image_change WHERE project_id = $1 LIMIT $2;

-- name: SelectScoresAreBehind
-- Whether image_facet doesn't have all scores of the serving model.
SELECT EXISTS (SELECT FROM model LEFT JOIN image_score_state scored USING (project_id)
               WHERE model.project_id = $1 AND model.state = 'serving'
                 AND (scored.model_id IS DISTINCT FROM model.id OR next_block IS NOT NULL));

-- name: SelectImageBlocks
SELECT DISTINCT block FROM image_facet WHERE project_id = $1 AND kind = 'side' ORDER BY block;

-- name: SelectFacetValues
-- In order. From $3 to $4.
SELECT DISTINCT value FROM image_facet
WHERE project_id = $1 AND kind = $2 AND value BETWEEN $3 AND $4 ORDER BY value;

-- name: CountFacets
-- What is counted of the images of project $1 (db/functions/image_facets.sql), as they are now: with
-- at most $2 that image_facet doesn't have yet. No row: more have changed.
WITH noted AS MATERIALIZED (
  SELECT image_id AS id FROM image_change WHERE project_id = $1 LIMIT $2 + 1
), changed AS MATERIALIZED (
  SELECT DISTINCT id FROM noted WHERE (SELECT count(*) FROM noted) <= $2
), counted (value, number) AS (
  SELECT value, bit_count(bits) FROM image_facet WHERE project_id = $1 AND kind = 'count'
  UNION ALL
  SELECT value, -1
  FROM (SELECT value, block, bits || ''::bytea AS bits FROM image_facet
        WHERE project_id = $1 AND kind = 'count' AND block = ANY (ARRAY(SELECT id / 32768 FROM changed))
        OFFSET 0) stored
  JOIN changed ON id / 32768 = block
  WHERE get_bit(bits, id % 32768) = 1
  UNION ALL
  SELECT value, 1 FROM image_facets(ARRAY(SELECT id FROM changed)) WHERE kind = 'count'
)
SELECT split_part(value, '/', 1) AS side, substring(value FROM '/[0-9]+/(.*)') AS what,
       sum(number << split_part(value, '/', 2)::int)::bigint AS number
FROM counted WHERE (SELECT count(*) FROM noted) <= $2 GROUP BY 1, 2;

-- name: CountTables
-- As CountFacets, of the tables themselves.
WITH truth AS (
  SELECT side, truth.id, blind
  FROM usable_image image JOIN label_revision truth ON truth.id = truth_revision_id WHERE project_id = $1
), box AS (
  SELECT side, label_box.* FROM truth JOIN label_box ON revision_id = truth.id
)
SELECT side, 'state/' || state AS what, count(*) AS number FROM image WHERE project_id = $1
GROUP BY side, state
UNION ALL SELECT side, 'labelled', count(*) FROM truth GROUP BY side
UNION ALL SELECT side, 'blind', count(*) FROM truth WHERE blind GROUP BY side
UNION ALL SELECT side, 'boxes/' || label, count(*) FROM box WHERE NOT ignore GROUP BY side, label
UNION ALL
SELECT side, 'showing/' || label, count(DISTINCT revision_id) FROM box WHERE NOT ignore GROUP BY side, label
UNION ALL SELECT side, 'origin/' || origin, count(*) FROM box GROUP BY side, origin
UNION ALL
SELECT side, 'outcome/' || outcome, count(*)
FROM usable_image image JOIN standing_label revision ON revision.image_id = image.id
JOIN outcome ON outcome.revision_id = revision.id
WHERE image.project_id = $1 AND outcome IN ('rejected', 'dropped') GROUP BY side, outcome
UNION ALL
SELECT image.side, 'to_look_at/' || class_label, count(*)
FROM task_request request JOIN usable_image image ON image.id = image_id
WHERE request.project_id = $1 AND request.state = 'open' AND class_label IS NOT NULL
GROUP BY image.side, class_label;

-- name: SelectFacetBits
-- Of the sets of kinds $3 with values from $4 to $5, in blocks from $6 to $7, with the number of $2 that
-- stands beside them.
SELECT place, facet.block, bits
FROM unnest($2::bigint[], $3::text[], $4::text[], $5::text[]) asked (place, kind, low, high)
JOIN image_facet facet
  ON project_id = $1 AND facet.kind = asked.kind AND value BETWEEN low AND high AND block BETWEEN $6 AND $7;

-- name: SelectImagesByNameStart
-- Ids of at most $3 images whose names, or the parts behind their folders, begin with $2.
SELECT id FROM (
  (SELECT id FROM image
   WHERE project_id = $1 AND file_name COLLATE "C" BETWEEN $2 AND $2 || chr(1114111) LIMIT $3)
  UNION
  (SELECT id FROM image
   WHERE project_id = $1
     AND substring(file_name FROM '[^/]*$') COLLATE "C" BETWEEN $2 AND $2 || chr(1114111) LIMIT $3)) found
LIMIT $3;

-- name: SelectImagesOfNameStart
-- Those of the images $1 whose names, or the parts behind their folders, begin with $2.
SELECT id FROM image
WHERE id = ANY ($1::bigint[]) AND (starts_with(file_name, $2)
                                   OR starts_with(substring(file_name FROM '[^/]*$'), $2));

-- name: SelectFoundImages
-- These images, in any order.
SELECT shown.*, coalesce(principal.name, '') AS labelled_by, truth.created_at AS labelled_at,
       (SELECT count(*) FROM label_box WHERE revision_id = truth.id AND NOT ignore) AS boxes,
       (SELECT coalesce(scores[1], 0) FROM prediction
        WHERE model_id = model.id AND image_id = shown.id AND set_aside IS NULL) AS score
FROM shown_image shown
LEFT JOIN label_revision truth ON truth.id = shown.truth_revision_id
LEFT JOIN principal ON principal.id = truth.author_id
LEFT JOIN model ON model.project_id = shown.project_id AND model.state = 'serving'
WHERE shown.id = ANY ($1::bigint[]);

-- name: SelectImagesByName
-- At most $4 images of project $1 after the name $2 and id $3, in order.
SELECT id, file_name FROM image
WHERE project_id = $1 AND (file_name COLLATE "C", id) > ($2, $3)
ORDER BY file_name COLLATE "C", id LIMIT $4;

-- name: SelectImagesByNameDown
-- As SelectImagesByName, in the other order: before the name and id. NULL: from the end.
SELECT id, file_name FROM image
WHERE project_id = $1
  AND ($2::text IS NULL OR (file_name COLLATE "C", id) < ($2, $3))
ORDER BY file_name COLLATE "C" DESC, id DESC LIMIT $4;

-- name: SelectNamesOfImages
SELECT id, file_name FROM image WHERE id = ANY ($1::bigint[]);

-- name: SelectDaysOfImages
-- Of these labelled images the day facets.
SELECT image.id, day_facet(truth.created_at)
FROM image JOIN label_revision truth ON truth.id = truth_revision_id WHERE image.id = ANY ($1::bigint[]);

-- name: SelectScoresOfImages
-- Of these images, as the serving model predicted them, the score facets.
SELECT image.id, score_facet(scores)
FROM image JOIN model ON model.project_id = image.project_id AND model.state = 'serving'
JOIN prediction ON model_id = model.id AND image_id = image.id
WHERE image.id = ANY ($1::bigint[]);
