-- Planted errors.

-- name: SelectPlanting
-- Whether tasks are planted in a project: the share, the model whose boxes they imitate (0: none serves), and
-- which part of the next tasks is assisted.
SELECT planted_share, coalesce(ranking.model_id, 0) AS model_id,
       (SELECT avg((NOT blind)::int)
        FROM (SELECT blind FROM ranking_entry
              WHERE ranking_id = ranking.id AND position >= first_open
              ORDER BY position LIMIT 100) following) AS assisted
FROM project JOIN ranking ON ranking.project_id = project.id AND ranking.state = 'active'
WHERE project.id = $1 AND planted_share > 0;

-- name: SelectPatternTasks
-- The last assisted tasks that showed the model's boxes.
SELECT id FROM task WHERE project_id = $1 AND kind = 'ranked' AND shown_model_id = $2
ORDER BY id DESC LIMIT 100;

-- name: SelectPlantable
-- The first image from id $3 up whose truth somebody else drew blind, with exactly $4 boxes, that person $2
-- was never given. It looks at a thousand images.
SELECT image.id, image.width, image.height, image.truth_revision_id
FROM (SELECT * FROM usable_image
      WHERE project_id = $1 AND side = 'pool' AND id >= $3 AND truth_revision_id IS NOT NULL
      ORDER BY id LIMIT 1000) image
JOIN label_revision truth ON truth.id = image.truth_revision_id
WHERE truth.blind AND truth.author_id <> $2
  AND (SELECT count(*) FROM label_box WHERE revision_id = truth.id AND NOT ignore) = $4
  AND NOT EXISTS (SELECT FROM label_box JOIN class USING (label)
                  WHERE revision_id = truth.id AND class.project_id = $1 AND retired_at IS NOT NULL)
  AND NOT EXISTS (SELECT FROM label_box WHERE revision_id = truth.id AND ignore)
  AND NOT EXISTS (SELECT FROM task WHERE task.image_id = image.id AND task.principal_id = $2)
  AND NOT EXISTS (SELECT FROM label_revision own WHERE own.image_id = image.id AND own.author_id = $2)
  AND NOT EXISTS (SELECT FROM lease WHERE purpose = 'label' AND subject_id = image.id)
ORDER BY image.id LIMIT 1;

-- name: SelectLastImage
SELECT coalesce(max(id), 0) FROM image WHERE project_id = $1 AND side = 'pool';

-- name: PlantTask
SELECT plant_task($1, $2, $3, $4, make_interval(secs => $5), $6::int[], $7::real[], $8::real[], $9::real[],
                  $10, $11, $12::real[]);

-- name: SelectPlantedAnswers
-- The last $2 answered planted tasks of each person, with what was wrong, and the answer's revision.
SELECT reviewer, kind, label, x1, y1, x2, y2, revision_id
FROM (SELECT principal.name AS reviewer, error.*, task.revision_id,
             row_number() OVER (PARTITION BY task.principal_id ORDER BY task.id DESC) AS place
      FROM planted_error error
      JOIN task ON task.id = error.task_id AND task.project_id = $1 AND task.state = 'answered'
      JOIN principal ON principal.id = task.principal_id) answered
WHERE place <= $2 ORDER BY reviewer, place;
