-- The database's functions and triggers live in db/functions/ and are created after the migrations (db/migrate.h).

-- One row for each file of db/functions/: the content that this database has of it. A migration that drops what a file
-- created deletes the file's row, so that it is created again.
CREATE TABLE schema_function (
  name text PRIMARY KEY,
  sha256 bytea NOT NULL CHECK (octet_length(sha256) = 32),
  applied_at timestamptz NOT NULL DEFAULT now()
);

-- answer_task of the releases before stays for one release, for coordinators that still run; submit_correction has taken
-- its place. A new database never had it.
