-- Colours and keys of classes, and files that come from browsers and wait to be imported.

ALTER TABLE class
  -- NULL: by the page's palette.
  ADD color text CHECK (color ~ '^#[0-9a-f]{6}$'),
  -- NULL: by the order of the classes.
  ADD key text CHECK (key ~ '^[1-9A-Z]$'),
  ADD CONSTRAINT class_key UNIQUE (project_id, key),
  ADD CONSTRAINT class_retired_key CHECK (retired_at IS NULL OR key IS NULL);

-- What waits for a person to import it.
CREATE TABLE upload (
  principal_id bigint PRIMARY KEY REFERENCES principal,
  -- Sums over upload_part, so that a part need not count all of them.
  files bigint NOT NULL,
  bytes bigint NOT NULL,
  -- When the last part came. A day later all of them are deleted.
  used_at timestamptz NOT NULL
);
-- Parts of files, each a blob. When the last one has come, one row with the whole file takes their place.
CREATE TABLE upload_part (
  principal_id bigint NOT NULL REFERENCES upload ON DELETE CASCADE,
  -- Of the whole file.
  file_sha256 bytea NOT NULL CHECK (octet_length(file_sha256) = 32),
  part_offset bigint NOT NULL CHECK (part_offset >= 0),
  sha256 bytea NOT NULL CHECK (octet_length(sha256) = 32),
  size_bytes bigint NOT NULL CHECK (size_bytes >= 0),
  PRIMARY KEY (principal_id, file_sha256, part_offset)
);
CREATE INDEX upload_part_sha256 ON upload_part (sha256);

CREATE OR REPLACE VIEW needed_blob AS
  SELECT sha256, 'picture' AS kind, format('image "%s" of project "%s"', file_name, project.name) AS needed_by
  FROM image JOIN project ON project.id = image.project_id WHERE state <> 'removed'
  UNION ALL
  SELECT weights_sha256, 'weights', format('model %s of project "%s"', model.number, project.name)
  FROM model JOIN project ON project.id = model.project_id WHERE deleted_at IS NULL
  UNION ALL
  SELECT sha256, 'checkpoint', format('the training of round %s of project "%s"', round.number, project.name)
  FROM job
  CROSS JOIN LATERAL (VALUES (checkpoint_sha256), (previous_checkpoint_sha256)) checkpoint (sha256)
  JOIN round ON round.id = job.round_id
  JOIN project ON project.id = round.project_id
  WHERE job.state = 'waiting' AND sha256 IS NOT NULL
  UNION ALL
  SELECT sha256, 'upload', format('an upload of %s', principal.name)
  FROM upload_part JOIN principal ON principal.id = principal_id;
