-- Rounds and the snapshots they train on.

-- name: LockProjectNumbers
-- Rounds, models and rankings get their numbers under this lock. It doesn't block rows that refer to the
-- project.
SELECT id FROM project WHERE id = $1 FOR NO KEY UPDATE;

-- name: FreezeSnapshot
-- Stores the truth of the pool's usable images at this moment. Returns the snapshot's id.
WITH made AS (
  INSERT INTO snapshot (project_id, class_count)
  SELECT $1, max(label) FROM class WHERE project_id = $1 RETURNING id
), items AS (
  INSERT INTO snapshot_item (snapshot_id, image_id, revision_id)
  SELECT made.id, image.id, image.truth_revision_id
  FROM made, usable_image image
  WHERE image.project_id = $1 AND image.side = 'pool' AND image.truth_revision_id IS NOT NULL
)
SELECT id FROM made;

-- name: CountSnapshot
WITH item AS (
  SELECT revision_id, author_id, blind
  FROM snapshot_item JOIN label_revision ON label_revision.id = revision_id
  WHERE snapshot_id = $1
)
INSERT INTO snapshot_count (snapshot_id, author_id, blind, counted, number)
SELECT $1, author_id, blind, 'image', count(*) FROM item GROUP BY author_id, blind
UNION ALL
SELECT $1, author_id, blind, origin, count(*)
FROM item JOIN label_box USING (revision_id) WHERE NOT ignore GROUP BY author_id, blind, origin;

-- name: IgnoreUnknownClasses
-- Keeps where the serving model saw boxes, with scores from $2 up, of classes that an image's truth doesn't
-- know.
INSERT INTO ignored_region (snapshot_id, image_id, corners)
SELECT item.snapshot_id, item.image_id, array_agg(corners[4 * place - 4 + side] ORDER BY place, side)
FROM snapshot_item item
JOIN label_revision revision ON revision.id = item.revision_id
JOIN snapshot ON snapshot.id = item.snapshot_id
JOIN model ON model.project_id = snapshot.project_id AND model.state = 'serving'
JOIN prediction ON prediction.model_id = model.id AND prediction.image_id = item.image_id
CROSS JOIN LATERAL (SELECT known_classes(revision) AS classes OFFSET 0) known
CROSS JOIN generate_subscripts(labels, 1) place
JOIN class ON class.project_id = snapshot.project_id AND class.label = labels[place] AND retired_at IS NULL
CROSS JOIN generate_series(1, 4) side
WHERE item.snapshot_id = $1 AND labels[place] > known.classes AND scores[place] >= $2
GROUP BY item.snapshot_id, item.image_id;

-- name: CountForRound
-- What a round would train on, be judged on and predict, and the rounds that come first.
SELECT count(*) FILTER (WHERE side = 'pool' AND truth.id IS NOT NULL) AS snapshot_images,
       coalesce(sum((SELECT count(*) FROM label_box WHERE revision_id = truth.id AND NOT ignore))
                FILTER (WHERE side = 'pool'), 0) AS snapshot_boxes,
       count(*) FILTER (WHERE side = 'holdout' AND truth.blind) AS evaluated_images,
       count(*) FILTER (WHERE side = 'pool') AS predicted_images,
       (SELECT count(*) FROM round
        WHERE project_id = $1 AND state NOT IN ('done', 'failed', 'cancelled')) AS rounds_before,
       (SELECT count(*) FROM worker WHERE is_here(worker)) AS workers
FROM usable_image image LEFT JOIN label_revision truth ON truth.id = image.truth_revision_id
WHERE image.project_id = $1;

-- name: CloseSnapshot
-- Keeps its sums and its hash. Returns the number of images and of boxes.
UPDATE snapshot SET (images, boxes) =
         (SELECT coalesce(sum(number) FILTER (WHERE counted = 'image'), 0),
                 coalesce(sum(number) FILTER (WHERE counted <> 'image'), 0)
          FROM snapshot_count WHERE snapshot_id = $1),
       (spent_ms, timed_images) =
         (SELECT coalesce(sum(revision.spent_ms), 0), count(*) FILTER (WHERE revision.spent_ms > 0)
          FROM snapshot_item JOIN label_revision revision ON revision.id = revision_id
          WHERE snapshot_id = $1),
       hash = snapshot_hash(id)
WHERE id = $1 RETURNING images, boxes;

-- name: InsertRound
INSERT INTO round (project_id, number, state, recipe, snapshot_id, submitted_by)
SELECT $1, coalesce(max(number), 0) + 1, 'waiting', $2, $3, $4 FROM round WHERE project_id = $1
RETURNING id, number;

-- name: SelectRounds
-- Round $2; or, if $2 is 0, at most $4 rounds with numbers below $3 (0: all), highest number first.
SELECT round.id, round.project_id, round.number, round.state, round.recipe, snapshot.images, snapshot.boxes,
       coalesce(model.number, 0), coalesce(round.model_id, 0),
       evaluation.result, evaluation.gate, coalesce(round.error, ''), round.version,
       round.created_at, round.training_at, round.evaluating_at, round.predicting_at, round.ranking_at,
       round.ended_at, now(), round.snapshot_id, snapshot.pseudo_labels,
       round.checking_at, round.submitted_by
