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

-- name: SelectPattern
-- What one of the next 20 assisted entries of project $1's ranking will show, at the share $2 of them: a row
-- for each box, or one without a label. Boxes of retired classes aren't shown.
WITH pattern AS MATERIALIZED (
  SELECT entries[1 + floor($2::double precision * cardinality(entries))::int] AS image_id, model_id
  FROM (SELECT array_agg(image_id ORDER BY position) AS entries, min(model_id) AS model_id
        FROM (SELECT image_id, position, model_id
              FROM ranking_entry JOIN ranking ON ranking.id = ranking_id
              WHERE ranking.project_id = $1 AND ranking.state = 'active' AND position >= first_open
                AND NOT blind
                AND EXISTS (SELECT FROM prediction
                            WHERE prediction.model_id = ranking.model_id
                              AND prediction.image_id = ranking_entry.image_id AND set_aside IS NULL)
              ORDER BY position LIMIT 20) following) listed
  WHERE entries IS NOT NULL
)
SELECT image.id AS image_id, width, height, shown_score() AS least_score, seen.*
FROM pattern
JOIN image ON image.id = pattern.image_id
JOIN prediction ON prediction.model_id = pattern.model_id AND prediction.image_id = image.id
LEFT JOIN LATERAL (
  SELECT place, labels[place] AS label, scores[place] AS score, corners[4 * place - 3] AS x1,
         corners[4 * place - 2] AS y1, corners[4 * place - 1] AS x2, corners[4 * place] AS y2,
         coalesce(partner_corners[4 * place - 3 : 4 * place], '{}') AS partner
  FROM generate_subscripts(scores, 1) place
  WHERE scores[place] >= shown_score()
    AND NOT EXISTS (SELECT FROM class WHERE class.project_id = $1 AND class.label = labels[place]
                      AND retired_at IS NOT NULL)) seen ON true
ORDER BY seen.score DESC, seen.place;

-- name: SelectPlantable
-- Of the images whose ids are nearest to $3, 50 below and 50 above, whose truth somebody else drew blind
-- or decided between two answers, or an engineer vouches for, with at most $4 boxes, and that person $2 was
-- never given. It looks at 3,000 images on each side.
WITH side AS (
  (SELECT * FROM image WHERE project_id = $1 AND side = 'pool' AND id >= $3 ORDER BY id LIMIT 3000)
  UNION ALL
  (SELECT * FROM image WHERE project_id = $1 AND side = 'pool' AND id < $3 ORDER BY id DESC LIMIT 3000)
), fit AS (
  SELECT image.id, image.width, image.height, image.truth_revision_id,
         row_number() OVER (PARTITION BY image.id >= $3 ORDER BY abs(image.id - $3)) AS place
  FROM side image
  JOIN label_revision truth ON truth.id = image.truth_revision_id
  WHERE image.state = 'usable' AND truth.author_id <> $2
    AND (truth.blind
         OR EXISTS (SELECT FROM label_revision opinion
                    WHERE opinion.image_id = image.id AND opinion.standing = 'opinion'
                      AND opinion.number < truth.number)
         OR EXISTS (SELECT FROM gold_image gold
                    WHERE gold.image_id = image.id AND gold.revision_id = truth.id))
    AND (SELECT count(*) FROM label_box WHERE revision_id = truth.id AND NOT ignore) <= $4
    AND NOT EXISTS (SELECT FROM label_box JOIN class USING (label)
                    WHERE revision_id = truth.id AND class.project_id = $1 AND retired_at IS NOT NULL)
    AND NOT EXISTS (SELECT FROM label_box WHERE revision_id = truth.id AND ignore)
    AND NOT EXISTS (SELECT FROM task WHERE task.image_id = image.id AND task.principal_id = $2)
    AND NOT EXISTS (SELECT FROM label_revision own WHERE own.image_id = image.id AND own.author_id = $2)
    AND NOT EXISTS (SELECT FROM lease WHERE purpose = 'label' AND subject_id = image.id)
)
SELECT id, width, height, truth_revision_id FROM fit WHERE place <= 50 ORDER BY id;

