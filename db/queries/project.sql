-- Projects: their settings, classes and counts.

-- name: InsertProject
-- No row: the name is taken.
INSERT INTO project (name, seed, holdout_fraction, holdout_target, strategy, intensity_low, intensity_high)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (name) WHERE deleted_at IS NULL DO NOTHING RETURNING id;

-- name: InsertClasses
-- Empty colours and keys: none.
INSERT INTO class (project_id, label, name, color, key)
SELECT $1, ordinality, name, nullif(color, ''), nullif(key, '')
FROM unnest($2::text[], $3::text[], $4::text[]) WITH ORDINALITY AS listed (name, color, key, ordinality);

-- name: InsertFirstRanking
INSERT INTO ranking (project_id, generation, strategy, seed, state, activated_at)
VALUES ($1, 0, 'random', $2, 'active', now());

-- name: RenameProject
-- No row: another project has the name. The lock makes two renames wait for each other.
WITH alone AS (SELECT pg_advisory_xact_lock(2, 3))
UPDATE project SET name = $2 FROM alone
WHERE project.id = $1 AND NOT EXISTS (SELECT FROM project other
                                      WHERE other.name = $2 AND other.id <> $1 AND other.deleted_at IS NULL)
RETURNING project.id;

-- name: SetIntensityRange
-- Changes nothing if the project has a round. Requires LockProjectNumbers.
UPDATE project SET intensity_low = $2, intensity_high = $3
WHERE id = $1 AND NOT EXISTS (SELECT FROM round WHERE project_id = $1);

-- name: SetQualityControl
-- NULL: it stays as it is.
UPDATE project SET overlap_share = coalesce($2, overlap_share), planted_share = coalesce($3, planted_share),
                   pause_on_alarm = coalesce($4, pause_on_alarm),
                   reveal_planted = coalesce($5, reveal_planted)
WHERE id = $1;

-- name: RenameClass
UPDATE class SET name = $3 WHERE project_id = $1 AND label = $2;

-- name: SetClassDisplay
-- Requires LockClasses.
UPDATE class SET color = nullif($3, ''), key = nullif($4, '') WHERE project_id = $1 AND label = $2;

-- name: LockClasses
-- Waits for answers and removals that don't see the change of classes, and makes later ones wait.
SELECT pg_advisory_xact_lock(3, ($1::bigint & 2147483647)::int);

-- name: AddClass
-- Requires LockClasses. Images that were labelled before are asked about again.
WITH added AS (
  INSERT INTO class (project_id, label, name, created_at)
  SELECT $1, max(label) + 1, $2, clock_timestamp() FROM class WHERE project_id = $1
  RETURNING project_id, label
)
INSERT INTO task_request (project_id, image_id, image_side, kind, class_label, state, created_by)
SELECT added.project_id, image.id, image.side, 'class_added', added.label, 'open', $3
FROM added
JOIN image ON image.project_id = added.project_id AND image.state <> 'removed'
JOIN label_revision truth ON truth.id = image.truth_revision_id AND (image.side = 'pool' OR truth.blind);

-- name: RetireClass
-- Requires LockClasses. Nobody is asked about it any more.
WITH retired AS (
  UPDATE class SET retired_at = now(), key = NULL WHERE project_id = $1 AND label = $2 AND retired_at IS NULL
  RETURNING project_id, label
)
UPDATE task_request SET state = 'cancelled', ended_at = now() FROM retired
WHERE task_request.project_id = retired.project_id AND class_label = retired.label AND state = 'open';

-- name: DeleteProject
UPDATE project SET deleted_at = now() WHERE id = $1 AND deleted_at IS NULL;

-- name: SelectImagesToErase
-- At most $1 images of deleted projects whose pictures are still there.
SELECT image.id, sha256 FROM project JOIN image ON image.project_id = project.id
WHERE project.deleted_at IS NOT NULL AND image.state <> 'removed' ORDER BY image.id LIMIT $1;

-- name: FindProject
-- The project of this name. An empty name matches every project; the first eleven are returned.
SELECT id, name FROM project WHERE (name = $1 OR $1 = '') AND deleted_at IS NULL ORDER BY id LIMIT 11;

