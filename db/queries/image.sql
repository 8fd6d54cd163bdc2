-- Images and what is known of them.

-- name: SelectImages
-- At most $5 images with ids above $4, in order of id. $2: a side, or '' for both sides. $3: true for
-- labelled images, false for unlabelled images, NULL for both. $6: true for images that are not usable, false
-- for those that are, NULL for both.
SELECT * FROM shown_image
WHERE project_id = $1 AND ($2 = '' OR side = $2)
  AND ($6::boolean IS NULL OR $6 = (image_state <> 'usable'))
  AND ($3::boolean IS NULL OR $3 = (truth_revision_id IS NOT NULL))
  AND id > $4
ORDER BY id LIMIT $5;

-- name: SelectImage
SELECT * FROM shown_image WHERE project_id = $1 AND id = $2;

-- name: SelectImagesById
SELECT * FROM shown_image WHERE project_id = $1 AND id = ANY ($2::bigint[]);

-- name: FindMediaType
SELECT media_type FROM image JOIN project ON project.id = project_id
WHERE sha256 = $1 AND state <> 'removed' AND deleted_at IS NULL LIMIT 1;

-- name: SelectImagesByFileName
SELECT * FROM shown_image WHERE project_id = $1 AND file_name = $2 COLLATE "C" ORDER BY id LIMIT 10;

-- name: InsertImages
-- Returns the images whose bytes are new to the project.
INSERT INTO image (project_id, sha256, file_name, width, height, size_bytes, media_type, group_name,
                   sampling_key, side)
SELECT $1, sha256, file_name, width, height, size_bytes, media_type, nullif(group_name, ''), sampling_key,
       side
FROM unnest($2::bytea[], $3::text[], $4::int[], $5::int[], $6::bigint[], $7::text[], $8::text[], $9::float8[],
            $10::text[])
  AS new (sha256, file_name, width, height, size_bytes, media_type, group_name, sampling_key, side)
ON CONFLICT (project_id, sha256) DO NOTHING
RETURNING id, sha256;

-- name: SelectImagesByHash
SELECT image.id, sha256, side, state, coalesce(group_name, '') AS group_name,
       truth.id IS NOT NULL AS labelled, coalesce(truth.source = 'import', false) AS imported,
       coalesce(truth.blind, false) AS blind
FROM image LEFT JOIN label_revision truth ON truth.id = truth_revision_id
WHERE project_id = $1 AND sha256 = ANY ($2::bytea[]);

-- name: SelectSetAsideByRound
-- The first $2 images that round $1 set aside, and how many there are.
SELECT shown.*, count(*) OVER () AS total
FROM shown_image shown JOIN image ON image.id = shown.id
WHERE image.state_round_id = $1 ORDER BY shown.id LIMIT $2;

-- name: FindNamesInFolders
-- At most $3 names of images that are $2 within a folder.
SELECT DISTINCT file_name FROM image
WHERE project_id = $1 AND right(file_name, length($2) + 1) = '/' || $2 ORDER BY file_name LIMIT $3;

-- name: SetImageAside
-- For round $3, as principal $4 says. An image that was excluded may still be in its snapshot.
WITH changed AS (
  UPDATE image SET state = 'set_aside', state_reason = $2, state_round_id = $3
  FROM (SELECT id, state FROM image WHERE id = $1 FOR NO KEY UPDATE) before
  WHERE image.id = before.id AND before.state IN ('usable', 'excluded')
  RETURNING image.project_id, image.id, image.file_name, before.state AS before
), told AS (
  INSERT INTO event (project_id, kind, author_id, image_id, state_before, state_after)
  SELECT project_id, 'image_state_changed', $4, id, before, 'set_aside' FROM changed
)
SELECT add_round_line($3, 'image_set_aside', format('%s was set aside: %s', file_name, $2)) FROM changed;

-- name: ExcludeImage
-- Returns a row unless the image is removed.
WITH changed AS (
  UPDATE image SET state = 'excluded', state_reason = $2, state_round_id = NULL
  FROM (SELECT id, state FROM image WHERE id = $1 FOR NO KEY UPDATE) before
  WHERE image.id = before.id AND before.state IN ('usable', 'set_aside', 'excluded')
  RETURNING image.project_id, image.id, before.state AS before
), told AS (
  INSERT INTO event (project_id, kind, author_id, image_id, state_before, state_after)
  SELECT project_id, 'image_state_changed', $3, id, before, 'excluded' FROM changed WHERE before <> 'excluded'
)
SELECT id FROM changed;

-- name: RestoreImage
-- The queue may have gone past it.
WITH restored AS (
  UPDATE image SET state = 'usable', state_reason = NULL, state_round_id = NULL
  FROM (SELECT id, state FROM image WHERE id = $1 FOR NO KEY UPDATE) before
  WHERE image.id = before.id AND before.state IN ('set_aside', 'excluded')
  RETURNING image.project_id, image.id, before.state AS before
), told AS (
  INSERT INTO event (project_id, kind, author_id, image_id, state_before, state_after)
  SELECT project_id, 'image_state_changed', $2, id, before, 'usable' FROM restored
)
UPDATE ranking SET first_open = least(first_open, entry.position)
FROM restored JOIN ranking_entry entry ON entry.image_id = restored.id
WHERE ranking.id = entry.ranking_id AND ranking.state = 'active';