-- name: PlantTask
SELECT plant_task($1, $2, $3, $4, make_interval(secs => $5), $6::int[], $7::real[], $8::real[], $9::real[],
                  $10, $11, $12::real[]);

-- name: PlantAgain
SELECT plant_again($1, $2, make_interval(secs => $3), $4);

-- name: CountPlantedAnswers
-- How often person $2 has answered an image whose task was planted.
SELECT count(*) FROM label_revision WHERE image_id = $1 AND author_id = $2 AND standing = 'planted';

-- name: SelectOwnPlantedAnswers
-- As SelectPlantedAnswers, person $2's to images $3.
SELECT principal.name AS reviewer, task.image_id, error.kind, error.label, x1, y1, x2, y2, task.revision_id
FROM task
JOIN planted_error error ON error.task_id = task.id
JOIN principal ON principal.id = task.principal_id
WHERE task.kind = 'planted' AND task.principal_id = $2 AND task.project_id = $1 AND task.state = 'answered'
  AND task.image_id = ANY ($3::bigint[])
ORDER BY task.id;

-- name: SelectPlantedAnswers
-- The last $2 answered planted tasks of each person, with what was wrong, and the answer's revision. Without
-- errors of classes that were retired since.
SELECT principal.name AS reviewer, answered.*
FROM principal
CROSS JOIN LATERAL (
  SELECT task.image_id, error.kind, error.label, x1, y1, x2, y2, task.revision_id
  FROM task
  JOIN planted_error error ON error.task_id = task.id
  JOIN class ON class.project_id = task.project_id AND class.label = error.label AND retired_at IS NULL
  WHERE task.kind = 'planted' AND task.principal_id = principal.id AND task.project_id = $1
    AND task.state = 'answered'
  ORDER BY task.id DESC LIMIT $2) answered
ORDER BY principal.name, answered.revision_id DESC;

-- name: MarkGold
-- The truths of the images $2, which principal $3 vouches for. Returns each image with why it isn't marked;
-- '' where it is.
WITH asked AS (
  SELECT asked.id, image.truth_revision_id,
         CASE WHEN image.id IS NULL THEN 'NO_SUCH_IMAGE'
              WHEN image.state = 'removed' THEN 'IMAGE_REMOVED'
              WHEN image.state <> 'usable' THEN 'IMAGE_NOT_USABLE'
              WHEN image.side = 'holdout' THEN 'HOLDOUT_IMAGE'
              WHEN image.truth_revision_id IS NULL THEN 'NOT_LABELLED'
              ELSE '' END AS problem
  FROM (SELECT DISTINCT unnest($2::bigint[]) AS id) asked
  LEFT JOIN image ON image.id = asked.id AND image.project_id = $1
), marked AS (
  INSERT INTO gold_image (image_id, revision_id, set_by)
  SELECT id, truth_revision_id, $3 FROM asked WHERE problem = '' ORDER BY id
  ON CONFLICT (image_id) DO UPDATE
  SET revision_id = excluded.revision_id, set_by = excluded.set_by, set_at = now()
)
SELECT id, problem FROM asked ORDER BY id;

-- name: UnmarkGold
-- Returns as MarkGold.
WITH ended AS (
  DELETE FROM gold_image USING image
  WHERE image.id = image_id AND image.project_id = $1 AND image_id = ANY ($2::bigint[])
  RETURNING image_id
)
SELECT asked.id, CASE WHEN ended.image_id IS NOT NULL THEN ''
                      WHEN image.id IS NULL THEN 'NO_SUCH_IMAGE'
                      ELSE 'NOT_GOLD' END AS problem
FROM (SELECT DISTINCT unnest($2::bigint[]) AS id) asked
LEFT JOIN image ON image.id = asked.id AND image.project_id = $1
LEFT JOIN ended ON ended.image_id = asked.id ORDER BY asked.id;
