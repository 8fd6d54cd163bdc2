-- What a round decided is kept as it was, so that later releases don't work it out again; and the checkpoint
-- before the last, for when the last one is broken.

-- How many entries the random slice drew from `eligible`; 0: generation 0, whose imports each draw all of theirs.
ALTER TABLE ranking ADD random_entries bigint NOT NULL DEFAULT 0 CHECK (random_entries >= 0);
-- Each of them has the probability random_entries / eligible. Entries that were appended come after them.
UPDATE ranking SET random_entries = round(first.probability * drawn.eligible)
FROM ranking drawn CROSS JOIN LATERAL
  (SELECT probability FROM ranking_entry
   WHERE ranking_id = drawn.id AND slice = 'random' ORDER BY position LIMIT 1) first
WHERE drawn.id = ranking.id AND ranking.model_id IS NOT NULL;

-- loupe.v1.Gate had its outcome as a text in field 1, which came first; it is an enumeration in field 8 now.
-- A text that isn't known gives none: such a model doesn't serve by itself.
UPDATE evaluation SET gate =
  CASE convert_from(substring(gate FROM 3 FOR get_byte(gate, 1)), 'UTF8')
    WHEN 'first' THEN '\x4001'::bytea
    WHEN 'passed' THEN '\x4002'::bytea
    WHEN 'held' THEN '\x4003'::bytea
    WHEN 'not judged' THEN '\x4004'::bytea
    ELSE ''::bytea
  END || substring(gate FROM 3 + get_byte(gate, 1))
WHERE gate IS NOT NULL AND get_byte(gate, 0) = 10;

ALTER TABLE job
  ADD previous_checkpoint_sha256 bytea CHECK (octet_length(previous_checkpoint_sha256) = 32),
  ADD previous_checkpoint_iteration bigint NOT NULL DEFAULT 0,
  ADD CONSTRAINT job_previous_checkpoint CHECK (
    (previous_checkpoint_iteration > 0) = (previous_checkpoint_sha256 IS NOT NULL)
    AND (previous_checkpoint_iteration = 0 OR previous_checkpoint_iteration < checkpoint_iteration));

-- Blobs that must be there, and what needs them: an image, a model, or a training that may go on.
CREATE INDEX model_weights ON model (weights_sha256);
CREATE INDEX job_checkpoint_sha256 ON job (checkpoint_sha256) WHERE state = 'waiting';
CREATE INDEX job_previous_checkpoint_sha256 ON job (previous_checkpoint_sha256) WHERE state = 'waiting';
CREATE VIEW needed_blob AS
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
  WHERE job.state = 'waiting' AND sha256 IS NOT NULL;
