-- Likely errors in labels.

-- name: InsertLabelErrors
-- One per place of the arrays: images, kinds, boxes (0: none), corners (four each; all 0: none), labels,
-- log_odds. Returns how many name an image or a box that isn't of snapshot $2.
WITH given AS (
  SELECT place, image_id, kind, nullif(box_id, 0) AS box_id, nullif(label, 0) AS label, log_odds,
         CASE WHEN label > 0 THEN ($6::real[])[4 * place - 3 : 4 * place] END AS corners
  FROM unnest($3::bigint[], $4::text[], $5::bigint[], $7::int[], $8::float8[]) WITH ORDINALITY
    AS given (image_id, kind, box_id, label, log_odds, place)
), found AS (
  SELECT given.*, item.revision_id,
         item.revision_id IS NOT NULL
           AND (given.box_id IS NULL
                OR EXISTS (SELECT FROM label_box box
                           WHERE box.revision_id = item.revision_id AND box.box_id = given.box_id)) AS known
  FROM given LEFT JOIN snapshot_item item ON item.snapshot_id = $2 AND item.image_id = given.image_id
), added AS (
  INSERT INTO label_error (round_id, image_id, revision_id, kind, box_id, corners, label, log_odds)
  SELECT $1, found.image_id, revision_id, kind, box_id, corners, label, log_odds
  FROM found JOIN usable_image image ON image.id = found.image_id
  WHERE known
    AND NOT EXISTS (
      SELECT FROM label_error old
      WHERE old.image_id = found.image_id AND NOT old.mended AND old.kind = found.kind
        AND old.label IS NOT DISTINCT FROM found.label
        AND CASE WHEN found.kind = 'missing' THEN corners_iou(old.corners, found.corners) >= 0.5
                 ELSE old.box_id = found.box_id
                      AND (SELECT (label, x1, y1, x2, y2) FROM label_box box
                           WHERE box.revision_id = old.revision_id AND box.box_id = old.box_id)
                        = (SELECT (label, x1, y1, x2, y2) FROM label_box box
                           WHERE box.revision_id = found.revision_id AND box.box_id = found.box_id) END)
  ORDER BY place
)
SELECT count(*) FROM found WHERE NOT known;

-- name: SelectLabelErrors
-- At most $3 of the last search's errors in the truths of now, after error $2 (0: from the first).
SELECT error.id AS error_id, error.image_id, error.kind, coalesce(error.box_id, 0) AS wrong_id,
       error.corners, error.label AS proposed, error.log_odds, image.id, image.sha256, image.file_name,
       image.width, image.height, image.size_bytes, image.media_type, image.sampling_key,
       coalesce(image.group_name, '') AS group_name, author.name AS author,
       box.box_id, box.label, box.x1, box.y1, box.x2, box.y2, box.origin, box.ignore,
       EXISTS (SELECT FROM task_request request
               WHERE request.image_id = image.id AND request.state = 'open' AND request.kind = 'review')
         AS in_review
FROM label_error error
JOIN usable_image image ON image.id = error.image_id AND image.truth_revision_id = error.revision_id
JOIN label_revision truth ON truth.id = error.revision_id
JOIN principal author ON author.id = truth.author_id
LEFT JOIN label_error last ON last.id = $2
LEFT JOIN label_box box ON box.revision_id = error.revision_id AND box.box_id = error.box_id
WHERE error.round_id = last_search($1) AND error.mended IS NULL AND NOT is_of_retired_class(error)
  AND ($2 = 0 OR error.log_odds < last.log_odds OR error.log_odds = last.log_odds AND error.id > $2)
ORDER BY error.log_odds DESC, error.id LIMIT $3;

-- name: CountLabelErrors
SELECT coalesce((SELECT number FROM round WHERE id = last_search($1)), 0) AS round,
       count(*) FILTER (WHERE mended IS NULL AND image.truth_revision_id = error.revision_id
                          AND NOT is_of_retired_class(error)) AS total,
       count(*) FILTER (WHERE mended) AS mended, count(*) FILTER (WHERE NOT mended) AS kept
FROM label_error error JOIN usable_image image ON image.id = error.image_id
WHERE round_id = last_search($1);

-- name: SelectImagesWithErrors
SELECT error.image_id
FROM label_error error
JOIN usable_image image ON image.id = error.image_id AND image.truth_revision_id = error.revision_id
WHERE error.round_id = $1 AND error.mended IS NULL AND NOT is_of_retired_class(error)
  AND NOT EXISTS (SELECT FROM task_request request
                  WHERE request.image_id = image.id AND request.state = 'open'
                    AND request.kind IN ('review', 'assigned'))
GROUP BY error.image_id ORDER BY max(error.log_odds) DESC, error.image_id LIMIT $2;

-- name: SelectErrorsOfTasks
-- Those that were found before the task was served.
SELECT task.id AS task_id, error.id AS error_id, error.image_id, error.kind,
       coalesce(error.box_id, 0) AS wrong_id, error.corners, error.label AS proposed, error.log_odds
FROM task
JOIN label_error error ON error.image_id = task.image_id AND error.revision_id = task.based_on
WHERE task.id = ANY ($1::bigint[]) AND error.mended IS NULL AND error.found_at <= task.created_at
  AND error.round_id = last_search(task.project_id) AND NOT is_of_retired_class(error)
ORDER BY task.id, error.log_odds DESC, error.id;

-- name: DecideLabelErrors
UPDATE label_error SET mended = decided.mended
FROM unnest($1::bigint[], $2::boolean[]) AS decided (id, mended) WHERE label_error.id = decided.id;
