-- Tasks and the leases on their images.

-- name: ClaimTasks
SELECT claim_tasks($1, $2, $3, make_interval(secs => $4), $5);

-- name: ClaimRequested
SELECT claim_requested($1, $2, $3, make_interval(secs => $4), $5);

-- name: ReopenImage
SELECT reopen_image($1, $2, make_interval(secs => $3));

-- name: SelectOpenTasks
-- The leased tasks of a person in a project, oldest first.
SELECT task.id FROM task JOIN lease ON lease.task_id = task.id AND lease.expires_at > now()
WHERE task.principal_id = $1 AND task.project_id = $2 AND task.state = 'leased' ORDER BY task.id;

-- name: CountSkipped
-- Images of the active ranking that this person skipped and nobody has labelled, and those of requests and of
-- planted tasks that this person skipped.
SELECT (SELECT count(DISTINCT task.image_id)
        FROM ranking
        JOIN task ON task.ranking_id = ranking.id AND task.principal_id = $2 AND task.state = 'skipped'
        JOIN usable_image image ON image.id = task.image_id AND image.truth_revision_id IS NULL
        WHERE ranking.project_id = $1 AND ranking.state = 'active')
     + (SELECT count(DISTINCT task.image_id)
        FROM task_request request
        JOIN task ON task.request_id = request.id AND task.principal_id = $2 AND task.state = 'skipped'
        JOIN usable_image image ON image.id = request.image_id
        WHERE request.project_id = $1 AND request.kind <> 'reopen' AND request.state = 'open')
     + (SELECT count(*) FROM planted_to_serve($1, $2, true));

-- name: SelectTasks
-- Leased tasks. A look that somebody asked for, where the truth isn't shown, has the active generation.
SELECT shown.*, task.id AS task_id, task.lease_number, task.blind, task.kind, lease.expires_at, task.position,
       task.slice, task.score, task.probability, ranking.generation,
       task.shown_model_id IS NOT NULL AS shows, corrected.id IS NOT NULL AS corrects,
       coalesce(ranked_model.number, 0) AS ranked_model,
       coalesce(corrected.note, '') AS note, coalesce(corrected.flags, '{}') AS flags,
       CASE WHEN task.image_side = 'pool' THEN coalesce(request.reason, '') ELSE '' END AS request_reason,
       CASE WHEN task.kind IN ('review', 'assigned', 'overlap', 'planted') AND corrected.id IS NULL
            THEN (SELECT active.generation FROM ranking active
                  WHERE active.project_id = task.project_id AND active.state = 'active')
       END AS as_of_generation,
       ARRAY(SELECT label FROM label_revision revision
             JOIN class ON class.project_id = task.project_id AND label > known_classes(revision)
             WHERE revision.id = corrected.id AND retired_at IS NULL ORDER BY label) AS new_classes
FROM task
JOIN lease ON lease.task_id = task.id
JOIN shown_image shown ON shown.id = task.image_id
LEFT JOIN label_revision corrected ON corrected.id = task.based_on AND shows_truth(task)
LEFT JOIN task_request request ON request.id = task.request_id
LEFT JOIN ranking ON ranking.id = task.ranking_id
LEFT JOIN model ranked_model ON ranked_model.id = ranking.model_id
WHERE task.id = ANY ($1::bigint[]) ORDER BY task.id;

-- name: SelectShownBoxes
-- With the corners of each box's partner in the mirrored image, if there was one and its prediction is kept.
SELECT task_id, ordinal, label, x1, y1, x2, y2, score,
       coalesce((SELECT partners[4 * ordinal + 1 : 4 * ordinal + 4] FROM planted_error
                 WHERE planted_error.task_id = shown_box.task_id),
                (SELECT partner_corners[4 * prediction_index + 1 : 4 * prediction_index + 4]
                 FROM task JOIN prediction USING (image_id)
                 WHERE task.id = task_id AND prediction.model_id = shown_box.model_id), '{}') AS partner
FROM shown_box WHERE task_id = ANY ($1::bigint[]) ORDER BY task_id, ordinal;

-- name: SelectBoxesToCorrect
-- The boxes of the revisions that these tasks correct.
SELECT task.id AS task_id, box_id, label, x1, y1, x2, y2, origin, ignore
FROM task JOIN label_box ON label_box.revision_id = task.based_on
WHERE task.id = ANY ($1::bigint[]) ORDER BY task.id, ordinal;

