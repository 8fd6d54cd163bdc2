-- Likely errors in labels, and the jobs that look for them.

ALTER TABLE job DROP CONSTRAINT job_kind_check, DROP CONSTRAINT job_model, DROP CONSTRAINT job_range,
  -- Of a search for label errors: the fold that is held out, from 1.
  ADD fold int CHECK (fold >= 1);
ALTER TABLE job
  ADD CONSTRAINT job_kind_check CHECK (kind IN ('train', 'evaluate', 'predict', 'find_label_errors')),
  ADD CONSTRAINT job_model CHECK ((kind IN ('train', 'find_label_errors')) = (model_id IS NULL)),
  ADD CONSTRAINT job_range CHECK ((kind IN ('train', 'find_label_errors')) = (first_image_id IS NULL)
                                  AND (first_image_id IS NULL) = (last_image_id IS NULL)),
  ADD CONSTRAINT job_fold CHECK ((kind = 'find_label_errors') = (fold IS NOT NULL));
DROP INDEX job_once;
CREATE UNIQUE INDEX job_once
  ON job (round_id, kind, coalesce(model_id, 0), coalesce(first_image_id, 0), coalesce(fold, 0));

-- After its model serves, a round may look for label errors.
ALTER TABLE round DROP CONSTRAINT round_state_check, ADD checking_at timestamptz;
ALTER TABLE round ADD CONSTRAINT round_state_check
  CHECK (state IN ('waiting', 'training', 'evaluating', 'predicting', 'ranking', 'checking', 'done', 'failed',
                   'cancelled'));

CREATE TABLE label_error (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  round_id bigint NOT NULL REFERENCES round,
  image_id bigint NOT NULL REFERENCES image,
  -- The truth that was searched. The error is open while it is the truth.
  revision_id bigint NOT NULL REFERENCES label_revision,
  kind text NOT NULL CHECK (kind IN ('missing', 'moved', 'wrong_class', 'invented')),
  -- The box that seems wrong.
  box_id bigint,
  -- What should be there instead: corners in pixels, and class.
  corners real[] CHECK (cardinality(corners) = 4),
  label int,
  log_odds double precision NOT NULL CHECK (log_odds > 0),
  found_at timestamptz NOT NULL DEFAULT now(),
  -- What the next truth made of it.
  mended boolean,
  CONSTRAINT label_error_box CHECK ((kind = 'missing') = (box_id IS NULL)),
  CONSTRAINT label_error_proposed CHECK ((kind = 'invented') = (corners IS NULL)
                                         AND (corners IS NULL) = (label IS NULL))
);
CREATE INDEX label_error_image ON label_error (image_id);
CREATE INDEX label_error_round ON label_error (round_id, log_odds DESC, id);

DROP INDEX round_running;
CREATE UNIQUE INDEX round_running ON round (project_id)
  WHERE state IN ('training', 'evaluating', 'predicting', 'ranking', 'checking');
ALTER TABLE round DROP CONSTRAINT round_model;
ALTER TABLE round ADD CONSTRAINT round_model
  CHECK (state NOT IN ('evaluating', 'predicting', 'ranking', 'checking', 'done') OR model_id IS NOT NULL);
