-- Images and what is known of them.

-- name: SelectImages
-- At most $5 images with ids above $4, in order of id. $2: a side, or '' for both sides. $3: true for
-- labelled images, false for unlabelled images, NULL for both.
SELECT * FROM shown_image
WHERE project_id = $1 AND ($2 = '' OR side = $2)
  AND ($3::boolean IS NULL OR $3 = (head_revision_id IS NOT NULL))
  AND id > $4
ORDER BY id LIMIT $5;

-- name: SelectImage
SELECT * FROM shown_image WHERE project_id = $1 AND id = $2;

-- name: SelectImageByFileName
-- If several images have this name: the one with the lowest id.
SELECT * FROM shown_image WHERE project_id = $1 AND file_name = $2 ORDER BY id LIMIT 1;

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
SELECT id, sha256, head_revision_id IS NOT NULL AS labelled FROM image
WHERE project_id = $1 AND sha256 = ANY ($2::bytea[]);
