-- The evaluation of models on the labelled holdout. Only labels that were drawn blind count.

-- name: SelectHoldoutTruth
-- One row per box. An image without boxes has one row with a NULL label. In order of image and box.
SELECT image.id, image.sampling_key, box.label, box.x1, box.y1, box.x2, box.y2, box.ignore
FROM image
JOIN label_revision head ON head.id = image.head_revision_id AND head.blind
LEFT JOIN label_box box ON box.revision_id = head.id
WHERE image.project_id = $1 AND image.side = 'holdout'
ORDER BY image.id, box.ordinal;

-- name: CountHoldoutUpTo
-- The number of holdout images up to and including this one, in the order in which the holdout is labelled.
SELECT count(*) FROM image
WHERE project_id = $1 AND side = 'holdout' AND (sampling_key, id) <= ($2, $3);

-- name: InsertEvaluation
-- Does nothing if the round already has an evaluation of the model. An empty gate is stored as NULL.
INSERT INTO evaluation (model_id, round_id, result, gate) VALUES ($1, $2, $3, nullif($4::bytea, ''))
ON CONFLICT (model_id, round_id) DO NOTHING;
