-- Files that wait to be imported.

-- name: LockUpload
-- Makes the person's row if there is none, and says that it is used. Parts of one person come one by one, so
-- nobody waits for the disk: what a power failure takes back is sent again.
INSERT INTO upload (principal_id, files, bytes, used_at) VALUES ($1, 0, 0, now())
ON CONFLICT (principal_id) DO UPDATE SET used_at = excluded.used_at
RETURNING files, bytes, set_config('synchronous_commit', 'off', true);

-- name: SelectUploads
-- What has come of these files of person $1; those of which nothing has come have no row. A whole file is one
-- part of the same name.
SELECT file_sha256, sum(size_bytes)::bigint AS received, bool_or(sha256 = file_sha256) AS is_complete
FROM upload_part WHERE principal_id = $1 AND file_sha256 = ANY ($2::bytea[]) GROUP BY file_sha256;

-- name: InsertUploadPart
-- Requires LockUpload.
WITH added AS (
  INSERT INTO upload_part (principal_id, file_sha256, part_offset, sha256, size_bytes)
  VALUES ($1, $2, $3, $4, $5)
)
UPDATE upload SET files = files + ($3 = 0)::int, bytes = bytes + $5 WHERE principal_id = $1;

-- name: SelectUploadParts
SELECT sha256 FROM upload_part WHERE principal_id = $1 AND file_sha256 = $2 ORDER BY part_offset;

-- name: DeleteUploads
-- Of person $1, the files $2. Returns the blobs.
WITH gone AS (
  DELETE FROM upload_part WHERE principal_id = $1 AND file_sha256 = ANY ($2::bytea[])
  RETURNING part_offset, sha256, size_bytes
), counted AS (
  UPDATE upload SET files = files - (SELECT count(*) FROM gone WHERE part_offset = 0),
                    bytes = bytes - (SELECT coalesce(sum(size_bytes), 0) FROM gone)
  WHERE principal_id = $1
)
SELECT sha256 FROM gone;

-- name: SelectOldUploads
-- At most $2 files of person $1 or, if that is 0, of people who have sent nothing for a day.
SELECT principal_id, file_sha256 FROM upload_part JOIN upload USING (principal_id)
WHERE part_offset = 0 AND CASE WHEN $1 = 0 THEN used_at < now() - interval '1 day' ELSE principal_id = $1 END
LIMIT $2;
