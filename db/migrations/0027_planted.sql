-- Planted errors: tasks that show a known image with one wrong box, to see whether its reviewer looks.

ALTER TABLE project
  -- Share of an annotator's assisted tasks that are planted.
  ADD planted_share double precision NOT NULL DEFAULT 0
    CONSTRAINT project_planted_share CHECK (planted_share >= 0 AND planted_share <= 0.2);
ALTER TABLE task
  DROP CONSTRAINT task_kind,
  ADD CONSTRAINT task_kind
    CHECK (kind IN ('ranked', 'reopen', 'class_added', 'review', 'assigned', 'overlap', 'planted')),
  DROP CONSTRAINT task_request_of_kind,
  ADD CONSTRAINT task_request_of_kind CHECK ((kind IN ('ranked', 'planted')) = (request_id IS NULL));
-- planted: the answer to a planted task, or to one that opened such an answer again. Never the truth.
ALTER TABLE label_revision
  DROP CONSTRAINT label_revision_standing,
  ADD CONSTRAINT label_revision_standing
    CHECK (standing IN ('truth', 'late', 'withdrawn', 'restored', 'opinion', 'planted'));

-- What is wrong in a planted task.
CREATE TABLE planted_error (
  task_id bigint PRIMARY KEY REFERENCES task,
  kind text NOT NULL CHECK (kind IN ('shifted', 'relabelled', 'invented', 'deleted')),
  -- The wrong box as it is shown; of `deleted` the true one that isn't.
  label int NOT NULL,
  x1 real NOT NULL,
  y1 real NOT NULL,
  x2 real NOT NULL,
  y2 real NOT NULL,
  -- Corners of each shown box's partner in the mirrored image, four a box in order of ordinal; or none.
  partners real[] NOT NULL
);