FROM round
JOIN snapshot ON snapshot.id = round.snapshot_id
LEFT JOIN model ON model.id = round.model_id
LEFT JOIN evaluation ON evaluation.model_id = round.model_id AND evaluation.round_id = round.id
WHERE round.project_id = $1 AND ($2 = 0 OR round.number = $2) AND ($3 = 0 OR round.number < $3)
ORDER BY round.number DESC
LIMIT $4;

-- name: SelectRoundVersions
SELECT id, version FROM round WHERE id = ANY ($1::bigint[]);

-- name: LockRound
-- Waits until the lock is free. It is taken before a round's jobs are written, so that there is no deadlock.
SELECT state FROM round WHERE id = $1 FOR NO KEY UPDATE;

-- name: LockRoundOfJob
SELECT round.id, round.state FROM round JOIN job ON job.round_id = round.id
WHERE job.id = $1 FOR NO KEY UPDATE OF round;

-- name: TryLockRound
-- No row: another transaction holds the lock, or the state is not $2.
SELECT id FROM round WHERE id = $1 AND state = $2 FOR NO KEY UPDATE SKIP LOCKED;

-- name: SelectOpenRounds
-- Those that run, and of each project in which none runs the one that has waited longest.
SELECT id, project_id, number, state FROM round
WHERE state IN ('training', 'evaluating', 'predicting', 'ranking', 'checking')
   OR state = 'waiting'
      AND id = (SELECT min(other.id) FROM round other
                WHERE other.project_id = round.project_id
                  AND other.state NOT IN ('done', 'failed', 'cancelled'))
ORDER BY id;

-- name: SetRoundState
-- The time of a step is the time at which it first began.
UPDATE round SET state = $2, version = version + 1,
  training_at = CASE WHEN $2 = 'training' THEN coalesce(training_at, now()) ELSE training_at END,
  evaluating_at = CASE WHEN $2 = 'evaluating' THEN coalesce(evaluating_at, now()) ELSE evaluating_at END,
  predicting_at = CASE WHEN $2 = 'predicting' THEN coalesce(predicting_at, now()) ELSE predicting_at END,
  ranking_at = CASE WHEN $2 = 'ranking' THEN coalesce(ranking_at, now()) ELSE ranking_at END,
  checking_at = CASE WHEN $2 = 'checking' THEN coalesce(checking_at, now()) ELSE checking_at END,
  ended_at = CASE WHEN $2 IN ('done', 'cancelled') THEN now() END
FROM (SELECT id, state FROM round WHERE id = $1) before WHERE round.id = before.id
RETURNING before.state <> $2 AS is_new;

-- name: FailRound
-- Does nothing if the round has ended.
UPDATE round SET state = 'failed', error = $2, ended_at = now(), version = version + 1
WHERE id = $1 AND state NOT IN ('done', 'failed', 'cancelled');

-- name: AddRoundLine
SELECT add_round_line($1, $2, $3);

-- name: AddJobLine
-- Of job $1: what it is called, then $3.
SELECT add_round_line(round_id, $2, job_text(kind, id, images) || $3) FROM job WHERE id = $1;

-- name: SelectRoundLines
SELECT id, created_at, kind, text FROM round_line WHERE round_id = $1 ORDER BY id;

-- name: TouchRound
UPDATE round SET version = version + 1 WHERE id = $1;

-- name: SetRoundModel
UPDATE round SET model_id = $2, version = version + 1 WHERE id = $1;

-- name: SelectSnapshotItems
-- At most $3 images with ids above $2, in order of id. An image that was excluded after the snapshot was
-- taken stays in it; pictures that can't be used, or are gone, don't.
SELECT image.id, image.sha256, image.file_name, image.width, image.height, image.size_bytes, image.media_type,
       image.sampling_key, coalesce(image.group_name, '') AS group_name, snapshot_item.revision_id,
       coalesce(ignored_region.corners, '{}') AS ignored
FROM snapshot_item JOIN image ON image.id = snapshot_item.image_id AND state IN ('usable', 'excluded')
LEFT JOIN ignored_region USING (snapshot_id, image_id)
WHERE snapshot_item.snapshot_id = $1 AND snapshot_item.image_id > $2
ORDER BY snapshot_item.image_id LIMIT $3;

-- name: SelectSnapshotTime
SELECT coalesce(spent_ms, 0) / 1000.0, coalesce(timed_images, 0) FROM snapshot WHERE id = $1;

-- name: SelectBoxesOfRevisions
SELECT revision_id, box_id, label, x1, y1, x2, y2, origin, ignore
FROM usable_box JOIN snapshot ON snapshot.project_id = usable_box.project_id AND snapshot.id = $1
WHERE revision_id = ANY($2::bigint[]) ORDER BY revision_id, ordinal;