-- name: SelectProjects
-- At most $2 projects with ids from $1 up, in order of id.
SELECT project.id, project.name, seed, holdout_fraction, holdout_target, strategy, project.created_at,
       intensity_low, intensity_high, overlap_share, planted_share, pause_on_alarm, reveal_planted,
       array_agg(class.name ORDER BY class.label) AS classes,
       array_agg(coalesce(class.color, '') ORDER BY class.label) AS colors,
       array_agg(coalesce(class.key, '') ORDER BY class.label) AS keys,
       coalesce((SELECT max(version) FROM guidelines WHERE guidelines.project_id = project.id), 0)
           AS guidelines_version,
       coalesce(array_agg(class.label) FILTER (WHERE retired_at IS NOT NULL), '{}') AS retired
FROM project JOIN class ON class.project_id = project.id
WHERE project.id >= $1 AND deleted_at IS NULL GROUP BY project.id ORDER BY project.id LIMIT $2;

-- name: SelectClasses
SELECT label, name, retired_at IS NOT NULL AS retired, coalesce(key, '') AS key
FROM class WHERE project_id = $1 ORDER BY label;

-- name: InsertGuidelines
-- Requires LockProjectNumbers.
INSERT INTO guidelines (project_id, version, content, author_id)
SELECT $1, coalesce(max(version), 0) + 1, $2, $3 FROM guidelines WHERE project_id = $1
RETURNING version;

-- name: SelectGuidelines
-- Version $2, or the latest if it is 0.
SELECT version, content, author.name AS author, guidelines.created_at
FROM guidelines JOIN principal author ON author.id = author_id
WHERE project_id = $1 AND $2 IN (0, version) ORDER BY version DESC LIMIT 1;

-- name: SelectRetiredLabels
SELECT label FROM class WHERE project_id = $1 AND retired_at IS NOT NULL;

-- name: SelectClassesOfJob
-- Classes that model $2 knows or, if it is 0, that the project had when snapshot $3 was taken.
SELECT label, name, retired_at IS NOT NULL AS retired, '' AS key FROM class
WHERE project_id = $1
  AND label <= coalesce(CASE WHEN $2 = 0 THEN (SELECT class_count FROM snapshot WHERE id = $3)
                             ELSE (SELECT class_count FROM model WHERE id = $2) END,
                        (SELECT count(*) FROM class WHERE project_id = $1 AND created_at = '-infinity'))
ORDER BY label;

-- name: CountBlindBeforeUnlabelled
-- Blindly labelled images of the holdout that come, in order of sampling_key, before all unlabelled ones.
SELECT count(*)
FROM usable_image image JOIN label_revision truth ON truth.id = image.truth_revision_id AND truth.blind
WHERE project_id = $1 AND side = 'holdout'
  AND sampling_key < coalesce((SELECT sampling_key FROM usable_image
                               WHERE project_id = $1 AND side = 'holdout' AND truth_revision_id IS NULL
                               ORDER BY sampling_key LIMIT 1), 'infinity');

-- name: SelectActivity
SELECT (SELECT count(*) FROM lease JOIN task ON task.id = lease.task_id
        WHERE task.project_id = $1) AS open_leases,
       (SELECT count(*) FROM task JOIN usable_image image ON image.id = task.image_id
        WHERE task.project_id = $1 AND task.kind IN ('overlap', 'planted') AND task.state = 'answered')
           AS answers_beside_truth,
       coalesce((SELECT number FROM model WHERE project_id = $1 AND state = 'serving'), 0) AS serving_model,
       coalesce((SELECT max(number) FROM round WHERE project_id = $1), 0) AS latest_round,
       coalesce((SELECT state FROM round WHERE project_id = $1 ORDER BY number DESC LIMIT 1), '')
           AS latest_round_state,
       (SELECT count(*) FROM ranking
        JOIN ranking_entry ON ranking_id = ranking.id AND position >= first_open
        JOIN usable_image image ON image.id = image_id AND truth_revision_id IS NULL
        WHERE ranking.project_id = $1 AND ranking.state = 'active') AS queue_length;
