-- What dashboards read again and again.

-- What is counted of images is kept by image_facets() (db/functions/image_facets.sql), too: all are taken up
-- again.
DELETE FROM image_change;
INSERT INTO image_change SELECT project_id, id FROM image;
DROP VIEW judged_box;

-- Answers that take long to compute, by what was asked (server/rpc/kept_answers.h).
CREATE TABLE kept_answer (
  question bytea PRIMARY KEY,
  answer bytea NOT NULL,
  computed_at timestamptz NOT NULL
);

-- The labelled holdout, on which models are judged.
CREATE INDEX image_labelled_holdout ON image (project_id, id)
  WHERE side = 'holdout' AND truth_revision_id IS NOT NULL;

-- A picture that is removed is removed from uploads, too.
CREATE INDEX upload_part_file ON upload_part (file_sha256);

-- What a model's point on the learning curve takes long to compute.
CREATE TABLE curve_point (
  model_id bigint PRIMARY KEY REFERENCES model,
  -- Of the labels that it is judged by.
  holdout_sha256 bytea NOT NULL CHECK (octet_length(holdout_sha256) = 32),
  -- A loupe.v1.CurvePoint of judged_images, ap50 with its interval and agreement.
  point bytea NOT NULL
);
