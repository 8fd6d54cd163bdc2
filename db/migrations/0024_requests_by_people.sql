-- Requests that engineers make: second looks, and images that are given to one person.

ALTER TABLE task_request
  -- What they said to who answers; empty: nothing.
  ADD reason text NOT NULL DEFAULT '' CHECK (length(reason) <= 1000),
  DROP CONSTRAINT task_request_kind,
  ADD CONSTRAINT task_request_kind CHECK (kind IN ('reopen', 'class_added', 'review', 'assigned'));
ALTER TABLE task
  DROP CONSTRAINT task_kind,
  ADD CONSTRAINT task_kind CHECK (kind IN ('ranked', 'reopen', 'class_added', 'review', 'assigned'));

-- What NextTasks serves before the ranking: to one person, and to everybody (0).
DROP INDEX task_request_queue;
CREATE INDEX task_request_queue ON task_request (project_id, coalesce(target_id, 0), id)
  WHERE state = 'open' AND kind <> 'reopen';
CREATE INDEX task_request_target ON task_request (target_id)
  WHERE state = 'open' AND kind <> 'reopen' AND target_id IS NOT NULL;
CREATE UNIQUE INDEX task_request_by_people ON task_request (image_id)
  WHERE state = 'open' AND kind IN ('review', 'assigned');
