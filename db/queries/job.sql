-- Jobs and their leases.

-- name: InsertTrainJob
INSERT INTO job (round_id, kind, state, images)
SELECT round.id, 'train', 'waiting',
       snapshot.images + (SELECT count(*) FROM pseudo_label WHERE snapshot_id = snapshot.id)
FROM round JOIN snapshot ON snapshot.id = round.snapshot_id WHERE round.id = $1
ON CONFLICT DO NOTHING;

-- name: InsertEvaluateJobs
-- One job for each shard of $4 images. The shards hold the labelled holdout images that model $2 has not
-- predicted. Inserts nothing if the round already has EVALUATE jobs for this model.
INSERT INTO job (round_id, kind, state, model_id, first_image_id, last_image_id, images)
SELECT $1, 'evaluate', 'waiting', $2, min(id), max(id), count(*)
FROM (SELECT image.id, (row_number() OVER (ORDER BY image.id) - 1) / $4 AS shard
      FROM usable_image image JOIN label_revision truth ON truth.id = image.truth_revision_id
      WHERE image.project_id = $3 AND image.side = 'holdout' AND truth.blind
        AND NOT EXISTS (SELECT FROM prediction WHERE model_id = $2 AND image_id = image.id OFFSET 0)) missing
WHERE NOT EXISTS (SELECT FROM job WHERE round_id = $1 AND kind = 'evaluate' AND model_id = $2)
GROUP BY shard
ON CONFLICT DO NOTHING;

-- name: InsertPredictJobs
-- One job for each shard of $4 images of the pool. Labelled images are predicted too, since the ranking
-- compares unlabelled images with them.
INSERT INTO job (round_id, kind, state, model_id, first_image_id, last_image_id, images)
SELECT $1, 'predict', 'waiting', $2, min(id), max(id), count(*)
FROM (SELECT id, (row_number() OVER (ORDER BY id) - 1) / $4 AS shard
      FROM usable_image image WHERE project_id = $3 AND side = 'pool') pool
GROUP BY shard
ON CONFLICT DO NOTHING;

-- name: InsertLabelErrorJobs
-- One for each of $2 folds.
INSERT INTO job (round_id, kind, state, fold, images)
SELECT round.id, 'find_label_errors', 'waiting', fold,
       snapshot.images + (SELECT count(*) FROM pseudo_label WHERE snapshot_id = snapshot.id)
FROM round JOIN snapshot ON snapshot.id = round.snapshot_id CROSS JOIN generate_series(1, $2) fold
WHERE round.id = $1
ON CONFLICT DO NOTHING;

-- name: CountJobs
-- The jobs of one step of a round. `open`: waiting or leased.
SELECT count(*) AS jobs, count(*) FILTER (WHERE state = 'waiting') AS open
FROM job WHERE round_id = $1 AND kind = $2;

-- name: ReadProgress
-- One row per job of the step.
SELECT state, images, progress FROM job WHERE round_id = $1 AND kind = $2 ORDER BY id;

-- name: CancelJobs
UPDATE job SET state = 'cancelled', ended_at = now() WHERE round_id = $1 AND state = 'waiting';

-- name: DeleteLeasesOfRound
-- The workers notice it at their next call.
DELETE FROM lease USING job WHERE lease.purpose = 'job' AND lease.subject_id = job.id AND job.round_id = $1;

-- name: DeleteExpiredJobLeases
WITH ended AS (
  DELETE FROM lease WHERE (purpose, subject_id) IN (
    SELECT purpose, subject_id FROM lease WHERE purpose = 'job' AND expires_at < now() FOR UPDATE SKIP LOCKED)
  RETURNING subject_id, holder_name
)
SELECT add_round_line(round_id, 'job_lost',
                      format('worker %s was not heard of for a minute: %s is free for another worker',
                             holder_name, job_text(kind, id, images)))
FROM ended JOIN job ON job.id = subject_id;

-- name: LockFreeJob
-- The oldest job without a lease. A job with $1 attempts is abandoned: it is not leased again.
SELECT job.id FROM job
WHERE job.state = 'waiting' AND job.attempts < $1
  AND NOT EXISTS (SELECT FROM lease WHERE purpose = 'job' AND subject_id = job.id)
ORDER BY job.id LIMIT 1
FOR UPDATE SKIP LOCKED;

-- name: LeaseJob
-- No row: another worker leased the job first.
-- Its number is not to be guessed.
INSERT INTO lease (purpose, subject_id, number, holder_id, holder_name, expires_at)
VALUES ('job', $1, random_number(), $2, $3, now() + $4 * interval '1 second')
ON CONFLICT DO NOTHING
RETURNING number, expires_at;

