-- Fills the project `bench`, which has ten classes, as after many rounds, past the API: as many images as
-- the psql variable `images` says (a multiple of 1000), and `rounds` rounds. 85 % of the images are of the
-- pool, a fifth of them are labelled, and so are the first of the holdout. Each round has a model that
-- predicted the labelled holdout; the last one serves, and has predicted every image. Hashes are made up.
BEGIN;
SET LOCAL session_replication_role = replica;  -- foreign keys hold by construction
SET LOCAL synchronous_commit = off;
SELECT id AS project FROM project WHERE name = 'bench' \gset
UPDATE class SET created_at = '2020-01-01' WHERE project_id = :project;
INSERT INTO principal (name, role, token_hash)
SELECT 'person-' || n, 'annotator', sha256(('token ' || n)::bytea) FROM generate_series(0, 49) n;
SELECT id AS person FROM principal WHERE name = 'person-0' \gset
SELECT id AS first_ranking FROM ranking WHERE project_id = :project \gset

-- Label n, in order of time, is of image `image`, and came after round `round`; 0: before the first. Those of
-- the holdout are the last ones.
CREATE TEMP TABLE labelled ON COMMIT DROP AS
SELECT n, image, 'pool' AS side, (n - 1) * (:rounds + 1) / (:images / 5) AS round,
       '2025-01-01'::timestamptz + interval '300 days' * n / (:images / 5) AS at
FROM generate_series(1, :images::bigint / 5) n, LATERAL (SELECT 1 + n * 7919 % :images AS image) place
WHERE image % 20 >= 3;
INSERT INTO labelled
SELECT :images + image, image, 'holdout', 0, '2025-01-02'
FROM generate_series(1, :images::bigint / 150) image WHERE image % 20 < 3;
CREATE INDEX ON labelled (image);

INSERT INTO image (id, project_id, sha256, file_name, width, height, size_bytes, media_type, sampling_key,
                   side, head_revision_id, truth_revision_id, created_at, perceptual_hash, brightness, state,
                   state_reason)
OVERRIDING SYSTEM VALUE
SELECT id, :project, sha256(id::text::bytea), 'line-' || id % 7 || '/part-' || id || '.png', 1000, 1000,
       1000000, 'image/png', id::float8 / (:images + 1), CASE WHEN id % 20 < 3 THEN 'holdout' ELSE 'pool' END,
       n, n, '2025-01-01', hashint8extended(id, 0), 90 + id % 70,
       CASE WHEN id % 5000 = 7 THEN 'excluded' WHEN id % 9000 = 11 THEN 'set_aside' ELSE 'usable' END,
       CASE WHEN id % 5000 = 7 THEN 'by person-1: blurred' WHEN id % 9000 = 11 THEN 'truncated file' END
FROM generate_series(1, :images) id LEFT JOIN labelled ON image = id ORDER BY id;

INSERT INTO model (id, project_id, number, name, preset, state, parent_id, round_id, weights_sha256,
                   weights_bytes, class_count, created_at)
OVERRIDING SYSTEM VALUE
SELECT n, :project, n, 'round-' || n, 'small', CASE n WHEN :rounds THEN 'serving' ELSE 'retired' END,
       nullif(n - 1, 0), n, sha256(n::text::bytea), 6000000, 10,
       '2025-01-01'::timestamptz + interval '299 days' * (n - 1) / :rounds
FROM generate_series(1, :rounds) n;
INSERT INTO snapshot (id, project_id, class_count) OVERRIDING SYSTEM VALUE
SELECT n, :project, 10 FROM generate_series(1, :rounds) n;
INSERT INTO round (id, project_id, number, state, recipe, snapshot_id, submitted_by, model_id, created_at,
                   training_at, evaluating_at, predicting_at, ranking_at, ended_at)
OVERRIDING SYSTEM VALUE
SELECT id, :project, id, 'done', :'recipe', id, 1, id, created_at, created_at + interval '1 s',
       created_at + interval '20 min', created_at + interval '22 min', created_at + interval '60 min',
       created_at + interval '61 min'
FROM model WHERE project_id = :project;
UPDATE ranking SET state = 'retired' WHERE project_id = :project;
INSERT INTO ranking (id, project_id, generation, model_id, round_id, strategy, seed, state, eligible,
                     random_entries, created_at, activated_at)
