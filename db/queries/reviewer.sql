-- Reviewers: their latest work, alarms about them, and who gets no more tasks.

-- name: SelectReviewerTasks
-- What each person answered last in project $1, the newest first: of a person's last $2 answers those to
-- tasks of the ranking and to planted ones.
SELECT principal.id AS principal_id, principal.name AS reviewer, task.id AS task_id,
       revision.id AS revision_id, task.kind = 'planted' AS planted,
       task.shown_model_id IS NOT NULL AS assisted,
       coalesce(task.slice, '') = 'random' AND ranking.model_id IS NOT NULL AS sliced,
       task.blind, revision.spent_ms,
       (SELECT count(*) FROM shown_box WHERE task_id = task.id) AS shown
FROM principal
CROSS JOIN LATERAL (SELECT revision_id FROM answer
                    WHERE principal_id = principal.id AND project_id = $1
                    ORDER BY revision_id DESC LIMIT $2) newest
JOIN label_revision revision ON revision.id = newest.revision_id
JOIN task ON task.id = revision.task_id AND task.kind IN ('ranked', 'planted')
JOIN usable_image image ON image.id = task.image_id
LEFT JOIN ranking ON ranking.id = task.ranking_id
ORDER BY principal.name, revision.id DESC;

-- name: SelectPredictedBoxes
-- The boxes that each of the tasks $1 showed, or would have shown if it weren't blind. Without boxes of
-- retired classes.
SELECT seen.*
FROM (SELECT task_id, label, x1, y1, x2, y2 FROM shown_box WHERE task_id = ANY ($1::bigint[])
      UNION ALL
      SELECT task.id, labels[place], corners[4 * place - 3], corners[4 * place - 2], corners[4 * place - 1],
             corners[4 * place]
      FROM task
      JOIN ranking ON ranking.id = task.ranking_id
      JOIN prediction ON prediction.model_id = ranking.model_id AND prediction.image_id = task.image_id
      CROSS JOIN generate_subscripts(scores, 1) place
      WHERE task.id = ANY ($1::bigint[]) AND task.shown_model_id IS NULL
        AND scores[place] >= shown_score()) seen
JOIN task ON task.id = seen.task_id
JOIN class ON class.project_id = task.project_id AND class.label = seen.label AND retired_at IS NULL;

-- name: SelectCheckedProjects
-- Where the quality of labels is controlled.
SELECT id, pause_on_alarm FROM project
WHERE deleted_at IS NULL AND (planted_share > 0 OR overlap_share > 0) ORDER BY id;

-- name: SelectDueReviewers
-- People of project $1 who have answered $2 planted tasks or $3 assisted ones since they were judged, and
-- their newest answer. It looks at $4 answers of each.
SELECT principal.id, newest.revision_id
FROM principal
LEFT JOIN reviewer_judged judged ON judged.project_id = $1 AND judged.principal_id = principal.id
CROSS JOIN LATERAL (
  SELECT max(recent.revision_id) AS revision_id, count(*) FILTER (WHERE task.kind = 'planted') AS planted,
         count(*) FILTER (WHERE task.shown_model_id IS NOT NULL) AS assisted
  FROM (SELECT revision_id FROM answer
        WHERE principal_id = principal.id AND project_id = $1
          AND revision_id > coalesce(judged.revision_id, 0)
        ORDER BY revision_id DESC LIMIT $4) recent
  JOIN label_revision revision ON revision.id = recent.revision_id
  JOIN task ON task.id = revision.task_id AND task.kind IN ('ranked', 'planted')) newest
WHERE newest.planted >= $2 OR newest.assisted >= $3
ORDER BY principal.id;

-- name: JudgeReviewer
-- Nothing if another coordinator has judged the same work.
INSERT INTO reviewer_judged (project_id, principal_id, revision_id) VALUES ($1, $2, $3)
ON CONFLICT (project_id, principal_id) DO UPDATE SET revision_id = excluded.revision_id, judged_at = now()
WHERE reviewer_judged.revision_id < excluded.revision_id
RETURNING revision_id;

-- name: SelectDoubtfulAnswers
-- Of person $2's last $3 answers in project $1 those to assisted tasks of the pool that are the truth and
-- that nobody is asked to review, at most $4: first those with the likeliest errors that a search found, then
-- where the person kept the most boxes that the model was unsure of, by the number of them that the scores
-- let expect to be wrong.
SELECT image.id
FROM (SELECT revision_id FROM answer WHERE principal_id = $2 AND project_id = $1
      ORDER BY revision_id DESC LIMIT $3) newest
JOIN label_revision revision ON revision.id = newest.revision_id
JOIN task ON task.id = revision.task_id AND task.kind = 'ranked' AND task.shown_model_id IS NOT NULL
JOIN usable_image image ON image.id = task.image_id AND image.truth_revision_id = revision.id
                       AND image.side = 'pool'
CROSS JOIN LATERAL (SELECT coalesce(sum(1 - shown.score), 0) AS wrong
                    FROM outcome
                    JOIN shown_box shown ON shown.task_id = task.id AND shown.ordinal = outcome.shown_ordinal
                    WHERE outcome.revision_id = revision.id
                      AND outcome.outcome IN ('accepted', 'accepted_at_once', 'adjusted')) kept
WHERE NOT EXISTS (SELECT FROM task_request
                  WHERE image_id = image.id AND state = 'open' AND kind IN ('review', 'assigned'))
ORDER BY (SELECT max(log_odds) FROM label_error error
          WHERE error.image_id = image.id AND error.revision_id = revision.id AND error.mended IS NULL
            AND error.round_id = last_search($1))
           DESC NULLS LAST,
         kept.wrong DESC, image.id LIMIT $4;

-- name: InsertReviewerAlarm
INSERT INTO reviewer_alarm (project_id, principal_id, kind, value, low, high, reviews)
VALUES ($1, $2, $3, $4, $5, $6, $7);

-- name: SelectReviewerAlarms
-- The last ten of each person.
SELECT principal.name AS reviewer, kind, value, low, high, raised_at, reviews
FROM (SELECT *, row_number() OVER (PARTITION BY principal_id ORDER BY id DESC) AS place
      FROM reviewer_alarm WHERE project_id = $1) alarm
JOIN principal ON principal.id = alarm.principal_id
WHERE place <= 10 ORDER BY principal.name, place;

-- name: PauseReviewer
INSERT INTO reviewer_pause (project_id, principal_id, reason, paused_by) VALUES ($1, $2, $3, nullif($4, 0))
ON CONFLICT (project_id, principal_id) DO UPDATE
SET reason = excluded.reason, paused_by = excluded.paused_by, paused_at = now();

-- name: ResumeReviewer
DELETE FROM reviewer_pause WHERE project_id = $1 AND principal_id = $2;

-- name: FindPause
SELECT reason FROM reviewer_pause WHERE project_id = $1 AND principal_id = $2;

-- name: SelectPauses
SELECT principal.name AS reviewer, reason, coalesce(by_whom.name, '') AS paused_by, paused_at
FROM reviewer_pause
JOIN principal ON principal.id = reviewer_pause.principal_id
LEFT JOIN principal by_whom ON by_whom.id = paused_by
WHERE project_id = $1 ORDER BY principal.name;
