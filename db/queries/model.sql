-- Models. A model's columns as every query here lists them: ModelRow reads them in this order.

-- name: InsertModel
-- Under LockProjectNumbers.
INSERT INTO model (project_id, number, name, preset, state, parent_id, round_id, weights_sha256,
                   weights_bytes,
                   class_quality)
SELECT $1, coalesce(max(number), 0) + 1, $2, $3, 'candidate', nullif($4::bigint, 0), nullif($5::bigint, 0),
       $6, $7, $8
FROM model WHERE project_id = $1
RETURNING id, number;

-- name: SelectModels
-- By number from the highest down: below $2 (0: all), at most $3.
SELECT model.id, model.number, model.name, model.preset, model.state, coalesce(parent.number, 0),
       coalesce(round.number, 0), coalesce(round.id, 0), model.weights_sha256, model.weights_bytes,
       coalesce(snapshot.images, 0), coalesce(snapshot.boxes, 0), evaluation.result, evaluation.gate,
       coalesce(model.replaced_id, 0), model.created_at,
       model.class_quality
FROM model
LEFT JOIN model parent ON parent.id = model.parent_id
LEFT JOIN round ON round.id = model.round_id
LEFT JOIN snapshot ON snapshot.id = round.snapshot_id
LEFT JOIN evaluation ON evaluation.model_id = model.id AND evaluation.round_id = model.round_id
WHERE model.project_id = $1 AND ($2 = 0 OR model.number < $2)
ORDER BY model.number DESC LIMIT $3;

-- name: SelectModel
-- By name or by number; the serving one where the name is empty.
SELECT model.id, model.number, model.name, model.preset, model.state, coalesce(parent.number, 0),
       coalesce(round.number, 0), coalesce(round.id, 0), model.weights_sha256, model.weights_bytes,
       coalesce(snapshot.images, 0), coalesce(snapshot.boxes, 0), evaluation.result, evaluation.gate,
       coalesce(model.replaced_id, 0), model.created_at,
       model.class_quality
FROM model
LEFT JOIN model parent ON parent.id = model.parent_id
LEFT JOIN round ON round.id = model.round_id
LEFT JOIN snapshot ON snapshot.id = round.snapshot_id
LEFT JOIN evaluation ON evaluation.model_id = model.id AND evaluation.round_id = model.round_id
WHERE model.project_id = $1
  AND CASE WHEN $2 = '' THEN model.state = 'serving' ELSE model.name = $2 OR model.number::text = $2 END;

-- name: SelectModelById
SELECT model.id, model.number, model.name, model.preset, model.state, coalesce(parent.number, 0),
       coalesce(round.number, 0), coalesce(round.id, 0), model.weights_sha256, model.weights_bytes,
       coalesce(snapshot.images, 0), coalesce(snapshot.boxes, 0), evaluation.result, evaluation.gate,
       coalesce(model.replaced_id, 0), model.created_at,
       model.class_quality
FROM model
LEFT JOIN model parent ON parent.id = model.parent_id
LEFT JOIN round ON round.id = model.round_id
LEFT JOIN snapshot ON snapshot.id = round.snapshot_id
LEFT JOIN evaluation ON evaluation.model_id = model.id AND evaluation.round_id = model.round_id
WHERE model.id = $1;

-- name: RetireServingModel
-- Returns who served.
UPDATE model SET state = 'retired' WHERE project_id = $1 AND state = 'serving' AND id <> $2 RETURNING id;

-- name: ServeModel
-- $2: the model it replaces, 0 for none or to leave that as it was.
UPDATE model SET state = 'serving', replaced_id = coalesce(nullif($2::bigint, 0), replaced_id) WHERE id = $1;

-- name: HoldModel
UPDATE model SET state = 'held' WHERE id = $1 AND state = 'candidate';
