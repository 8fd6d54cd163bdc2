-- Projects: their settings, classes and counts.

-- name: InsertProject
-- No row: the name is taken.
INSERT INTO project (name, seed, holdout_fraction, holdout_target, strategy) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (name) DO NOTHING RETURNING id;

-- name: InsertClasses
INSERT INTO class (project_id, label, name)
SELECT $1, ordinality, name FROM unnest($2::text[]) WITH ORDINALITY AS listed (name, ordinality);

-- name: InsertFirstRanking
INSERT INTO ranking (project_id, generation, strategy, seed, state, activated_at)
VALUES ($1, 0, 'random', $2, 'active', now());

-- name: RenameProject
-- No row: another project has the name. The lock makes two renames wait for each other.
WITH alone AS (SELECT pg_advisory_xact_lock(2, 3))
UPDATE project SET name = $2 FROM alone
WHERE project.id = $1 AND NOT EXISTS (SELECT FROM project other WHERE other.name = $2 AND other.id <> $1)
RETURNING project.id;

-- name: RenameClass
UPDATE class SET name = $3 WHERE project_id = $1 AND label = $2;

-- name: FindProject
-- The project of this name. An empty name matches every project; two rows mean that there are several.
SELECT id, name FROM project WHERE name = $1 OR $1 = '' ORDER BY id LIMIT 2;

-- name: SelectProjects
-- At most $2 projects with ids from $1 up, in order of id.
SELECT project.id, project.name, seed, holdout_fraction, holdout_target, strategy, created_at,
       array_agg(class.name ORDER BY class.label) AS classes
FROM project JOIN class ON class.project_id = project.id
WHERE project.id >= $1 GROUP BY project.id ORDER BY project.id LIMIT $2;

-- name: SelectClasses
SELECT label, name FROM class WHERE project_id = $1 ORDER BY label;

-- name: CountPoolImages
SELECT count(*) FROM image WHERE project_id = $1 AND side = 'pool';

-- name: CountImages
-- A holdout image counts as labelled only if its labels were drawn blind. The labelled holdout images are a
-- random sample if in order of sampling_key they come before all that are to be labelled.
SELECT count(*) FILTER (WHERE side = 'pool') AS pool,
       count(*) FILTER (WHERE side = 'pool' AND truth_revision_id IS NOT NULL) AS pool_labelled,
       count(*) FILTER (WHERE side = 'holdout') AS holdout,
       count(*) FILTER (WHERE side = 'holdout' AND truth.blind) AS holdout_labelled,
       coalesce(max(sampling_key) FILTER (WHERE side = 'holdout' AND truth.blind)
                < min(sampling_key) FILTER (WHERE side = 'holdout' AND truth.id IS NULL),
                bool_or(truth.blind) FILTER (WHERE side = 'holdout'), false) AS random_sample
FROM usable_image image LEFT JOIN label_revision truth ON truth.id = image.truth_revision_id
WHERE project_id = $1;

-- name: CountUnusable
-- Images that are not used, by state.
SELECT count(*) FILTER (WHERE state = 'set_aside') AS set_aside,
       count(*) FILTER (WHERE state = 'excluded') AS excluded,
       count(*) FILTER (WHERE state = 'removed') AS removed
FROM image WHERE project_id = $1 AND state <> 'usable';

-- name: CountClasses
-- Boxes of the truth, and images that show them, per class. Regions to ignore are not counted.
SELECT class.label, class.name, count(box.revision_id) AS boxes, count(DISTINCT box.revision_id) AS images
FROM class
LEFT JOIN (SELECT label_box.* FROM usable_image JOIN label_box ON revision_id = truth_revision_id
           WHERE project_id = $1 AND NOT ignore) box ON box.label = class.label
WHERE class.project_id = $1 GROUP BY class.label, class.name ORDER BY class.label;

-- name: CountOrigins
SELECT count(*) FILTER (WHERE origin = 'drawn') AS drawn,
       count(*) FILTER (WHERE origin = 'accepted') AS accepted,
       count(*) FILTER (WHERE origin = 'adjusted') AS adjusted,
       count(*) FILTER (WHERE origin = 'relabelled') AS relabelled,
       count(*) FILTER (WHERE origin = 'imported') AS imported,
       (SELECT count(*) FROM usable_image JOIN outcome ON revision_id = truth_revision_id
        WHERE project_id = $1 AND outcome = 'rejected') AS rejected,
       (SELECT count(*) FROM usable_image JOIN outcome ON revision_id = truth_revision_id
        WHERE project_id = $1 AND outcome = 'dropped') AS dropped
FROM usable_image JOIN label_box ON revision_id = truth_revision_id WHERE project_id = $1;

-- name: SelectActivity
SELECT (SELECT count(*) FROM lease JOIN task ON task.id = lease.task_id
        WHERE task.project_id = $1) AS open_leases,
       coalesce((SELECT number FROM model WHERE project_id = $1 AND state = 'serving'), 0) AS serving_model,
       coalesce((SELECT max(number) FROM round WHERE project_id = $1), 0) AS latest_round,
       coalesce((SELECT state FROM round WHERE project_id = $1 ORDER BY number DESC LIMIT 1), '')
           AS latest_round_state,
       (SELECT count(*) FROM ranking
        JOIN ranking_entry ON ranking_id = ranking.id AND position >= first_open
        JOIN usable_image image ON image.id = image_id AND truth_revision_id IS NULL
        WHERE ranking.project_id = $1 AND ranking.state = 'active') AS queue_length;
