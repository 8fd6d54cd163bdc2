-- Fills the project `bench` with labels of three years, past the API: as many images as the psql variable
-- `images` says (a multiple of 100), with five boxes each. 20 models, 50 people and one who labelled ten
-- images. Every tenth image was corrected once. A revision's place in time has nothing to do with its image's
-- place, as rankings serve images. The hashes are made up.
BEGIN;
SET LOCAL session_replication_role = replica;  -- foreign keys hold by construction
SET LOCAL synchronous_commit = off;
SELECT id AS project FROM project WHERE name = 'bench' \gset
INSERT INTO principal (name, role, token_hash)
SELECT 'person-' || n, 'annotator', sha256(('token ' || n)::bytea) FROM generate_series(0, 50) n;
SELECT id AS person FROM principal WHERE name = 'person-0' \gset
INSERT INTO class (project_id, label, name, created_at)
SELECT :project, n, 'class-' || n, '2020-01-01' FROM generate_series(2, 5) n;
INSERT INTO model (id, project_id, number, name, preset, state, round_id, weights_sha256, weights_bytes)
OVERRIDING SYSTEM VALUE
SELECT n, :project, n, 'model-' || n, 'small', 'retired', n, sha256('w'), 1 FROM generate_series(1, 20) n;
INSERT INTO snapshot (id, project_id) OVERRIDING SYSTEM VALUE
SELECT n, :project FROM generate_series(1, 20) n;
INSERT INTO round (id, project_id, number, state, recipe, snapshot_id, submitted_by, model_id, created_at,
                   ended_at)
OVERRIDING SYSTEM VALUE
SELECT n, :project, n, 'done', '', n, 1, n, now(), now() FROM generate_series(1, 20) n;

-- Answer n, in order of time, is to image `image`.
CREATE TEMP TABLE answered ON COMMIT DROP AS
SELECT n, 1 + (n * 7919) % :images AS image, 1 + (n - 1) * 20 / :images AS model,
       CASE WHEN n % (:images / 10) = 7 THEN :person + 50 ELSE :person + n % 50 END AS person,
       now() - interval '2 days' - interval '1000 days' * (:images - n) / :images AS at,
       n % 20 = 0 AS blind
FROM generate_series(1, :images::bigint) n;
CREATE INDEX ON answered (image);

INSERT INTO image (id, project_id, sha256, file_name, width, height, size_bytes, media_type, sampling_key,
                   side, head_revision_id, truth_revision_id)
OVERRIDING SYSTEM VALUE
SELECT image, :project, sha256(image::text::bytea), 'pictures/part-' || image || '.png', 1000, 1000, 1000000,
       'image/png', image::float8 / (:images + 1), CASE WHEN blind THEN 'holdout' ELSE 'pool' END,
       CASE WHEN n % 10 = 3 THEN :images + n ELSE n END, CASE WHEN n % 10 = 3 THEN :images + n ELSE n END
FROM answered ORDER BY image;
INSERT INTO task_request (id, project_id, image_id, image_side, kind, target_id, state, created_by,
                          created_at, ended_at)
OVERRIDING SYSTEM VALUE
SELECT n, :project, image, 'pool', 'reopen', person, 'answered', person, at, at
FROM answered WHERE n % 10 = 3;
INSERT INTO task (id, project_id, image_id, image_side, principal_id, lease_number, ranking_id, position,
                  slice, blind, shown_model_id, state, revision_id, created_at, ended_at)
OVERRIDING SYSTEM VALUE
SELECT n, :project, image, CASE WHEN blind THEN 'holdout' ELSE 'pool' END, person, n, ranking.id, n,
       CASE WHEN blind THEN 'holdout' WHEN n % 5 = 1 THEN 'random' ELSE 'uncertain' END, blind,
       CASE WHEN NOT blind THEN model END, 'answered', n, at, at
FROM answered JOIN ranking ON ranking.project_id = :project ORDER BY n;
INSERT INTO task (id, project_id, image_id, image_side, principal_id, lease_number, blind, kind, request_id,
                  based_on, state, revision_id, created_at, ended_at)
OVERRIDING SYSTEM VALUE
SELECT :images + n, :project, image, 'pool', person, :images + n, false, 'reopen', n, n, 'answered',
       :images + n, at, at
FROM answered WHERE n % 10 = 3 ORDER BY n;
INSERT INTO label_revision (id, image_id, number, source, author_id, task_id, blind, late, spent_ms,
                            created_at, previous_hash, hash, hash_version, client)
