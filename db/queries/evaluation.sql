-- The evaluation of models on the labelled holdout. Only labels that were drawn blind count.

-- name: SelectHoldoutTruth
-- One row per box. An image without boxes has one row with a NULL label. In order of image and box.
SELECT image.id, image.sampling_key, image.width * image.height::float8 AS area,
       known_classes(truth) AS known_classes, box.box_id, box.label, box.x1, box.y1, box.x2, box.y2,
       box.ignore
FROM usable_image image
JOIN label_revision truth ON truth.id = image.truth_revision_id AND truth.blind
LEFT JOIN usable_box box ON box.revision_id = truth.id AND box.project_id = image.project_id
WHERE image.project_id = $1 AND image.side = 'holdout' AND image.truth_revision_id IS NOT NULL
ORDER BY image.id, box.ordinal;

-- name: SelectCurvePoints
-- Of the models $1; predicted: how many of the images $2 the model has predicted.
SELECT model_id, holdout_sha256, point,
       (SELECT count(*) FROM prediction
        WHERE prediction.model_id = curve_point.model_id AND image_id = ANY ($2::bigint[])) AS predicted
FROM curve_point WHERE model_id = ANY ($1::bigint[]);

-- name: PutCurvePoint
INSERT INTO curve_point (model_id, holdout_sha256, point) VALUES ($1, $2, $3)
ON CONFLICT (model_id) DO UPDATE SET holdout_sha256 = EXCLUDED.holdout_sha256, point = EXCLUDED.point;

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
                AND changed.standing NOT IN ('late', 'opinion', 'planted')
                AND changed.created_at > evaluation.created_at OFFSET 0)
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

-- name: SelectUnlearnedTruth
-- As SelectHoldoutTruth, of images of the pool that model $2 predicted, and that neither it nor a model that
-- its weights come from was trained on: those whose truth is among the project's $3 latest revisions.
WITH RECURSIVE line AS (
  SELECT id, parent_id, round_id FROM model WHERE id = $2
  UNION SELECT model.id, model.parent_id, model.round_id FROM model JOIN line ON model.id = line.parent_id
), recent AS MATERIALIZED (
  SELECT image_id, revision_id FROM event
  WHERE project_id = $1 AND kind = 'revision_added' ORDER BY id DESC LIMIT $3
), unlearned AS MATERIALIZED (
  SELECT image.id, image.project_id, image.sampling_key, image.width * image.height::float8 AS area,
         truth, truth.id AS truth_id
  FROM recent
  JOIN usable_image image ON image.id = recent.image_id AND image.truth_revision_id = recent.revision_id
  JOIN label_revision truth ON truth.id = recent.revision_id
  WHERE image.side = 'pool'
    AND EXISTS (SELECT FROM prediction WHERE model_id = $2 AND image_id = image.id OFFSET 0)
    AND NOT EXISTS (SELECT FROM snapshot_item JOIN round USING (snapshot_id)
                    WHERE snapshot_item.image_id = image.id AND round.id IN (SELECT round_id FROM line))
    AND NOT EXISTS (SELECT FROM pseudo_label JOIN round USING (snapshot_id)
                    WHERE pseudo_label.image_id = image.id AND round.id IN (SELECT round_id FROM line))
)
SELECT unlearned.id, sampling_key, area, known_classes(truth) AS known_classes, box.box_id, box.label, box.x1,
       box.y1, box.x2, box.y2, box.ignore
FROM unlearned
LEFT JOIN usable_box box ON box.revision_id = truth_id AND box.project_id = unlearned.project_id
ORDER BY unlearned.id, box.ordinal;

-- name: SelectMatchedImages
-- Of a page of boxes. `asked`: a second look is open.
SELECT shown.*, EXISTS (SELECT FROM task_request
                        WHERE image_id = shown.id AND kind = 'review' AND state = 'open') AS asked
FROM shown_image shown WHERE project_id = $1 AND id = ANY ($2::bigint[]);
