-- Rankings: the data that they are made from, the rankings of rounds, and the active ranking as a queue.

-- name: SelectEligibleImages
-- At most $3 unlabelled images of the pool with ids above $2, in order of id.
SELECT id FROM usable_image image
WHERE project_id = $1 AND side = 'pool' AND truth_revision_id IS NULL AND id > $2 ORDER BY id LIMIT $3;

-- name: SelectHoldoutQueue
-- The first $2 unlabelled images of the holdout, in order of sampling key.
SELECT id FROM usable_image image WHERE project_id = $1 AND side = 'holdout' AND truth_revision_id IS NULL
ORDER BY sampling_key, id LIMIT $2;

-- name: SelectTimedTasks
-- The seconds and the number of boxes of the latest $2 answers. Answers below 0.2 s are left out: a program
-- gave them, or the time is not known (0).
SELECT revision.spent_ms / 1000.0,
       (SELECT count(*) FROM label_box WHERE revision_id = revision.id AND NOT ignore)
FROM label_revision revision JOIN task ON task.id = revision.task_id
WHERE task.project_id = $1 AND revision.spent_ms >= 200
ORDER BY revision.id DESC LIMIT $2;

-- name: InsertRanking
-- Requires LockProjectNumbers. Never makes generation 0.
INSERT INTO ranking (project_id, generation, model_id, round_id, strategy, seed, state, eligible,
                     random_entries)
SELECT $1, coalesce(max(generation), 0) + 1, $2, $3, $4, $5, 'building', $6, $7
FROM ranking WHERE project_id = $1
RETURNING id;

-- name: SelectRankingOfRound
SELECT id FROM ranking WHERE round_id = $1;

-- name: SelectRankingOfModel
SELECT id FROM ranking WHERE model_id = $1 ORDER BY generation DESC LIMIT 1;

-- name: RetireActiveRanking
UPDATE ranking SET state = 'retired' WHERE project_id = $1 AND state = 'active' AND id <> $2;

-- name: ActivateRanking
UPDATE ranking SET state = 'active', activated_at = now() WHERE id = $1 AND state <> 'active';

-- name: SelectActiveRanking
SELECT id, generation, seed, coalesce(model_id, 0) AS model_id FROM ranking
WHERE project_id = $1 AND state = 'active';

-- name: SelectQueueStart
-- Where a look at the active ranking begins: at position $2 or at the first open entry, whichever is later.
-- has_more: it has entries that are $3 or more positions behind that one.
SELECT ranking.id, greatest(first_open, $2) AS position, generation, activated_at,
       coalesce(model.number, 0) AS model,
       EXISTS (SELECT FROM ranking_entry
               WHERE ranking_id = ranking.id AND position >= greatest(first_open, $2) + $3) AS has_more
FROM ranking LEFT JOIN model ON model.id = ranking.model_id
WHERE ranking.project_id = $1 AND ranking.state = 'active';

-- name: SelectQueue
-- At most $4 entries of ranking $1, of the $3 positions from $2 on: of slice $5 (NULL: any), with images in
-- which the ranking's model predicts class $6 (NULL: any), and if $7, that nobody has answered. Conditions
-- are checked entry by entry (OFFSET 0), so that a page ends where it is full.
SELECT shown.*, entry.position, entry.slice, entry.score, entry.probability, entry.blind, ranking.generation,
       coalesce(ranked_model.number, 0) AS ranked_model, predicted.labels, predicted.scores,
       CASE WHEN shown.truth_revision_id IS NOT NULL THEN 'answered'
            WHEN lease.number IS NOT NULL THEN 'leased'
            ELSE 'waiting' END AS state,
       holder.name AS held_by, lease.expires_at
FROM (SELECT walked.*
      FROM ranking JOIN ranking_entry walked ON walked.ranking_id = ranking.id
      WHERE ranking.id = $1 AND walked.position >= $2::bigint AND walked.position < $2::bigint + $3::bigint
        AND ($5::text IS NULL OR walked.slice = $5)
        AND EXISTS (SELECT FROM image
                    WHERE id = walked.image_id AND state = 'usable'
                      AND NOT ($7 AND truth_revision_id IS NOT NULL) OFFSET 0)
        AND ($6::int IS NULL
             OR NOT walked.blind
                AND EXISTS (SELECT FROM prediction, unnest(labels, scores) AS box (label, score)
                            WHERE model_id = ranking.model_id AND image_id = walked.image_id
                              AND box.label = $6 AND box.score >= 0.1 OFFSET 0))
      ORDER BY walked.position LIMIT $4) entry
JOIN ranking ON ranking.id = entry.ranking_id
LEFT JOIN model ranked_model ON ranked_model.id = ranking.model_id
CROSS JOIN LATERAL (SELECT * FROM shown_image WHERE id = entry.image_id OFFSET 0) shown
CROSS JOIN LATERAL (SELECT coalesce(array_agg(label ORDER BY score DESC, label), '{}') AS labels,
                           coalesce(array_agg(score ORDER BY score DESC, label), '{}') AS scores
                    FROM (SELECT box.label, max(box.score) AS score
                          FROM prediction, unnest(labels, scores) AS box (label, score)
                          WHERE model_id = ranking.model_id AND image_id = entry.image_id
                            AND NOT entry.blind AND box.score >= 0.1
                          GROUP BY box.label) best
                    WHERE NOT EXISTS (SELECT FROM class
                                      WHERE class.project_id = ranking.project_id
                                        AND class.label = best.label AND retired_at IS NOT NULL)) predicted
