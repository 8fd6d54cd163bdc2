-- Judging models on the labelled holdout. Only labels that were drawn blind count.

-- name: SelectHoldoutTruth
-- One row per box; for an image without boxes, one row with a NULL label. In order of image and box.
SELECT image.id, image.sampling_key, box.label, box.x1, box.y1, box.x2, box.y2, box.ignore
FROM image
JOIN label_revision head ON head.id = image.head_revision_id AND head.blind
LEFT JOIN label_box box ON box.revision_id = head.id
WHERE image.project_id = $1 AND image.side = 'holdout'
ORDER BY image.id, box.ordinal;

-- name: CountHoldoutUpTo
-- Holdout images that come no later than this one in the order in which the holdout is labelled.
SELECT count(*) FROM image
WHERE project_id = $1 AND side = 'holdout' AND (sampling_key, id) <= ($2, $3);

-- name: InsertEvaluation
-- The first evaluation of a model in a round is kept. An empty gate: none.
INSERT INTO evaluation (model_id, round_id, result, gate) VALUES ($1, $2, $3, nullif($4::bytea, ''))
ON CONFLICT (model_id, round_id) DO NOTHING;
