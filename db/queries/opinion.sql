-- Second opinions.

-- name: SelectOpinions
-- Each opinion with the truth that its image had when it was given.
SELECT image.id AS image_id, image.truth_revision_id = first.id AS is_open,
       first.id AS first_id, first_author.name AS first_author,
       opinion.id AS second_id, second_author.name AS second_author
FROM usable_image image
JOIN label_revision opinion ON opinion.image_id = image.id AND opinion.standing = 'opinion'
  AND NOT is_withdrawn(image.project_id, opinion.author_id, opinion.created_at, NULL)
JOIN LATERAL (SELECT label.id, label.author_id FROM standing_label label
              WHERE label.image_id = image.id AND label.number < opinion.number
              ORDER BY label.number DESC LIMIT 1) first ON true
JOIN principal first_author ON first_author.id = first.author_id
JOIN principal second_author ON second_author.id = opinion.author_id
WHERE image.project_id = $1 ORDER BY image.id;

-- name: SelectComparedBoxes
SELECT box.revision_id, box.box_id, box.label, box.x1, box.y1, box.x2, box.y2, box.origin, box.ignore
FROM unnest($2::bigint[]) AS asked (id)
JOIN usable_box box ON box.revision_id = asked.id AND box.project_id = $1
ORDER BY box.revision_id, box.ordinal;

-- name: CountWaitingForOpinion
SELECT count(*) FROM task_request JOIN usable_image image ON image.id = image_id
WHERE task_request.project_id = $1 AND kind = 'overlap' AND task_request.state = 'open';
