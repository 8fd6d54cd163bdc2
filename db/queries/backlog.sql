-- What waits and what is under way, over all projects.

-- name: CountLeases
SELECT purpose, count(*) FROM lease WHERE expires_at > now() GROUP BY purpose;

-- name: CountRounds
SELECT state, count(*) FROM round GROUP BY state;

-- name: CountJobsUnderWay
-- Of rounds that have not ended. OFFSET 0: a lookup per round, since most jobs are of others.
SELECT kind, CASE WHEN held.subject_id IS NULL THEN job.state ELSE 'leased' END, count(*)
FROM round
CROSS JOIN LATERAL (SELECT id, kind, state FROM job WHERE round_id = round.id OFFSET 0) job
LEFT JOIN (SELECT subject_id FROM lease WHERE purpose = 'job' AND expires_at > now()) held
  ON held.subject_id = job.id AND job.state = 'waiting'
WHERE round.state NOT IN ('done', 'failed', 'cancelled')
GROUP BY 1, 2;

-- name: SelectOldestFreeJob
SELECT greatest(extract(epoch FROM now() - created_at), 0) FROM job
WHERE state = 'waiting'
  AND NOT EXISTS (SELECT FROM lease WHERE purpose = 'job' AND subject_id = job.id AND expires_at > now())
ORDER BY id LIMIT 1;

-- name: MeasureRankings
-- Looks at about 1,000 entries of the active rankings, at least at 50 of each: at equal distances from the
-- first open entry to the last, or at all of them where there are no more.
SELECT coalesce(sum(open * stride), 0) AS images,
       coalesce(max(greatest(extract(epoch FROM now() - activated_at), 0)) FILTER (WHERE open > 0), 0)
           AS oldest_s
FROM (SELECT activated_at, stride,
             (SELECT count(*) FROM generate_series(0, least(entries, looks) - 1) place
              WHERE (SELECT image.state = 'usable' AND image.truth_revision_id IS NULL
                     FROM ranking_entry entry JOIN image ON image.id = entry.image_id
                     WHERE entry.ranking_id = left_over.id
                       AND entry.position = first_open + floor(place * stride)::bigint)) AS open
      FROM (SELECT span.*, greatest(entries::numeric / looks, 1) AS stride
            FROM (SELECT ranking.id, activated_at, first_open, position + 1 - first_open AS entries,
                         greatest(1000 / count(*) OVER (), 50) AS looks
                  FROM ranking
                  JOIN project ON project.id = ranking.project_id AND deleted_at IS NULL
                  CROSS JOIN LATERAL (SELECT max(position) AS position
                                      FROM ranking_entry WHERE ranking_id = ranking.id) last
                  WHERE ranking.state = 'active' AND position >= first_open) span
            OFFSET 0) left_over) looked_at;

-- name: MeasureRequests
-- Of each project at most 10,000, first those for anybody.
SELECT coalesce(sum(images), 0) AS images,
       coalesce(max(greatest(extract(epoch FROM now() - oldest), 0)), 0) AS oldest_s
FROM project
CROSS JOIN LATERAL (SELECT count(*) AS images, min(created_at) AS oldest
                    FROM (SELECT created_at FROM task_request
                          WHERE project_id = project.id AND state = 'open' AND kind <> 'reopen'
                          ORDER BY coalesce(target_id, 0), id LIMIT 10000) few) counted
WHERE deleted_at IS NULL;