-- name: CountJobAttempt
-- Worker $2 has it now.
WITH taken AS (
  UPDATE job SET attempts = attempts + 1 WHERE id = $1
  RETURNING round_id, kind, id, images, checkpoint_iteration
)
SELECT add_round_line(round_id, 'job_taken',
                      format('worker %s took %s', $2::text, job_text(kind, id, images))
                      || CASE WHEN checkpoint_iteration > 0
                              THEN format(', from the checkpoint of iteration %s', checkpoint_iteration)
                              ELSE '' END)
FROM taken;

-- name: ForgetJobAttempts
-- Keeps one attempt: that of the worker that holds the lease.
UPDATE job SET attempts = 1, transient_failures = 0
WHERE id = $1 AND (attempts > 1 OR transient_failures > 0);

-- name: RenewJobLease
UPDATE lease SET expires_at = now() + $4 * interval '1 second'
WHERE purpose = 'job' AND subject_id = $1 AND number = $2 AND holder_id = $3
RETURNING expires_at;

-- name: LockJobLease
-- No row: the lease has ended, or is somebody else's. The lease stays locked until the transaction ends, so
-- that the job can't be leased to another worker before that.
SELECT number FROM lease
WHERE purpose = 'job' AND subject_id = $1 AND number = $2 AND holder_id = $3 FOR SHARE;

-- name: DeleteJobLease
DELETE FROM lease WHERE purpose = 'job' AND subject_id = $1 AND number = $2;

-- name: FindJob
-- For a job that predicts, the recipe is that of the round that trained its model, so that the model predicts
-- the same in every round.
SELECT job.id, job.kind, job.state, job.round_id, round.number AS round_number, project.id AS project_id,
       project.name AS project_name, intensity_low, intensity_high,
       coalesce(own.recipe, round.recipe) AS recipe,
       coalesce(job.model_id, 0) AS model_id, model.weights_sha256, coalesce(model.preset, '') AS preset,
       coalesce(job.first_image_id, 0) AS first_image_id, coalesce(job.last_image_id, 0) AS last_image_id,
       job.images, job.checkpoint_sha256, job.checkpoint_iteration,
       job.previous_checkpoint_sha256, job.previous_checkpoint_iteration,
       coalesce(job.ended_lease, 0) AS ended_lease, round.snapshot_id, coalesce(job.fold, 0) AS fold
FROM job
JOIN round ON round.id = job.round_id
JOIN project ON project.id = round.project_id
LEFT JOIN model ON model.id = job.model_id
LEFT JOIN round own ON own.id = model.round_id
WHERE job.id = $1;

-- name: HearWorker
INSERT INTO worker (principal_id, name) VALUES ($1, $2)
ON CONFLICT (principal_id, name) DO UPDATE SET last_heard = now();

-- name: HearHolder
-- The worker that holds a job.
UPDATE worker SET last_heard = now() FROM lease
WHERE lease.purpose = 'job' AND lease.subject_id = $1 AND lease.number = $2
  AND worker.principal_id = lease.holder_id AND worker.name = lease.holder_name;

-- name: ForgetWorkers
DELETE FROM worker WHERE last_heard < now() - interval '1 day';

-- name: SelectWorkers
-- Those that were heard of in the last hour, each with a job that it holds.
SELECT worker.name, worker.last_heard, is_here(worker) AS is_here,
       coalesce(held.kind, '') AS kind, coalesce(held.number, 0) AS round,
       coalesce(held.project, '') AS project
FROM worker
LEFT JOIN LATERAL (SELECT job.kind, round.number, project.name AS project
                   FROM lease
                   JOIN job ON job.id = lease.subject_id
                   JOIN round ON round.id = job.round_id
                   JOIN project ON project.id = round.project_id
                   WHERE lease.purpose = 'job' AND lease.holder_id = worker.principal_id
                     AND lease.holder_name = worker.name AND lease.expires_at > now()
                   ORDER BY job.id LIMIT 1) held ON true
WHERE worker.last_heard > now() - interval '1 hour' ORDER BY worker.name, worker.principal_id;

-- name: RoundWaitsForWorker
-- Whether jobs of the round wait and nobody works on one of them; and how many workers are there.
SELECT count(*) > 0 AND bool_and(lease.number IS NULL) AS waits,
       (SELECT count(*) FROM worker WHERE is_here(worker)) AS workers
FROM job LEFT JOIN lease ON lease.purpose = 'job' AND lease.subject_id = job.id
WHERE job.round_id = $1 AND job.state = 'waiting';

-- name: BeginTraining
-- What a round waited for a worker isn't its training.
UPDATE round SET training_at = now(), version = version + 1 FROM job
WHERE job.id = $1 AND job.kind = 'train' AND job.attempts = 1 AND round.id = job.round_id
  AND round.state = 'training';

