-- The truth and its history.

-- name: ImportRevision
-- NULL: the image has a truth, and $4 doesn't ask to replace it.
SELECT import_revision($1, $2, $3, $4, $5::real[], $6::int[], $7::boolean[]);

-- name: LockTruth
-- has_planted_answer: person $3 answered a planted task there.
SELECT image.state, truth.author_id,
       EXISTS (SELECT FROM label_revision own
               WHERE own.image_id = image.id AND own.author_id = $3 AND own.standing = 'planted')
           AS has_planted_answer
FROM image LEFT JOIN label_revision truth ON truth.id = image.truth_revision_id
WHERE image.project_id = $1 AND image.id = $2 FOR NO KEY UPDATE OF image;

-- name: SelectTruth
-- One row per box of these images' truth. An image without boxes has no row.
SELECT image.id, box_id, label, x1, y1, x2, y2, origin, ignore
FROM image JOIN label_box ON revision_id = truth_revision_id
WHERE image.id = ANY ($1::bigint[]) ORDER BY image.id, ordinal;

-- name: SelectLabelledImages
-- One row per box. An image without boxes has one row with NULLs. At most $4 images with ids above $3, in
-- order of id. $2: a side, or '' for both sides.
SELECT shown.*, box_id, label, x1, y1, x2, y2, origin, ignore
FROM (SELECT shown_image.*, truth.number AS truth_number
      FROM shown_image JOIN label_revision truth ON truth.id = truth_revision_id
      WHERE project_id = $1 AND ($2 = '' OR side = $2) AND image_state = 'usable' AND shown_image.id > $3
      ORDER BY shown_image.id LIMIT $4) shown
LEFT JOIN label_box ON revision_id = truth_revision_id
ORDER BY shown.id, ordinal;

-- name: SelectTheseLabelledImages
-- As SelectLabelledImages, of the images $5.
SELECT shown.*, truth.number AS truth_number, box_id, label, x1, y1, x2, y2, origin, ignore
FROM (SELECT * FROM shown_image
      WHERE project_id = $1 AND ($2 = '' OR side = $2) AND image_state = 'usable' AND id > $3
        AND id = ANY ($5::bigint[])
        AND truth_revision_id IS NOT NULL
      ORDER BY id LIMIT $4) shown
JOIN label_revision truth ON truth.id = truth_revision_id
LEFT JOIN label_box ON revision_id = truth_revision_id
ORDER BY shown.id, ordinal;

-- name: SelectRevisions
SELECT revision.id, revision.number, revision.source, author.name AS author, revision.created_at,
       revision.blind, revision.late, revision.spent_ms, revision.previous_hash, revision.hash,
       revision.task_id, revision.standing, revision.client, revision.note, revision.flags,
       based.number AS based_on, withdrawal_id, task.kind,
       coalesce(shown_model.number, 0) AS shown_model,
       ranking.generation, task.position, task.slice, task.score, task.probability,
       coalesce(ranked_model.number, 0) AS ranked_model
FROM label_revision revision
JOIN principal author ON author.id = revision.author_id
LEFT JOIN label_revision based ON based.id = revision.based_on
LEFT JOIN withdrawal_revision ON withdrawal_revision.revision_id = revision.id
LEFT JOIN task ON task.id = revision.task_id
LEFT JOIN ranking ON ranking.id = task.ranking_id
LEFT JOIN model ranked_model ON ranked_model.id = ranking.model_id
LEFT JOIN model shown_model ON shown_model.id = task.shown_model_id
WHERE revision.image_id = $1 ORDER BY revision.number;

-- name: SelectRevisionBoxes
SELECT revision_id, box_id, label, x1, y1, x2, y2, origin, ignore
FROM label_box JOIN label_revision ON label_revision.id = revision_id
WHERE image_id = $1 ORDER BY number, ordinal;

-- name: SelectOutcomes
-- One row per box that a task of these revisions showed.
SELECT revision_id, outcome, ordinal, label, score, x1, y1, x2, y2
FROM outcome
JOIN label_revision ON label_revision.id = revision_id
JOIN shown_box ON shown_box.task_id = label_revision.task_id AND ordinal = shown_ordinal
WHERE image_id = $1 ORDER BY number, ordinal;

-- name: FindImageOfBox
SELECT image_id
FROM label_box
JOIN label_revision ON label_revision.id = revision_id
JOIN image ON image.id = image_id
WHERE box_id = $2 AND project_id = $1 LIMIT 1;

-- name: SelectBoxSources
-- One row per revision that holds box $2 of image $1, with the shown box that it was made from there, or
-- NULLs.
SELECT label_box.revision_id, label_box.spent_ms,
       revision.id IS NOT DISTINCT FROM image.truth_revision_id AS is_truth,
       shown.ordinal, shown.label, shown.score, shown.x1, shown.y1, shown.x2, shown.y2, outcome.outcome,
       model.number AS model,
       provenance.iou(label_box.x1, label_box.y1, label_box.x2, label_box.y2,
                      shown.x1, shown.y1, shown.x2, shown.y2) AS iou
FROM label_box
JOIN label_revision revision ON revision.id = label_box.revision_id
JOIN image ON image.id = revision.image_id
LEFT JOIN shown_box shown ON shown.task_id = revision.task_id AND shown.ordinal = label_box.shown_ordinal
LEFT JOIN outcome ON outcome.revision_id = revision.id AND outcome.shown_ordinal = label_box.shown_ordinal
LEFT JOIN model ON model.id = shown.model_id
WHERE box_id = $2 AND revision.image_id = $1 ORDER BY revision.number;

-- name: SelectModelsTrainedOnRevisions
SELECT model_number FROM models_trained_on($1, $2::bigint[]);

-- name: SelectTrainedInRounds
SELECT DISTINCT round.number FROM snapshot_item JOIN round ON round.snapshot_id = snapshot_item.snapshot_id
WHERE snapshot_item.image_id = $1 AND round.model_id IS NOT NULL ORDER BY round.number;

-- name: SelectPredictingModels
-- OFFSET 0: a lookup per model.
SELECT number FROM image JOIN model ON model.project_id = image.project_id
WHERE image.id = $1
  AND EXISTS (SELECT FROM prediction
              WHERE model_id = model.id AND image_id = image.id AND set_aside IS NULL OFFSET 0)
ORDER BY number;

-- name: SelectPseudoLabelledInRounds
SELECT round.number FROM pseudo_label JOIN round USING (snapshot_id)
WHERE pseudo_label.image_id = $1 ORDER BY round.number;
