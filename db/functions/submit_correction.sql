-- Stores a person's correction: adds it as a revision, ends the task as answered, and deletes the lease. A
-- time of 0 is replaced by what the coordinator measured: from serving the task, or from this person's answer
-- before it, whichever was later; it stays 0 if the lease has ended. The arrays are those of append_revision.
-- Requires: the task's row is locked. Locks: the image's row.
CREATE OR REPLACE FUNCTION submit_correction(
  corrected_task bigint, lease_ended boolean, the_spent_ms int, the_client text, the_note text,
  the_flags text[],
  corners real[], labels int[], origins text[], ignores boolean[], shown int[], ids bigint[], spent int[],
  outcomes text[],
  OUT the_revision bigint, OUT the_number int, OUT the_standing text)
LANGUAGE plpgsql AS $$
DECLARE
  the_task task;
BEGIN
  SELECT * INTO STRICT the_task FROM task WHERE id = corrected_task;
  IF the_spent_ms = 0 AND NOT lease_ended THEN
    -- Below 0 if the clock was turned back meanwhile: then the time is not known.
    SELECT greatest(extract(epoch FROM now() - greatest(the_task.created_at, max(ended_at))) * 1000, 0)
    INTO the_spent_ms
    FROM task
    WHERE principal_id = the_task.principal_id AND state = 'answered' AND ended_at > the_task.created_at;
  END IF;
  SELECT added.the_revision, added.the_number, added.the_standing
  INTO STRICT the_revision, the_number, the_standing
  FROM append_revision(the_task.image_id, CASE WHEN the_task.based_on IS NULL THEN 'task' ELSE 'reopen' END,
                       the_task.principal_id, the_task.id,
                       CASE the_task.kind WHEN 'ranked' THEN the_task.shown_model_id IS NULL
                                          ELSE the_task.blind END,
                       lease_ended, the_spent_ms, the_task.based_on, the_client, the_note, the_flags,
                       corners, labels, origins, ignores, shown, ids, spent, outcomes) added;
  INSERT INTO answer (principal_id, project_id, image_id, revision_id, boxes, spent_ms, created_at)
  SELECT the_task.principal_id, the_task.project_id, image_id, id, cardinality(labels), spent_ms, created_at
  FROM label_revision WHERE id = the_revision;
  UPDATE task SET state = 'answered', ended_at = now(), revision_id = the_revision WHERE id = the_task.id;
  -- A late answer doesn't tell the truth: what was asked stays open.
  UPDATE task_request SET state = 'answered', ended_at = now()
  WHERE id = the_task.request_id AND (the_standing = 'truth' OR kind = 'reopen');
  DELETE FROM lease
  WHERE purpose = 'label' AND subject_id = the_task.image_id AND number = the_task.lease_number;
END $$;