-- name: SetJobProgress
-- Of the TRAIN job's progress, every 2^n-th is kept as a point, with the smallest n for which 400 are enough.
WITH beat AS (
  UPDATE job SET progress = $2, heartbeats = heartbeats + 1 WHERE id = $1
  RETURNING id, kind, heartbeats, 1 << greatest(0, ceil(log(2, heartbeats / 400.0)))::int AS step
), thinned AS (
  DELETE FROM training_point USING beat WHERE job_id = beat.id AND heartbeats % 200 = 1 AND number % step <> 0
)
INSERT INTO training_point (job_id, number, iteration, loss, images_per_second, ap50)
SELECT id, heartbeats, $3, $4, $5, $6 FROM beat
WHERE kind = 'train' AND heartbeats % step = 0 AND $3::bigint > 0;

-- name: SelectTrainingPoints
SELECT point.created_at, iteration, loss, images_per_second, ap50
FROM job JOIN training_point point ON point.job_id = job.id
WHERE job.round_id = $1 AND job.kind = 'train' ORDER BY number;

-- name: SetCheckpoint
-- No row: the iteration is not above that of the checkpoint before. Returns the one that is too old now.
UPDATE job SET checkpoint_sha256 = $2, checkpoint_iteration = $3,
  previous_checkpoint_sha256 = job.checkpoint_sha256, previous_checkpoint_iteration = job.checkpoint_iteration
FROM job before
WHERE job.id = $1 AND before.id = job.id AND job.checkpoint_iteration < $3
RETURNING before.previous_checkpoint_sha256;

-- name: IsCheckpoint
SELECT FROM job WHERE id = $1 AND checkpoint_sha256 = $2 AND checkpoint_iteration = $3;

-- name: DropCheckpoint
UPDATE job SET checkpoint_sha256 = previous_checkpoint_sha256,
  checkpoint_iteration = previous_checkpoint_iteration,
  previous_checkpoint_sha256 = NULL, previous_checkpoint_iteration = 0
WHERE id = $1 AND checkpoint_sha256 = $2;

-- name: JobNeedsBlob
-- A picture of the job's images, the weights that it predicts with or a checkpoint. No row: the lease has
-- ended.
SELECT coalesce($4 IN (job.checkpoint_sha256, job.previous_checkpoint_sha256, model.weights_sha256), false)
       OR EXISTS (SELECT FROM image
                  WHERE image.project_id = round.project_id AND image.sha256 = $4 AND image.state <> 'removed'
                    AND CASE WHEN job.kind IN ('train', 'find_label_errors')
                        THEN EXISTS (SELECT FROM snapshot_item
                                     WHERE snapshot_id = round.snapshot_id AND image_id = image.id)
                          OR EXISTS (SELECT FROM pseudo_label
                                     WHERE snapshot_id = round.snapshot_id AND image_id = image.id)
                        ELSE image.id BETWEEN job.first_image_id AND job.last_image_id
                          AND image.side = CASE job.kind WHEN 'evaluate' THEN 'holdout' ELSE 'pool' END END)
FROM lease
JOIN job ON job.id = lease.subject_id
JOIN round ON round.id = job.round_id
LEFT JOIN model ON model.id = job.model_id
WHERE lease.purpose = 'job' AND lease.subject_id = $1 AND lease.number = $2 AND lease.holder_id = $3;

-- name: SelectRates
-- The latest jobs of this kind that are done and said how fast they were. For a job that predicts, the recipe
-- is that of the round that trained its model.
SELECT coalesce(own.recipe, round.recipe) AS recipe, job.progress
FROM job
JOIN round ON round.id = job.round_id
LEFT JOIN model ON model.id = job.model_id
LEFT JOIN round own ON own.id = model.round_id
WHERE job.kind = $1 AND job.state = 'done' AND job.progress IS NOT NULL
ORDER BY job.id DESC LIMIT $2;

-- name: CompleteJob
UPDATE job SET state = 'done', ended_at = now(), ended_lease = $2 WHERE id = $1;

-- name: FailJob
UPDATE job SET state = 'failed', ended_at = now(), ended_lease = $2, error = $3 WHERE id = $1;

-- name: CountTransientFailure
-- Sets the attempts to 0: they count only leases that expired in a row, and this failure was reported.
UPDATE job SET transient_failures = transient_failures + 1, attempts = 0 WHERE id = $1
RETURNING transient_failures;

-- name: ReleaseJob
-- Takes back the attempt that this lease counted: only leases that expired count as attempts.
UPDATE job SET attempts = greatest(attempts - 1, 0) WHERE id = $1;

-- name: FindAbandonedJob
-- A job of this round whose leases expired $2 times in a row without progress.
SELECT kind FROM job
WHERE round_id = $1 AND state = 'waiting' AND attempts >= $2
  AND NOT EXISTS (SELECT FROM lease WHERE purpose = 'job' AND subject_id = job.id AND expires_at > now())
ORDER BY id LIMIT 1;