-- name: LockTask
-- taken: the image was leased again after the task's lease had ended.
SELECT task.principal_id, task.lease_number, task.state, task.image_id, task.blind, image.width, image.height,
       task.shown_model_id IS NOT NULL AS shows, shows_truth(task) AS corrects,
       coalesce(lease.expires_at > now(), false) AS held,
       EXISTS (SELECT FROM lease other
               WHERE other.purpose = 'label' AND other.subject_id = task.image_id
                 AND other.number <> task.lease_number) AS taken,
       (SELECT planted_share > 0 FROM project WHERE project.id = task.project_id) AS plants,
       (SELECT max(label) FROM class WHERE class.project_id = task.project_id) AS classes,
       ARRAY(SELECT label FROM class WHERE class.project_id = task.project_id AND retired_at IS NOT NULL)
           AS retired
FROM task
JOIN image ON image.id = task.image_id
LEFT JOIN lease ON lease.number = task.lease_number
WHERE task.id = $1 FOR UPDATE OF task;

-- name: SubmitCorrection
SELECT the_revision, the_number, the_standing
FROM submit_correction($1, $2, $3, $4, $5, $6::text[], $7::real[], $8::int[], $9::text[], $10::boolean[],
                       $11::int[], $12::bigint[], $13::int[], $14::text[]);

-- name: EndTask
-- A request to open an answer again ends with its task; others are served again.
WITH ended AS (
  UPDATE task SET state = $2, ended_at = now(), skip_reason = nullif($3, '') WHERE id = $1
  RETURNING request_id
)
UPDATE task_request SET state = 'cancelled', ended_at = now() FROM ended
WHERE id = ended.request_id AND kind = 'reopen';

-- name: DeleteLabelLease
DELETE FROM lease WHERE number = $1 AND purpose = 'label';

-- name: RenewLeases
-- Tasks whose leases have not ended are locked first, so that ExpireTasks skips them.
WITH held AS (
  SELECT lease.number, task.id AS task_id FROM unnest($2::bigint[], $3::bigint[]) AS named (task_id, number)
  JOIN task ON task.id = named.task_id AND task.principal_id = $1 AND task.state = 'leased'
  JOIN lease ON lease.number = named.number AND lease.task_id = task.id AND lease.expires_at > now()
  ORDER BY task.id FOR UPDATE OF task, lease
)
UPDATE lease SET expires_at = now() + make_interval(secs => $4) FROM held WHERE lease.number = held.number
RETURNING held.task_id, lease.expires_at;

-- name: ShortenLeases
-- None lasts longer than $1 seconds for an image, or $2 for a job. One that does is from before the clock was
-- turned back.
UPDATE lease SET expires_at = now() + longest
FROM (VALUES ('label', make_interval(secs => $1)), ('job', make_interval(secs => $2))) allowed (of, longest)
WHERE purpose = of AND expires_at > now() + longest + interval '1 second';

-- name: ExpireTasks
-- Skips tasks that are being submitted or renewed: their rows are locked.
WITH ended AS (
  SELECT task.id, lease.number FROM lease JOIN task ON task.id = lease.task_id
  WHERE lease.purpose = 'label' AND lease.expires_at < now()
  ORDER BY lease.expires_at LIMIT 1000 FOR UPDATE OF task, lease SKIP LOCKED
), expired AS (
  UPDATE task SET state = 'expired', ended_at = now() FROM ended
  WHERE task.id = ended.id AND task.state = 'leased' RETURNING task.request_id
), cancelled AS (
  UPDATE task_request SET state = 'cancelled', ended_at = now() FROM expired
  WHERE id = expired.request_id AND kind = 'reopen'
)
DELETE FROM lease USING ended WHERE lease.number = ended.number;

-- name: SelectAnswers
-- The last answer of person $1 to each image of project $2, the latest first: at most $5, of those before
-- revision $3. Images that were removed are left out. $4: whether the person may open anybody's answer.
-- OFFSET 0 and the page by itself: the planner must not read a whole table to join it with all answers.
WITH page AS MATERIALIZED (
  SELECT revision_id, image_id, boxes
  FROM answer
  WHERE principal_id = $1 AND project_id = $2 AND revision_id < $3
    AND NOT EXISTS (SELECT FROM answer later
                    WHERE later.principal_id = $1 AND later.project_id = $2
                      AND later.image_id = answer.image_id
                      AND later.revision_id > answer.revision_id OFFSET 0)
    AND NOT EXISTS (SELECT FROM image
                    WHERE project_id = $2 AND id = answer.image_id AND state = 'removed' OFFSET 0)
  ORDER BY revision_id DESC LIMIT $5
)
SELECT shown.*, page.revision_id, page.boxes, revision.created_at, revision.spent_ms, revision.standing,
       revision.note, revision.flags,
       shown.image_state = 'usable' AND truth.id IS NOT NULL
           AND ($4 OR truth.author_id = $1
                OR (revision.standing = 'planted'
                    AND NOT is_withdrawn($2, $1, revision.created_at,
                                         (SELECT shown_model_id FROM task WHERE id = revision.task_id))))
           AS can_be_opened