OVERRIDING SYSTEM VALUE
SELECT n, image, 1, 'task', person, n, blind, false, 1000 + n % 9000, at, sha256(''), sha256(n::text::bytea),
       2, 'page 1.0'
FROM answered ORDER BY n;
INSERT INTO label_revision (id, image_id, number, source, author_id, task_id, blind, late, spent_ms,
                            created_at, previous_hash, hash, based_on, hash_version, client)
OVERRIDING SYSTEM VALUE
SELECT :images + n, image, 2, 'reopen', :person + (n + 1) % 50, :images + n, blind, false, 2000,
       at + interval '1 hour', sha256(n::text::bytea), sha256((-n)::text::bytea), n, 2, 'page 1.0'
FROM answered WHERE n % 10 = 3 ORDER BY n;
-- Five boxes are shown; one is accepted, one accepted with all others, one moved, one relabelled and one
-- dropped; a further one is drawn. In blind tasks all are drawn.
INSERT INTO shown_box (task_id, ordinal, model_id, prediction_index, label, x1, y1, x2, y2, score)
SELECT n, k, model, k, 1 + k % 4, 100 * k, 100 * k, 100 * k + 50, 100 * k + 60,
       0.3 + 0.7 * ((n * 31 + k * 17) % 1000) / 1000.0
FROM answered, generate_series(0, 4) k WHERE NOT blind ORDER BY n, k;
INSERT INTO outcome (revision_id, shown_ordinal, outcome)
SELECT n, k, (ARRAY['accepted', 'accepted_at_once', 'adjusted', 'relabelled', 'dropped'])[k + 1]
FROM answered, generate_series(0, 4) k WHERE NOT blind ORDER BY n, k;
INSERT INTO label_box (revision_id, ordinal, box_id, label, x1, y1, x2, y2, origin, ignore, shown_ordinal,
                       spent_ms)
SELECT n, k, n * 5 + k, CASE WHEN k = 4 AND n % 10007 = 0 THEN 5 ELSE 1 + k % 4 END, 100 * k, 100 * k,
       100 * k + CASE k WHEN 2 THEN 55 ELSE 50 END, 100 * k + 60,
       CASE WHEN blind OR k = 4 THEN 'drawn'
            ELSE (ARRAY['accepted', 'accepted', 'adjusted', 'relabelled'])[k + 1] END,
       false, CASE WHEN NOT blind AND k < 4 THEN k END, 500 + k
FROM answered, generate_series(0, 4) k ORDER BY n, k;
INSERT INTO label_box (revision_id, ordinal, box_id, label, x1, y1, x2, y2, origin, ignore)
SELECT :images + n, k, n * 5 + k, 1 + k % 4, 100 * k, 100 * k, 100 * k + CASE k WHEN 2 THEN 55 ELSE 50 END,
       100 * k + 60,
       CASE WHEN blind OR k = 4 THEN 'drawn'
            ELSE (ARRAY['accepted', 'accepted', 'adjusted', 'relabelled'])[k + 1] END, false
FROM answered, generate_series(0, 4) k WHERE n % 10 = 3 ORDER BY n, k;
INSERT INTO answer (principal_id, project_id, image_id, revision_id, boxes, spent_ms, created_at)
SELECT person, :project, image, n, 5, 1000, at FROM answered ORDER BY n;
-- The last model learned from all of them.
INSERT INTO snapshot_item (snapshot_id, image_id, revision_id) SELECT 20, id, truth_revision_id FROM image
WHERE side = 'pool';
INSERT INTO snapshot_count (snapshot_id, author_id, blind, counted, number)
SELECT 20, author_id, blind, 'image', count(*)
FROM snapshot_item JOIN label_revision ON id = revision_id GROUP BY author_id, blind
UNION ALL
SELECT 20, author_id, blind, origin, count(*)
FROM snapshot_item JOIN label_revision ON id = revision_id JOIN label_box USING (revision_id)
GROUP BY author_id, blind, origin;
SELECT setval(pg_get_serial_sequence('image', 'id'), :images), setval('box_identity', 6 * :images),
       setval(pg_get_serial_sequence('label_revision', 'id'), 2 * :images),
       setval(pg_get_serial_sequence('task', 'id'), 2 * :images),
       setval(pg_get_serial_sequence('task_request', 'id'), :images),
       setval(pg_get_serial_sequence('model', 'id'), 20), setval(pg_get_serial_sequence('round', 'id'), 20),
       setval(pg_get_serial_sequence('snapshot', 'id'), 20), setval('lease_number', 2 * :images);
COMMIT;
VACUUM (ANALYZE);
