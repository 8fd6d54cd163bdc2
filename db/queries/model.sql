-- Models. ListModels, FindModel and ReadModel return the same columns.

-- name: InsertModel
-- Requires LockProjectNumbers: the number is one above the project's highest.
INSERT INTO model (project_id, number, name, preset, state, parent_id, round_id, weights_sha256,
                   weights_bytes, class_quality, class_count)
SELECT $1, coalesce(max(number), 0) + 1, $2, $3, 'candidate', nullif($4::bigint, 0), nullif($5::bigint, 0),
       $6, $7, $8, $9
FROM model WHERE project_id = $1
RETURNING id;

-- name: ListModels
-- At most $3 models with numbers below $2 (0: all), highest number first.
SELECT model.id, model.number, model.name, model.preset, model.state,
       coalesce(parent.number, 0) AS parent_number, coalesce(round.number, 0) AS round_number,
       coalesce(round.id, 0) AS round_id, model.weights_sha256, model.weights_bytes,
       coalesce(snapshot.images, 0) AS snapshot_images, coalesce(snapshot.boxes, 0) AS snapshot_boxes,
       evaluation.result, evaluation.gate, coalesce(model.replaced_id, 0) AS replaced_id,
       coalesce(replaced.number, 0) AS replaced_number, model.created_at, model.class_quality
FROM model
LEFT JOIN model parent ON parent.id = model.parent_id
LEFT JOIN model replaced ON replaced.id = model.replaced_id
LEFT JOIN round ON round.id = model.round_id
LEFT JOIN snapshot ON snapshot.id = round.snapshot_id
LEFT JOIN evaluation ON evaluation.model_id = model.id AND evaluation.round_id = model.round_id
WHERE model.project_id = $1 AND ($2 = 0 OR model.number < $2)
ORDER BY model.number DESC LIMIT $3;

-- name: FindModel
-- The model whose name or number is $2; the serving model if $2 is empty.
SELECT model.id, model.number, model.name, model.preset, model.state,
       coalesce(parent.number, 0) AS parent_number, coalesce(round.number, 0) AS round_number,
       coalesce(round.id, 0) AS round_id, model.weights_sha256, model.weights_bytes,
       coalesce(snapshot.images, 0) AS snapshot_images, coalesce(snapshot.boxes, 0) AS snapshot_boxes,
       evaluation.result, evaluation.gate, coalesce(model.replaced_id, 0) AS replaced_id,
       coalesce(replaced.number, 0) AS replaced_number, model.created_at, model.class_quality
FROM model
LEFT JOIN model parent ON parent.id = model.parent_id
LEFT JOIN model replaced ON replaced.id = model.replaced_id
LEFT JOIN round ON round.id = model.round_id
LEFT JOIN snapshot ON snapshot.id = round.snapshot_id
LEFT JOIN evaluation ON evaluation.model_id = model.id AND evaluation.round_id = model.round_id
WHERE model.project_id = $1
  AND CASE WHEN $2 = '' THEN model.state = 'serving' ELSE model.name = $2 OR model.number::text = $2 END;

-- name: ReadModel
SELECT model.id, model.number, model.name, model.preset, model.state,
       coalesce(parent.number, 0) AS parent_number, coalesce(round.number, 0) AS round_number,
       coalesce(round.id, 0) AS round_id, model.weights_sha256, model.weights_bytes,
       coalesce(snapshot.images, 0) AS snapshot_images, coalesce(snapshot.boxes, 0) AS snapshot_boxes,
       evaluation.result, evaluation.gate, coalesce(model.replaced_id, 0) AS replaced_id,
       coalesce(replaced.number, 0) AS replaced_number, model.created_at, model.class_quality
FROM model
LEFT JOIN model parent ON parent.id = model.parent_id
LEFT JOIN model replaced ON replaced.id = model.replaced_id
LEFT JOIN round ON round.id = model.round_id
LEFT JOIN snapshot ON snapshot.id = round.snapshot_id
LEFT JOIN evaluation ON evaluation.model_id = model.id AND evaluation.round_id = model.round_id
WHERE model.id = $1;

-- name: FindWeights
-- Of model $1, unless its project is deleted.
SELECT model.name, weights_sha256 FROM model JOIN project ON project.id = project_id
WHERE model.id = $1 AND deleted_at IS NULL;

-- name: SelectTrainedOnWithdrawn
-- The project's models that learned from labels that are withdrawn by now.
SELECT model_number, trained_on
FROM models_trained_on($1, ARRAY(SELECT withdrawn.based_on
                                 FROM standing_withdrawal withdrawn
                                 JOIN image ON image.id = withdrawn.image_id
                                 WHERE image.project_id = $1));

-- name: SelectAncestors
-- Of model $1, nearest first.
WITH RECURSIVE line AS (
  SELECT parent_id, 1 AS distance FROM model WHERE id = $1
  UNION ALL
  SELECT model.parent_id, distance + 1 FROM line JOIN model ON model.id = line.parent_id
)
SELECT model.number FROM line JOIN model ON model.id = line.parent_id ORDER BY distance;

-- name: SelectDescendants
WITH RECURSIVE line AS (
  SELECT id, number FROM model WHERE parent_id = $1
  UNION ALL
  SELECT model.id, model.number FROM line JOIN model ON model.parent_id = line.id
)
SELECT number FROM line ORDER BY number;

-- name: SelectSnapshotOrigins
-- Of the snapshot of round $1.
SELECT counted AS origin, sum(held.number) AS boxes
FROM round JOIN snapshot_count held USING (snapshot_id)
WHERE round.id = $1 AND counted <> 'image'
GROUP BY counted ORDER BY boxes DESC, origin;

-- name: SelectSnapshotAuthors
SELECT author.name AS author,
       sum(held.number) FILTER (WHERE counted = 'image') AS images,
       coalesce(sum(held.number) FILTER (WHERE counted = 'image' AND blind), 0) AS blind_images,
       coalesce(sum(held.number) FILTER (WHERE counted <> 'image'), 0) AS boxes
FROM round
JOIN snapshot_count held USING (snapshot_id)
JOIN principal author ON author.id = author_id
WHERE round.id = $1
GROUP BY author.id, author.name ORDER BY boxes DESC, author.name;

-- name: RetireServingModel
-- Returns the model that served. $2: the model that will serve; it is not changed.
UPDATE model SET state = 'retired' WHERE project_id = $1 AND state = 'serving' AND id <> $2 RETURNING id;

-- name: ServeModel
-- $2: the model that served until now; 0: none. $3: whether replaced_id is to name it. $4: who
-- asked for it; 0: nobody.
WITH served AS (
  UPDATE model SET state = 'serving',
                   replaced_id = CASE WHEN $3::boolean THEN coalesce(nullif($2::bigint, 0), replaced_id)
                                      ELSE replaced_id END
  FROM (SELECT id, state FROM model WHERE id = $1) before
  WHERE model.id = before.id RETURNING model.project_id, model.id, before.state AS before
)
INSERT INTO event (project_id, kind, author_id, before_id, after_id)
SELECT project_id, 'model_served', nullif($4::bigint, 0), nullif($2::bigint, 0), id
FROM served WHERE before <> 'serving';

-- name: HoldModel
-- Changes only a candidate, not a model that serves or has served.
UPDATE model SET state = 'held' WHERE id = $1 AND state = 'candidate';
