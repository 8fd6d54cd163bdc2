-- Boxes of the truth by their lineage.

-- name: FindTruths
SELECT images, last_image, truths FROM find_truths($1, $2, $3, $4, $5, $6, $7, $8, $9);

-- name: SelectFoundBoxes
-- Of these truths, those after box $3 of image $2, at most $10, in order of image and box.
-- `made`: the task that showed the box it was made from, and the answer to it, as in the view
-- provenance.box_from_prediction; only these origins come of a shown box. `maker`: who wrote the first
-- revision that holds it; NULL: it is this one, as an image's first revision holds new boxes alone.
SELECT image.id, image.file_name, box.box_id, box.label, box.x1, box.y1, box.x2, box.y2, box.origin,
       box.ignore, box.spent_ms, revision.number, reviewer.name, revision.created_at, task.slice,
       revision.blind, revision.client, revision.spent_ms, maker.name, maker.created_at,
       model.number, shown.ordinal, shown.label, shown.score, shown.x1, shown.y1, shown.x2, shown.y2,
       outcome.outcome,
       provenance.iou(box.x1, box.y1, box.x2, box.y2, shown.x1, shown.y1, shown.x2, shown.y2)
FROM label_revision revision
JOIN image ON image.id = revision.image_id
JOIN principal reviewer ON reviewer.id = revision.author_id
LEFT JOIN task ON task.id = revision.task_id
JOIN label_box box ON box.revision_id = revision.id
LEFT JOIN LATERAL (
  SELECT revision.task_id, revision.id AS revision_id, box.shown_ordinal WHERE box.shown_ordinal IS NOT NULL
  UNION ALL
  (SELECT answer.task_id, answer.id, earlier.shown_ordinal
   FROM label_box earlier JOIN label_revision answer ON answer.id = earlier.revision_id
   WHERE box.shown_ordinal IS NULL AND box.origin IN ('accepted', 'adjusted', 'relabelled')
     AND earlier.box_id = box.box_id AND earlier.shown_ordinal IS NOT NULL
   ORDER BY earlier.revision_id DESC LIMIT 1)
) made ON true
LEFT JOIN shown_box shown ON shown.task_id = made.task_id AND shown.ordinal = made.shown_ordinal
LEFT JOIN model ON model.id = shown.model_id
LEFT JOIN outcome ON outcome.revision_id = made.revision_id AND outcome.shown_ordinal = made.shown_ordinal
LEFT JOIN LATERAL (
  SELECT principal.name, first_one.created_at
  FROM label_box held
  JOIN label_revision first_one ON first_one.id = held.revision_id
  JOIN principal ON principal.id = first_one.author_id
  WHERE revision.number > 1 AND held.box_id = box.box_id
  ORDER BY held.revision_id LIMIT 1
) maker ON true
WHERE revision.id = ANY ($1::bigint[]) AND image.state <> 'removed' AND (image.id, box.box_id) > ($2, $3)
  AND ($4::text[] = '{}' OR box.origin = ANY ($4::text[]))
  AND ($5::text[] = '{}' OR outcome.outcome = ANY ($5::text[]))
  AND ($6::int IS NULL OR box.label = $6)
  AND ($7::bigint IS NULL OR shown.model_id = $7)
  AND ($8::real IS NULL OR shown.score >= $8)
  AND ($9::real IS NULL OR shown.score <= $9)
ORDER BY image.id, box.box_id LIMIT $10;

-- name: SelectImagesOfTruths
-- In order of id. An image that was removed since is left out.
SELECT shown_image.*
FROM label_revision JOIN shown_image ON shown_image.id = label_revision.image_id
WHERE label_revision.id = ANY ($1::bigint[]) AND image_state <> 'removed' ORDER BY shown_image.id;
