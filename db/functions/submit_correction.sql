-- Stores a person's correction: adds it as a revision, ends the task as answered, and deletes the lease.
-- The arrays are those of append_revision. Requires: the task's row is locked. Locks: the image's row.
CREATE OR REPLACE FUNCTION submit_correction(
  corrected_task bigint, INOUT is_late boolean, the_spent_ms int,
  corners real[], labels int[], origins text[], ignores boolean[], predicted int[],
  rejected int[], rejected_labels int[], rejected_scores real[], rejected_corners real[],
  OUT the_revision bigint, OUT the_number int)
LANGUAGE plpgsql AS $$
DECLARE
  the_task task;
BEGIN
  SELECT * INTO STRICT the_task FROM task WHERE id = corrected_task;
  SELECT added.is_late, added.the_revision, added.the_number INTO STRICT is_late, the_revision, the_number
  FROM append_revision(the_task.image_id, 'task', the_task.principal_id, the_task.id,
                       the_task.shown_model_id IS NULL, is_late, the_spent_ms,
                       corners, labels, origins, ignores, predicted,
                       rejected, rejected_labels, rejected_scores, rejected_corners) added;
  UPDATE task SET state = 'answered', ended_at = now(), revision_id = the_revision WHERE id = the_task.id;
  DELETE FROM lease
  WHERE purpose = 'label' AND subject_id = the_task.image_id AND number = the_task.lease_number;
END $$;
