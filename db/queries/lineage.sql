-- Boxes of the truth by their lineage.

-- name: FindTruths
SELECT images, last_image, truths FROM find_truths($1, $2, $3, $4, $5, $6, $7, $8, $9);

-- Of what follows, each statement finds its rows by ids of its own table. In a join with a list of ids the
-- planner reads the whole table for each of them where the statistics are stale.

-- name: SelectTruths
-- These revisions but those of images that were removed.
SELECT revision.id, image.id, image.file_name, revision.number, reviewer.name, revision.created_at,
       task.slice, revision.blind, revision.client, revision.spent_ms, revision.task_id
FROM label_revision revision
JOIN image ON image.id = revision.image_id
JOIN principal reviewer ON reviewer.id = revision.author_id
LEFT JOIN task ON task.id = revision.task_id
WHERE revision.id = ANY ($1::bigint[]) AND image.state <> 'removed';

-- name: SelectBoxesOfTruths
-- Boxes of these revisions, at most $4 (NULL: all).
SELECT revision_id, box_id, label, x1, y1, x2, y2, origin, ignore, spent_ms, shown_ordinal
FROM label_box
WHERE revision_id = ANY ($1::bigint[]) AND ($2::text[] = '{}' OR origin = ANY ($2::text[]))
  AND ($3::int IS NULL OR label = $3)
LIMIT $4;

-- name: SelectRevisionsOfBoxes
-- One row per revision that holds one of these boxes, oldest first.
SELECT box_id, held.revision_id, revision.task_id, shown_ordinal, author.name, revision.created_at
FROM label_box held
JOIN label_revision revision ON revision.id = held.revision_id
JOIN principal author ON author.id = revision.author_id
WHERE box_id = ANY ($1::bigint[]) ORDER BY held.revision_id;

-- name: SelectBecomings
-- Outcomes of shown boxes that became boxes of these revisions; of those in $2 ({}: of any).
SELECT revision_id, shown_ordinal, outcome
FROM outcome
WHERE revision_id = ANY ($1::bigint[]) AND outcome NOT IN ('rejected', 'dropped', 'hidden')
  AND ($2::text[] = '{}' OR outcome = ANY ($2::text[]));

-- name: SelectShownBoxesOfTasks
-- Those of model $2 (NULL: any) with a score from $3 to $4.
SELECT task_id, ordinal, model.number, label, score, x1, y1, x2, y2
FROM shown_box JOIN model ON model.id = model_id
WHERE task_id = ANY ($1::bigint[]) AND ($2::bigint IS NULL OR model_id = $2)
  AND ($3::real IS NULL OR score >= $3) AND ($4::real IS NULL OR score <= $4);

-- name: SelectImagesOfTruths
-- In order of id. An image that was removed since is left out.
SELECT shown_image.*
FROM label_revision JOIN shown_image ON shown_image.id = label_revision.image_id
WHERE label_revision.id = ANY ($1::bigint[]) AND image_state <> 'removed' ORDER BY shown_image.id;
