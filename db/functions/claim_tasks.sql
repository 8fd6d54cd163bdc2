-- Leases the first `wanted` entries of a ranking that nobody holds, in the ranking's order, and makes a task
-- for each.
-- A claim never waits for another claim: it takes an advisory lock per image, and skips an image that another
-- claim has locked. After taking the lock it checks again what other transactions have committed. The primary
-- key of `lease` is the last safeguard.
-- The SET clauses: the walk ends after a few entries, so the planner must not read a whole table for it, even
-- if its statistics are out of date.
CREATE OR REPLACE FUNCTION claim_tasks(the_ranking bigint, the_principal bigint, wanted int,
                                       lease_length interval)
RETURNS SETOF bigint LANGUAGE plpgsql
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off
SET enable_sort = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  served ranking;
  entry record;
  the_task bigint;
  the_lease bigint;
  claimed int := 0;
BEGIN
  SELECT * INTO STRICT served FROM ranking WHERE id = the_ranking;
  FOR entry IN
    SELECT walked.*,
           (SELECT model_id FROM prediction
            WHERE prediction.model_id = served.model_id AND prediction.image_id = walked.image_id
              AND set_aside IS NULL AND NOT walked.blind) AS shown_model_id
    FROM ranking_entry walked
    JOIN image ON image.id = walked.image_id AND image.head_revision_id IS NULL
    WHERE walked.ranking_id = the_ranking AND walked.position >= served.first_open
      AND NOT EXISTS (SELECT FROM lease WHERE purpose = 'label' AND subject_id = walked.image_id)
      AND NOT EXISTS (SELECT FROM task
                      WHERE task.ranking_id = the_ranking AND task.principal_id = the_principal
                        AND task.image_id = walked.image_id AND task.state = 'skipped')
    ORDER BY walked.position
  LOOP
    EXIT WHEN claimed = wanted;
    CONTINUE WHEN NOT pg_try_advisory_xact_lock(1, (entry.image_id & 2147483647)::int);
    CONTINUE WHEN EXISTS (SELECT FROM lease WHERE purpose = 'label' AND subject_id = entry.image_id)
               OR EXISTS (SELECT FROM image WHERE id = entry.image_id AND head_revision_id IS NOT NULL);
    the_lease := nextval('lease_number');
    INSERT INTO task (project_id, image_id, image_side, principal_id, lease_number, ranking_id, position,
                      slice, score, probability, blind, shown_model_id, state)
    VALUES (served.project_id, entry.image_id, entry.image_side, the_principal, the_lease, the_ranking,
            entry.position, entry.slice, entry.score, entry.probability, entry.blind, entry.shown_model_id,
            'leased')
    RETURNING id INTO the_task;
    INSERT INTO lease (purpose, subject_id, number, task_id, holder_id, expires_at)
    VALUES ('label', entry.image_id, the_lease, the_task, the_principal, now() + lease_length);
    claimed := claimed + 1;
    RETURN NEXT the_task;
  END LOOP;
END $$;
