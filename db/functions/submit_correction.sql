-- Asks for a second opinion on the image of a task that was answered, in the share of cases that the project
-- wants. The image and the project's seed decide, so that nobody can tell. Few wait at a time: where nobody
-- else labels, they would only be in the way of claims.
CREATE OR REPLACE FUNCTION ask_for_opinion(answered task) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  most_waiting constant int := 200;
  asking project;
BEGIN
  SELECT * INTO STRICT asking FROM project WHERE id = answered.project_id;
  IF asking.overlap_share = 0
     OR (hashint8extended(answered.image_id, asking.seed) & 4294967295) / 4294967296.0 >= asking.overlap_share
     OR (SELECT count(*) FROM (SELECT FROM task_request
                               WHERE project_id = asking.id AND kind = 'overlap' AND state = 'open'
                               LIMIT most_waiting) waiting) = most_waiting THEN
    RETURN;
  END IF;
  INSERT INTO task_request (project_id, image_id, image_side, kind, state, created_by)
  VALUES (asking.id, answered.image_id, answered.image_side, 'overlap', 'open', answered.principal_id)
  ON CONFLICT DO NOTHING;
END $$;

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
  WHERE id = the_task.request_id AND (the_standing <> 'late' OR kind = 'reopen');
  IF the_standing = 'truth' AND the_task.kind = 'ranked' AND the_task.image_side = 'pool' THEN
    PERFORM ask_for_opinion(the_task);
  END IF;
  DELETE FROM lease
  WHERE purpose = 'label' AND subject_id = the_task.image_id AND number = the_task.lease_number;
END $$;