FROM page
JOIN label_revision revision ON revision.id = page.revision_id
JOIN shown_image shown ON shown.id = page.image_id
LEFT JOIN label_revision truth ON truth.id = shown.truth_revision_id
ORDER BY page.revision_id DESC;

-- name: SumWork
-- What person $1 answered in project $2: all, and at $3 or later.
SELECT count(*) FILTER (WHERE last) AS images,
       coalesce(sum(boxes) FILTER (WHERE last), 0) AS boxes,
       coalesce(sum(spent_ms), 0) AS spent_ms,
       count(*) FILTER (WHERE last AND since) AS images_since,
       coalesce(sum(boxes) FILTER (WHERE last AND since), 0) AS boxes_since,
       coalesce(sum(spent_ms) FILTER (WHERE since), 0) AS spent_ms_since
FROM (SELECT boxes, spent_ms, created_at >= $3 AS since,
             lead(revision_id) OVER (PARTITION BY image_id ORDER BY revision_id) IS NULL AS last
      FROM answer WHERE principal_id = $1 AND project_id = $2) own;

-- name: RequestTasks
-- Asks for a look at each of the images $2, of kind $3, with target $4 (0: anybody) and reason $5, as
-- principal $6 says. Returns each image with why nobody is asked; '' where somebody is.
WITH asked AS (
  SELECT asked.id, image.side,
         CASE WHEN image.id IS NULL THEN 'NO_SUCH_IMAGE'
              WHEN image.state = 'removed' THEN 'IMAGE_REMOVED'
              WHEN image.state <> 'usable' THEN 'IMAGE_NOT_USABLE'
              WHEN EXISTS (SELECT FROM task_request
                           WHERE image_id = image.id AND state = 'open' AND kind IN ('review', 'assigned'))
              THEN 'ALREADY_ASKED'
              WHEN $3 = 'review' AND truth.id IS NULL THEN 'NOT_LABELLED'
              WHEN truth.author_id = $4 AND ($3 = 'review' OR image.side = 'holdout') THEN 'OWN_ANSWER'
              WHEN image.side = 'holdout' AND $4 = $6 THEN 'ASKED_BY_YOURSELF'
              WHEN $3 = 'assigned' AND truth.id IS NULL AND image.side = 'holdout' THEN 'HOLDOUT_ORDER'
              ELSE '' END AS problem
  FROM (SELECT DISTINCT unnest($2::bigint[]) AS id) asked
  LEFT JOIN image ON image.id = asked.id AND image.project_id = $1
  LEFT JOIN label_revision truth ON truth.id = image.truth_revision_id
), added AS (
  INSERT INTO task_request (project_id, image_id, image_side, kind, target_id, reason, state, created_by)
  SELECT $1, id, side, $3, nullif($4::bigint, 0), $5, 'open', $6 FROM asked WHERE problem = '' ORDER BY id
  ON CONFLICT DO NOTHING RETURNING image_id
)
SELECT id, CASE WHEN problem = '' AND added.image_id IS NULL THEN 'ALREADY_ASKED' ELSE problem END AS problem
FROM asked LEFT JOIN added ON added.image_id = asked.id ORDER BY id;

-- name: CancelRequests
-- Takes back what RequestTasks asked of the images $2. Requires LockActiveRankings. Returns as RequestTasks.
-- The queue may have gone past those that were given to somebody.
WITH ended AS (
  UPDATE task_request SET state = 'cancelled', ended_at = now()
  WHERE project_id = $1 AND image_id = ANY ($2::bigint[]) AND state = 'open'
    AND kind IN ('review', 'assigned')
  RETURNING image_id
), rewound AS (
  UPDATE ranking SET first_open = least(first_open, earliest.position)
  FROM (SELECT ranking_id, min(position) AS position
        FROM ended JOIN ranking_entry USING (image_id) GROUP BY ranking_id) earliest
  WHERE ranking.id = earliest.ranking_id AND ranking.state = 'active'
)
SELECT asked.id, CASE WHEN ended.image_id IS NOT NULL THEN ''
                      WHEN image.id IS NULL THEN 'NO_SUCH_IMAGE'
                      ELSE 'NOT_ASKED' END AS problem
FROM (SELECT DISTINCT unnest($2::bigint[]) AS id) asked
LEFT JOIN image ON image.id = asked.id AND image.project_id = $1
LEFT JOIN ended ON ended.image_id = asked.id ORDER BY asked.id;

-- name: FreeRequests
-- What was asked of people whose tokens were revoked or have expired is asked of anybody.
UPDATE task_request SET target_id = NULL
WHERE state = 'open' AND kind <> 'reopen'
  AND target_id IN (SELECT id FROM principal WHERE revoked_at IS NOT NULL OR expires_at <= now());
