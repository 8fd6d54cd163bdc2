-- Second opinions: images that a second person labels without seeing the first one's answer.

ALTER TABLE project
  -- Share of the answers of the pool after which a second person is asked.
  ADD overlap_share double precision NOT NULL DEFAULT 0
    CONSTRAINT project_overlap_share CHECK (overlap_share >= 0 AND overlap_share <= 0.5);
ALTER TABLE task_request
  DROP CONSTRAINT task_request_kind,
  ADD CONSTRAINT task_request_kind CHECK (kind IN ('reopen', 'class_added', 'review', 'assigned', 'overlap'));
-- An image gets one second opinion.
CREATE UNIQUE INDEX task_request_overlap ON task_request (image_id) WHERE kind = 'overlap';
CREATE INDEX task_request_overlap_open ON task_request (project_id) WHERE kind = 'overlap' AND state = 'open';
ALTER TABLE task
  DROP CONSTRAINT task_kind,
  ADD CONSTRAINT task_kind
    CHECK (kind IN ('ranked', 'reopen', 'class_added', 'review', 'assigned', 'overlap'));
-- opinion: a second person's answer, kept beside the truth.
ALTER TABLE label_revision
  DROP CONSTRAINT label_revision_standing,
  ADD CONSTRAINT label_revision_standing
    CHECK (standing IN ('truth', 'late', 'withdrawn', 'restored', 'opinion'));
CREATE INDEX label_revision_opinion ON label_revision (image_id) WHERE standing = 'opinion';