LEFT JOIN lease ON purpose = 'label' AND subject_id = entry.image_id AND shown.truth_revision_id IS NULL
LEFT JOIN principal holder ON holder.id = lease.holder_id
ORDER BY entry.position;

-- name: CountQueueBySlice
-- Images that nobody has answered among the $3 positions of ranking $1 from $2 on.
SELECT slice, count(*) FROM ranking_entry entry
WHERE ranking_id = $1 AND position >= $2::bigint AND position < $2::bigint + $3::bigint
  AND EXISTS (SELECT FROM image
              WHERE id = entry.image_id AND state = 'usable' AND truth_revision_id IS NULL OFFSET 0)
GROUP BY slice ORDER BY slice;

-- name: CountRequests
-- Of $2 open requests of a project by kind, those that can be served; has_more: there may be more.
SELECT kind, count(*) FILTER (WHERE is_served) AS images, sum(count(*)) OVER () >= $2 AS has_more
FROM (SELECT kind, EXISTS (SELECT FROM image
                           WHERE id = asked.image_id AND state = 'usable'
                             AND (truth_revision_id IS NOT NULL OR asked.kind = 'assigned')
                           OFFSET 0) AS is_served
      FROM task_request asked
      WHERE project_id = $1 AND state = 'open' AND kind <> 'reopen' LIMIT $2) looked_at
GROUP BY kind ORDER BY kind;

-- name: SelectNextRequests
-- The first $2 open requests of a project that can be served: those for anybody in the order in which they
-- are served, then those for one person.
SELECT shown.*, request.kind, coalesce(class_label, 0) AS class_label, request.created_at, request.reason,
       target.name AS asked_of, holder.name AS held_by
FROM (SELECT * FROM task_request asked
      WHERE project_id = $1 AND state = 'open' AND kind <> 'reopen'
        AND EXISTS (SELECT FROM image
                    WHERE id = asked.image_id AND state = 'usable'
                      AND (truth_revision_id IS NOT NULL OR asked.kind = 'assigned') OFFSET 0)
      ORDER BY coalesce(target_id, 0), id LIMIT $2) request
CROSS JOIN LATERAL (SELECT * FROM shown_image WHERE id = request.image_id OFFSET 0) shown
LEFT JOIN principal target ON target.id = request.target_id
LEFT JOIN lease ON purpose = 'label' AND subject_id = request.image_id
LEFT JOIN principal holder ON holder.id = lease.holder_id
ORDER BY coalesce(request.target_id, 0), request.id;

-- name: SelectHeldImages
-- The $2 images of a project that were leased last; total: of all that people hold.
SELECT shown.*, held.kind, held.created_at, held.expires_at, held.name AS held_by, held.total
FROM (SELECT task.id, task.image_id, task.kind, task.created_at, lease.expires_at, holder.name,
             count(*) OVER () AS total
      FROM lease
      JOIN task ON task.id = lease.task_id
      JOIN principal holder ON holder.id = lease.holder_id
      WHERE purpose = 'label' AND lease.expires_at > now() AND task.project_id = $1
      ORDER BY task.id DESC LIMIT $2) held
CROSS JOIN LATERAL (SELECT * FROM shown_image WHERE id = held.image_id OFFSET 0) shown
ORDER BY held.id DESC;

-- name: LockActiveRankings
-- Taken by what moves first_open, before it looks at images.
SELECT FROM ranking WHERE state = 'active' ORDER BY id FOR NO KEY UPDATE;

-- name: AdvanceFirstOpen
UPDATE ranking SET first_open = open.position
FROM (SELECT id, first_open_position(id, first_open) AS position FROM ranking WHERE state = 'active') open
WHERE ranking.id = open.id AND ranking.first_open < open.position;

-- name: RewindFirstOpen
-- After images of the project lost their labels. Requires LockActiveRankings.
UPDATE ranking SET first_open = first_open_position(id, 0) WHERE project_id = $1 AND state = 'active';

-- name: LockRanking
-- Entries are appended only under this lock.
SELECT FROM ranking WHERE id = $1 FOR NO KEY UPDATE;

-- name: MeasureRanking
SELECT coalesce(max(position) + 1, 0) AS next_position,
       (SELECT count(*) FROM ranking_entry JOIN usable_image image ON image.id = image_id
        WHERE ranking_id = $1 AND slice = 'holdout' AND truth_revision_id IS NULL) AS holdout_waiting
FROM ranking_entry WHERE ranking_id = $1;

-- name: SelectUnranked
-- Unlabelled images of side $3 that are not in ranking $2. Holdout images are in order of sampling key, pool
-- images in order of id. OFFSET 0: one lookup per image, as in prediction.sql.
SELECT image.id FROM usable_image image
WHERE project_id = $1 AND side = $3 AND truth_revision_id IS NULL
  AND NOT EXISTS (SELECT FROM ranking_entry WHERE ranking_id = $2 AND image_id = image.id OFFSET 0)
ORDER BY CASE WHEN side = 'holdout' THEN sampling_key END, id;

-- name: AddEligible
UPDATE ranking SET eligible = eligible + $2 WHERE id = $1;
