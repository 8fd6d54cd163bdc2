-- What people have answered, for themselves to look at; and boxes that were accepted with all that were left.

ALTER TABLE outcome
  DROP CONSTRAINT outcome_outcome_check,
  -- accepted_at_once: accepted by one act, with all that were left.
  ADD CONSTRAINT outcome_known CHECK (outcome IN ('accepted', 'accepted_at_once', 'adjusted', 'relabelled',
                                                  'rejected', 'dropped', 'hidden'));

-- What is counted and listed of each answer that a person gave to a task. It all follows from label_revision,
-- task and label_box; from there the totals of somebody with 100,000 answers took almost a second.
CREATE TABLE answer (
  principal_id bigint NOT NULL,
  project_id bigint NOT NULL,
  image_id bigint NOT NULL,
  revision_id bigint NOT NULL,
  boxes int NOT NULL CHECK (boxes >= 0),
  spent_ms int NOT NULL CHECK (spent_ms >= 0),
  -- As in label_revision.
  created_at timestamptz NOT NULL,
  -- In the order in which they are listed.
  PRIMARY KEY (principal_id, project_id, revision_id) INCLUDE (image_id)
);
INSERT INTO answer
SELECT task.principal_id, task.project_id, task.image_id, revision.id,
       (SELECT count(*) FROM label_box WHERE revision_id = revision.id), revision.spent_ms, revision.created_at
FROM task JOIN label_revision revision ON revision.id = task.revision_id
ORDER BY revision.id;
ALTER TABLE answer
  ADD FOREIGN KEY (principal_id) REFERENCES principal,
  ADD FOREIGN KEY (project_id) REFERENCES project,
  ADD FOREIGN KEY (revision_id, image_id) REFERENCES label_revision (id, image_id);
-- Read alone for the totals, an image's answers together.
CREATE INDEX answer_totals ON answer (principal_id, project_id, image_id, revision_id)
  INCLUDE (boxes, spent_ms, created_at);