-- name: ExcludeImages
-- Those of the images $2 that are usable, as principal $4 says. Returns each image with why it was left as it
-- was; '' if it wasn't.
WITH before AS (
  SELECT id, state FROM image WHERE project_id = $1 AND id = ANY ($2::bigint[]) ORDER BY id FOR NO KEY UPDATE
), changed AS (
  UPDATE image SET state = 'excluded', state_reason = $3
  FROM before WHERE image.id = before.id AND before.state = 'usable'
  RETURNING image.id
), told AS (
  INSERT INTO event (project_id, kind, author_id, image_id, state_before, state_after)
  SELECT $1, 'image_state_changed', $4, id, 'usable', 'excluded' FROM changed ORDER BY id
)
SELECT asked.id, CASE WHEN before.id IS NULL THEN 'NO_SUCH_IMAGE'
                      WHEN before.state = 'removed' THEN 'IMAGE_REMOVED'
                      WHEN before.state <> 'usable' THEN 'IMAGE_NOT_USABLE'
                      ELSE '' END AS problem
FROM (SELECT DISTINCT unnest($2::bigint[]) AS id) asked
LEFT JOIN before ON before.id = asked.id ORDER BY asked.id;

-- name: RestoreImages
-- Those of the images $2 that are excluded or set aside, as principal $3 says. Requires LockActiveRankings.
-- Returns as ExcludeImages. The queue may have gone past them.
WITH before AS (
  SELECT id, state FROM image WHERE project_id = $1 AND id = ANY ($2::bigint[]) ORDER BY id FOR NO KEY UPDATE
), restored AS (
  UPDATE image SET state = 'usable', state_reason = NULL, state_round_id = NULL
  FROM before WHERE image.id = before.id AND before.state IN ('set_aside', 'excluded')
  RETURNING image.id, before.state AS before
), told AS (
  INSERT INTO event (project_id, kind, author_id, image_id, state_before, state_after)
  SELECT $1, 'image_state_changed', $3, id, before, 'usable' FROM restored ORDER BY id
), rewound AS (
  UPDATE ranking SET first_open = least(first_open, earliest.position)
  FROM (SELECT ranking_id, min(position) AS position
        FROM restored JOIN ranking_entry ON image_id = restored.id GROUP BY ranking_id) earliest
  WHERE ranking.id = earliest.ranking_id AND ranking.state = 'active'
)
SELECT asked.id, CASE WHEN before.id IS NULL THEN 'NO_SUCH_IMAGE'
                      WHEN before.state = 'removed' THEN 'IMAGE_REMOVED'
                      WHEN before.state = 'usable' THEN 'IMAGE_USABLE'
                      ELSE '' END AS problem
FROM (SELECT DISTINCT unnest($2::bigint[]) AS id) asked
LEFT JOIN before ON before.id = asked.id ORDER BY asked.id;

-- name: LockImageToRemove
-- Nobody can ask about a class on it until the transaction ends.
SELECT pg_advisory_xact_lock_shared(3, (project_id & 2147483647)::int)
FROM (SELECT project_id FROM image WHERE id = $1 FOR NO KEY UPDATE) locked;

-- name: RemoveImage
-- Requires LockImageToRemove. $3: who asked for it; 0: nobody.
-- Erases what shows or names the picture, uploads of it too unless another image has it. Its id, hash, side
-- and revisions stay, since the chain covers them.
WITH unsent AS (
  DELETE FROM upload_part
  WHERE file_sha256 = (SELECT sha256 FROM image WHERE id = $1)
    AND NOT EXISTS (SELECT FROM image other
                    WHERE other.sha256 = file_sha256 AND other.id <> $1 AND other.state <> 'removed')
  RETURNING principal_id, part_offset, size_bytes
), uploads AS (
  UPDATE upload SET files = upload.files - gone.files, bytes = upload.bytes - gone.bytes
  FROM (SELECT principal_id, count(*) FILTER (WHERE part_offset = 0) AS files, sum(size_bytes) AS bytes
        FROM unsent GROUP BY principal_id) gone
  WHERE upload.principal_id = gone.principal_id
), forgotten AS (
  DELETE FROM prediction WHERE image_id = $1
), unlearned AS (
  DELETE FROM pseudo_label WHERE image_id = $1
), unseen AS (
  DELETE FROM ignored_region WHERE image_id = $1
), unproposed AS (
  DELETE FROM label_error WHERE image_id = $1
), ended AS (
  UPDATE task SET state = 'released', ended_at = now() WHERE image_id = $1 AND state = 'leased'
), cancelled AS (
  UPDATE task_request SET state = 'cancelled', ended_at = now() WHERE image_id = $1 AND state = 'open'
), freed AS (
  DELETE FROM lease WHERE purpose = 'label' AND subject_id = $1
), told AS (
  INSERT INTO event (project_id, kind, author_id, image_id, state_before, state_after)
  SELECT project_id, 'image_state_changed', nullif($3::bigint, 0), id, state, 'removed'
  FROM image WHERE id = $1 AND state <> 'removed'
)
UPDATE image SET state = 'removed', state_reason = $2, state_round_id = NULL, file_name = '',
                 group_name = NULL, perceptual_hash = NULL, brightness = NULL
WHERE id = $1 AND state <> 'removed';
