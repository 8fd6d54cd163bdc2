-- The evaluation of models on the labelled holdout. Only labels that were drawn blind count.

-- name: SelectHoldoutTruth
-- One row per box. An image without boxes has one row with a NULL label. In order of image and box.
SELECT image.id, image.sampling_key, known_classes(truth) AS known_classes, box.label, box.x1, box.y1, box.x2,
       box.y2, box.ignore
FROM usable_image image
JOIN label_revision truth ON truth.id = image.truth_revision_id AND truth.blind
LEFT JOIN usable_box box ON box.revision_id = truth.id AND box.project_id = image.project_id
WHERE image.project_id = $1 AND image.side = 'holdout'
ORDER BY image.id, box.ordinal;

-- name: CountRelabelledSince
-- Images of the holdout that model $2 has predicted and that were labelled since it was evaluated in its own
-- round, or whose labels were corrected or withdrawn.
SELECT count(*)
FROM model
JOIN evaluation ON evaluation.model_id = model.id AND evaluation.round_id = model.round_id
JOIN usable_image image ON image.project_id = $1 AND image.side = 'holdout'
WHERE model.id = $2
  AND EXISTS (SELECT FROM label_revision changed
              WHERE changed.image_id = image.id AND (changed.blind OR changed.based_on IS NOT NULL)
                AND changed.standing <> 'late' AND changed.created_at > evaluation.created_at OFFSET 0)
  AND EXISTS (SELECT FROM prediction WHERE model_id = $2 AND image_id = image.id OFFSET 0);

-- name: CountHoldoutUpTo
-- The number of holdout images up to and including this one, in the order in which the holdout is labelled.
-- Images whose labels were not drawn blind are left out: they are never served.
SELECT count(*)
FROM usable_image image LEFT JOIN label_revision truth ON truth.id = image.truth_revision_id
WHERE project_id = $1 AND side = 'holdout' AND (sampling_key, image.id) <= ($2, $3)
  AND truth.blind IS DISTINCT FROM false;

-- name: InsertEvaluation
-- Does nothing if the round already has an evaluation of the model. An empty gate is stored as NULL.
INSERT INTO evaluation (model_id, round_id, result, gate) VALUES ($1, $2, $3, nullif($4::bytea, ''))
ON CONFLICT (model_id, round_id) DO NOTHING;