OVERRIDING SYSTEM VALUE
SELECT 1000 + id, :project, id, id, id, 'combined', 1, CASE id WHEN :rounds THEN 'active' ELSE 'retired' END,
       :images / 2, 1600, created_at, created_at
FROM model WHERE project_id = :project;

-- What was labelled since the last round comes first in the active ranking.
INSERT INTO ranking_entry (ranking_id, position, image_id, image_side, slice, score, probability, blind)
SELECT 1000 + :rounds, row_number() OVER (ORDER BY n NULLS LAST, image.id) - 1, image.id, 'pool',
       CASE WHEN image.id % 5 = 0 THEN 'random' WHEN image.id % 5 = 1 THEN 'rare' ELSE 'uncertain' END,
       random(), 0.5, image.id % 10 = 0
FROM image LEFT JOIN labelled ON image = image.id
WHERE image.side = 'pool' AND (round = :rounds OR n IS NULL AND image.id < 20000);

INSERT INTO task (id, project_id, image_id, image_side, principal_id, lease_number, ranking_id, position,
                  slice, blind, shown_model_id, state, revision_id, created_at, ended_at)
OVERRIDING SYSTEM VALUE
SELECT n, :project, image, side, :person + n % 50, n,
       CASE round WHEN 0 THEN :first_ranking ELSE 1000 + round END, n,
       CASE WHEN side = 'holdout' THEN 'holdout' WHEN image % 5 = 0 THEN 'random' ELSE 'uncertain' END,
       round = 0 OR n % 10 = 0, CASE WHEN round > 0 AND n % 10 > 0 THEN round END, 'answered', n,
       at + interval '1 min', at + interval '1 min'
FROM labelled ORDER BY n;
INSERT INTO label_revision (id, image_id, number, source, author_id, task_id, blind, late, spent_ms,
                            created_at, previous_hash, hash, hash_version, client)
OVERRIDING SYSTEM VALUE
SELECT n, image, 1, 'task', :person + n % 50, n, round = 0 OR n % 10 = 0, false, 1000 + n % 9000,
       at + interval '1 min', sha256(''), sha256(n::text::bytea), 2, 'page 1.0'
FROM labelled ORDER BY n;

-- Five boxes stand on every image. A hash says which of them a model finds, and which it places badly; later
-- models find more.
INSERT INTO label_box (revision_id, ordinal, box_id, label, x1, y1, x2, y2, origin, ignore)
SELECT n, k, n * 5 + k, 1 + (image * 7 + k) % 10, 100 * k, 100 * k, 100 * k + 50, 100 * k + 60,
       CASE WHEN round = 0 OR n % 10 = 0 THEN 'drawn'
            ELSE (ARRAY['accepted', 'accepted', 'adjusted', 'relabelled', 'drawn'])[k + 1] END, false
FROM labelled, generate_series(0, 4) k ORDER BY n, k;
INSERT INTO shown_box (task_id, ordinal, model_id, prediction_index, label, x1, y1, x2, y2, score)
SELECT n, k, round, k, 1 + (image * 7 + k) % 10, 100 * k, 100 * k, 100 * k + 50, 100 * k + 60, 0.9 - 0.1 * k
FROM labelled, generate_series(0, 4) k WHERE round > 0 AND n % 10 > 0 ORDER BY n, k;
INSERT INTO outcome (revision_id, shown_ordinal, outcome)
SELECT n, k, (ARRAY['accepted', 'accepted', 'adjusted', 'relabelled', 'dropped'])[k + 1]
FROM labelled, generate_series(0, 4) k WHERE round > 0 AND n % 10 > 0 ORDER BY n, k;
INSERT INTO answer (principal_id, project_id, image_id, revision_id, boxes, spent_ms, created_at)
SELECT :person + n % 50, :project, image, n, 5, 1000 + n % 9000, at FROM labelled ORDER BY n;

-- 130 half floats from 0.125 to 2.
CREATE TEMP TABLE embedding ON COMMIT DROP AS
SELECT kind,
       decode(string_agg(regexp_replace(left(md5(kind || ' ' || part), 30), '(..)(.)', '\13\2', 'g'), ''),
              'hex') AS bytes
