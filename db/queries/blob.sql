-- Blobs, and who needs them.

-- name: HashesNotInUse
-- Those that nothing needs, each once. OFFSET 0: one lookup per hash.
SELECT DISTINCT hash FROM unnest($1::bytea[]) AS hash
WHERE NOT EXISTS (SELECT FROM needed_blob WHERE sha256 = hash OFFSET 0);

-- name: SelectNeededBlobs
-- Those from $1 up to and including $2, each once.
SELECT DISTINCT ON (sha256) sha256, kind, needed_by FROM needed_blob
WHERE sha256 BETWEEN $1 AND $2 ORDER BY sha256, needed_by;

-- name: SelectDatabaseBytes
SELECT pg_database_size(current_database());

-- name: LockBlobsForErasure
SELECT pg_advisory_xact_lock(2, 2);

-- name: LockBlobsForUse
SELECT pg_advisory_xact_lock_shared(2, 2);
