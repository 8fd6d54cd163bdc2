-- Jobs and their leases.

-- name: InsertTrainJob
INSERT INTO job (round_id, kind, state, images)
SELECT round.id, 'train', 'waiting',
       snapshot.images + (SELECT count(*) FROM pseudo_label WHERE snapshot_id = snapshot.id)
FROM round JOIN snapshot ON snapshot.id = round.snapshot_id WHERE round.id = $1
ON CONFLICT DO NOTHING;

-- name: InsertEvaluateJobs
-- Shards of $4 of the labelled holdout images that model $2 has not predicted. Nothing where it has jobs
-- already.
INSERT INTO job (round_id, kind, state, model_id, first_image_id, last_image_id, images)
SELECT $1, 'evaluate', 'waiting', $2, min(id), max(id), count(*)
FROM (SELECT image.id, (row_number() OVER (ORDER BY image.id) - 1) / $4 AS shard
      FROM image JOIN label_revision head ON head.id = image.head_revision_id
      WHERE image.project_id = $3 AND image.side = 'holdout' AND head.blind
        AND NOT EXISTS (SELECT FROM prediction WHERE model_id = $2 AND image_id = image.id OFFSET 0)) missing
WHERE NOT EXISTS (SELECT FROM job WHERE round_id = $1 AND kind = 'evaluate' AND model_id = $2)
GROUP BY shard
ON CONFLICT DO NOTHING;

-- name: InsertPredictJobs
-- Shards of $4 of the pool, labelled images too: what is to be chosen next is compared with them.
INSERT INTO job (round_id, kind, state, model_id, first_image_id, last_image_id, images)
SELECT $1, 'predict', 'waiting', $2, min(id), max(id), count(*)
FROM (SELECT id, (row_number() OVER (ORDER BY id) - 1) / $4 AS shard
      FROM image WHERE project_id = $3 AND side = 'pool') pool
GROUP BY shard
ON CONFLICT DO NOTHING;

-- name: CountJobs
-- Of one step of a round: all, and those that wait or run.
SELECT count(*), count(*) FILTER (WHERE state = 'waiting')
FROM job WHERE round_id = $1 AND kind = $2;

-- name: SelectJobsOfKind
-- For the progress of a step.
SELECT state, images, progress FROM job WHERE round_id = $1 AND kind = $2 ORDER BY id;

-- name: CancelJobs
UPDATE job SET state = 'cancelled', ended_at = now() WHERE round_id = $1 AND state = 'waiting';

-- name: DeleteJobLeases
-- Their workers notice at their next call.
DELETE FROM lease USING job WHERE lease.purpose = 'job' AND lease.subject_id = job.id AND job.round_id = $1;

-- name: DeleteExpiredJobLeases
DELETE FROM lease WHERE (purpose, subject_id) IN (
  SELECT purpose, subject_id FROM lease WHERE purpose = 'job' AND expires_at < now() FOR UPDATE SKIP LOCKED);

-- name: LockFreeJob
-- The oldest job that nobody has, those left out that were lost $1 times.
SELECT job.id FROM job
WHERE job.state = 'waiting' AND job.attempts < $1
  AND NOT EXISTS (SELECT FROM lease WHERE purpose = 'job' AND subject_id = job.id)
ORDER BY job.id LIMIT 1
FOR UPDATE SKIP LOCKED;

-- name: InsertJobLease
-- No row when somebody was faster.
INSERT INTO lease (purpose, subject_id, holder_id, holder_name, expires_at)
VALUES ('job', $1, $2, $3, now() + $4 * interval '1 second')
ON CONFLICT DO NOTHING
RETURNING number, expires_at;

-- name: CountJobAttempt
UPDATE job SET attempts = attempts + 1 WHERE id = $1;

-- name: ForgetJobAttempts
-- The job went forward: what was lost before was not the job's fault.
UPDATE job SET attempts = 1 WHERE id = $1 AND attempts > 1;

-- name: RenewJobLease
UPDATE lease SET expires_at = now() + $3 * interval '1 second'
WHERE purpose = 'job' AND subject_id = $1 AND number = $2
RETURNING expires_at;

-- name: HoldJobLease
-- Locks the lease until the transaction ends, so that it can't be given to another meanwhile.
SELECT number FROM lease WHERE purpose = 'job' AND subject_id = $1 AND number = $2 FOR SHARE;

-- name: DeleteJobLease
DELETE FROM lease WHERE purpose = 'job' AND subject_id = $1 AND number = $2;

-- name: SelectJob
-- What a job is, with what its worker needs. The recipe is of the round that trained the predicting model, so
-- that a model predicts alike in every round.
SELECT job.id, job.kind, job.state, job.round_id, round.number, project.id, project.name,
       coalesce(own.recipe, round.recipe), coalesce(job.model_id, 0), model.weights_sha256,
       coalesce(model.preset, ''), coalesce(job.first_image_id, 0), coalesce(job.last_image_id, 0),
       job.images,
       job.checkpoint_sha256, job.checkpoint_iteration, coalesce(job.ended_lease, 0), round.snapshot_id
FROM job
JOIN round ON round.id = job.round_id
JOIN project ON project.id = round.project_id
LEFT JOIN model ON model.id = job.model_id
LEFT JOIN round own ON own.id = model.round_id
WHERE job.id = $1;

-- name: SelectClassesOfProject
SELECT label, name FROM class WHERE project_id = $1 ORDER BY label;

-- name: SetJobProgress
UPDATE job SET progress = $2 WHERE id = $1;

-- name: SetCheckpoint
-- No row when the iteration is not above the one before.
UPDATE job SET checkpoint_sha256 = $2, checkpoint_iteration = $3
WHERE id = $1 AND checkpoint_iteration < $3 RETURNING id;

-- name: EndJob
UPDATE job SET state = 'done', ended_at = now(), ended_lease = $2 WHERE id = $1;

-- name: FailJob
UPDATE job SET state = 'failed', ended_at = now(), ended_lease = $2, error = $3 WHERE id = $1;

-- name: CountTransientFailure
UPDATE job SET transient_failures = transient_failures + 1, attempts = 0 WHERE id = $1
RETURNING transient_failures;

-- name: GiveBackJob
-- An orderly end is no lost attempt.
UPDATE job SET attempts = greatest(attempts - 1, 0) WHERE id = $1;

-- name: SelectLostJob
-- A job of this round that was lost $2 times without going forward.
SELECT kind, attempts FROM job
WHERE round_id = $1 AND state = 'waiting' AND attempts >= $2
  AND NOT EXISTS (SELECT FROM lease WHERE purpose = 'job' AND subject_id = job.id AND expires_at > now())
ORDER BY id LIMIT 1;