FROM generate_series(0, 996) kind, generate_series(1, 13) part GROUP BY kind;
CREATE FUNCTION pg_temp.corner(hash int, k int, model bigint, rounds bigint, most int) RETURNS real
LANGUAGE sql IMMUTABLE AS $$
  SELECT (CASE WHEN hash >> (6 * k) & 63 < 32 - 4 * k + 24 * model / rounds THEN 3 ELSE 40 END
          + 100 * k + most)::real
$$;
INSERT INTO prediction (model_id, image_id, corners, labels, scores, runner_up_labels, runner_up_scores,
                        background_scores, agreements, embedding, max_foreground_score)
SELECT model, image,
       ARRAY[pg_temp.corner(h, 0, model, :rounds, 0), 0, pg_temp.corner(h, 0, model, :rounds, 50), 60,
             pg_temp.corner(h, 1, model, :rounds, 0), 100, pg_temp.corner(h, 1, model, :rounds, 50), 160,
             pg_temp.corner(h, 2, model, :rounds, 0), 200, pg_temp.corner(h, 2, model, :rounds, 50), 260,
             pg_temp.corner(h, 3, model, :rounds, 0), 300, pg_temp.corner(h, 3, model, :rounds, 50), 360,
             pg_temp.corner(h, 4, model, :rounds, 0), 400, pg_temp.corner(h, 4, model, :rounds, 50), 460],
       ARRAY[1 + image * 7 % 10, 1 + (image * 7 + 1) % 10, 1 + (image * 7 + 2) % 10, 1 + (image * 7 + 3) % 10,
             1 + (image * 7 + 4) % 10]::smallint[],
       ARRAY[0.95 - s, 0.8 - s, 0.65 - s, 0.5 - s, 0.35 - s]::real[], '{0,0,0,0,0}', '{0,0,0,0,0}',
       '{0,0,0,0,0}', '{}', CASE WHEN model = :rounds THEN bytes ELSE '' END, 0.95 - s
FROM (SELECT model.id AS model, image.id AS image, hashint8(image.id * 1009 + model.id) AS h,
             (image.id * 31 + model.id * 17) % 100 / 700.0 AS s
      FROM model JOIN image ON image.project_id = model.project_id
        AND (model.id = :rounds OR image.side = 'holdout' AND image.truth_revision_id IS NOT NULL)
      WHERE model.project_id = :project) one
JOIN embedding ON kind = image % 997
ORDER BY model, image;

INSERT INTO snapshot_item (snapshot_id, image_id, revision_id)
SELECT snapshot, image, n
FROM generate_series(1, :rounds) snapshot JOIN labelled ON side = 'pool' AND round < snapshot
ORDER BY snapshot, image;
INSERT INTO snapshot_count (snapshot_id, author_id, blind, counted, number)
SELECT snapshot_id, author_id, blind, 'image', count(*)
FROM snapshot_item JOIN label_revision ON id = revision_id GROUP BY snapshot_id, author_id, blind;
INSERT INTO snapshot_count (snapshot_id, author_id, blind, counted, number)
SELECT snapshot_id, author_id, blind, CASE WHEN blind THEN 'drawn' ELSE 'accepted' END, 5 * number
FROM snapshot_count;
UPDATE snapshot SET (spent_ms, timed_images) =
         (SELECT sum(revision.spent_ms), count(*)
          FROM snapshot_item JOIN label_revision revision ON revision.id = revision_id
          WHERE snapshot_id = snapshot.id);
UPDATE snapshot SET (images, boxes) =
         (SELECT coalesce(sum(number) FILTER (WHERE counted = 'image'), 0),
                 coalesce(sum(number) FILTER (WHERE counted <> 'image'), 0)
          FROM snapshot_count WHERE snapshot_id = snapshot.id);
INSERT INTO worker (principal_id, name) VALUES (1, 'gpu-1'), (1, 'gpu-2');
SELECT setval(pg_get_serial_sequence('image', 'id'), :images), setval('box_identity', 10 * :images),
       setval(pg_get_serial_sequence('label_revision', 'id'), 2 * :images),
       setval(pg_get_serial_sequence('task', 'id'), 2 * :images),
       setval(pg_get_serial_sequence('model', 'id'), :rounds),
       setval(pg_get_serial_sequence('round', 'id'), :rounds),
       setval(pg_get_serial_sequence('ranking', 'id'), 1000 + :rounds),
       setval(pg_get_serial_sequence('snapshot', 'id'), :rounds), setval('lease_number', 2 * :images);
COMMIT;
VACUUM (ANALYZE);
