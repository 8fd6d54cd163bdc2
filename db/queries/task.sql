-- Tasks and the leases on their images.

-- name: ClaimTasks
SELECT claim_tasks($1, $2, $3, make_interval(secs => $4));

-- name: SelectTasks
-- Leased tasks, with the predicted boxes that they show.
SELECT shown.*, task.id AS task_id, task.lease_number, task.blind, lease.expires_at, task.position,
       task.slice, task.score, task.probability, ranking.generation,
       coalesce(ranked_model.number, 0) AS ranked_model,
       prediction.corners, prediction.labels, prediction.scores
FROM task
JOIN lease ON lease.task_id = task.id
JOIN shown_image shown ON shown.id = task.image_id
JOIN ranking ON ranking.id = task.ranking_id
LEFT JOIN model ranked_model ON ranked_model.id = ranking.model_id
LEFT JOIN prediction ON prediction.model_id = task.shown_model_id AND prediction.image_id = task.image_id
WHERE task.id = ANY ($1::bigint[]) ORDER BY task.position;

-- name: LockTask
SELECT task.principal_id, task.lease_number, task.state, image.width, image.height,
       coalesce(lease.expires_at > now(), false) AS held,
       (SELECT max(label) FROM class WHERE class.project_id = task.project_id) AS classes,
       prediction.corners, prediction.labels, prediction.scores
FROM task
JOIN image ON image.id = task.image_id
LEFT JOIN lease ON lease.number = task.lease_number
LEFT JOIN prediction ON prediction.model_id = task.shown_model_id AND prediction.image_id = task.image_id
WHERE task.id = $1 FOR UPDATE OF task;

-- name: SubmitCorrection
SELECT the_revision, the_number, is_late
FROM submit_correction($1, $2, $3, $4::real[], $5::int[], $6::text[], $7::boolean[], $8::int[], $9::int[],
                       $10::int[], $11::real[], $12::real[]);

-- name: EndTask
UPDATE task SET state = $2, ended_at = now() WHERE id = $1;

-- name: DeleteLabelLease
DELETE FROM lease WHERE number = $1 AND purpose = 'label';

-- name: RenewLeases
-- Tasks whose leases have not ended are locked first, so that ExpireTasks skips them.
WITH held AS (
  SELECT lease.number, task.id AS task_id FROM unnest($2::bigint[], $3::bigint[]) AS named (task_id, number)
  JOIN task ON task.id = named.task_id AND task.principal_id = $1 AND task.state = 'leased'
  JOIN lease ON lease.number = named.number AND lease.task_id = task.id AND lease.expires_at > now()
  ORDER BY task.id FOR UPDATE OF task, lease
)
UPDATE lease SET expires_at = now() + make_interval(secs => $4) FROM held WHERE lease.number = held.number
RETURNING held.task_id, lease.expires_at;

-- name: ExpireTasks
-- Skips tasks that are being submitted or renewed: their rows are locked.
WITH ended AS (
  SELECT task.id, lease.number FROM lease JOIN task ON task.id = lease.task_id
  WHERE lease.purpose = 'label' AND lease.expires_at < now()
  ORDER BY lease.expires_at LIMIT 1000 FOR UPDATE OF task, lease SKIP LOCKED
), expired AS (
  UPDATE task SET state = 'expired', ended_at = now() FROM ended
  WHERE task.id = ended.id AND task.state = 'leased'
)
DELETE FROM lease USING ended WHERE lease.number = ended.number;
