-- Predicted boxes of a lower score are not shown to annotators.
CREATE OR REPLACE FUNCTION shown_score() RETURNS real LANGUAGE sql IMMUTABLE AS $$ SELECT 0.3::real $$;

-- Leases the first `wanted` entries of a ranking that nobody holds, in the ranking's order, and makes a task
-- for each, with the boxes that it shows. `skipped`: entries that this person has skipped, instead of those
-- that the person has not.
-- A claim never waits for another claim: it takes an advisory lock per image, and skips an image that another
-- claim has locked. After taking the lock it checks again what other transactions have committed. The primary
-- key of `lease` is the last safeguard.
-- The SET clauses: the walk ends after a few entries, so the planner must not read a whole table for it, even
-- if its statistics are out of date.
CREATE OR REPLACE FUNCTION claim_tasks(the_ranking bigint, the_principal bigint, wanted int,
                                       lease_length interval, skipped boolean)
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
    JOIN usable_image image ON image.id = walked.image_id AND image.truth_revision_id IS NULL
    WHERE walked.ranking_id = the_ranking AND walked.position >= served.first_open
      AND NOT EXISTS (SELECT FROM lease WHERE purpose = 'label' AND subject_id = walked.image_id)
      AND skipped = EXISTS (SELECT FROM task
                            WHERE task.ranking_id = the_ranking AND task.principal_id = the_principal
                              AND task.image_id = walked.image_id AND task.state = 'skipped')
    ORDER BY walked.position
  LOOP
    EXIT WHEN claimed = wanted;
    CONTINUE WHEN NOT pg_try_advisory_xact_lock(1, (entry.image_id & 2147483647)::int);
    CONTINUE WHEN EXISTS (SELECT FROM lease WHERE purpose = 'label' AND subject_id = entry.image_id)
               OR NOT EXISTS (SELECT FROM usable_image
                              WHERE id = entry.image_id AND truth_revision_id IS NULL);
    the_lease := nextval('lease_number');
    INSERT INTO task (project_id, image_id, image_side, principal_id, lease_number, ranking_id, position,
                      slice, score, probability, blind, shown_model_id, state)
    VALUES (served.project_id, entry.image_id, entry.image_side, the_principal, the_lease, the_ranking,
            entry.position, entry.slice, entry.score, entry.probability, entry.blind, entry.shown_model_id,
            'leased')
    RETURNING id INTO the_task;
    INSERT INTO lease (purpose, subject_id, number, task_id, holder_id, expires_at)
    VALUES ('label', entry.image_id, the_lease, the_task, the_principal, now() + lease_length);
    IF entry.shown_model_id IS NOT NULL THEN
      INSERT INTO shown_box (task_id, ordinal, model_id, prediction_index, label, x1, y1, x2, y2, score)
      SELECT the_task, row_number() OVER (ORDER BY place) - 1, entry.shown_model_id, place - 1, labels[place],
             corners[4 * place - 3], corners[4 * place - 2], corners[4 * place - 1], corners[4 * place],
             scores[place]
      FROM prediction, generate_subscripts(scores, 1) place
      WHERE model_id = entry.shown_model_id AND image_id = entry.image_id AND scores[place] >= shown_score()
        AND NOT EXISTS (SELECT FROM class WHERE class.project_id = served.project_id
                          AND class.label = labels[place] AND retired_at IS NOT NULL);
    END IF;
    claimed := claimed + 1;
    RETURN NEXT the_task;
  END LOOP;
END $$;

-- Makes the task and the lease of a request to correct an image's truth. The task is as blind as the answer
-- was, and shows no predictions; a review is blind. NULL: the image has no truth any more. Requires: nobody
-- holds the image, and nobody else can take it now.
CREATE OR REPLACE FUNCTION serve_request(the_request bigint, the_principal bigint, lease_length interval)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  request task_request;
  truth label_revision;
  the_lease bigint := nextval('lease_number');
  the_task bigint;
BEGIN
  SELECT * INTO STRICT request FROM task_request WHERE id = the_request;
  SELECT label_revision.* INTO truth
  FROM image JOIN label_revision ON label_revision.id = truth_revision_id WHERE image.id = request.image_id;
  IF truth.id IS NULL THEN
    RETURN NULL;
  END IF;
  INSERT INTO task (project_id, image_id, image_side, principal_id, lease_number, kind, request_id, blind,
                    state, based_on)
  VALUES (request.project_id, request.image_id, request.image_side, the_principal, the_lease, request.kind,
          the_request, truth.blind OR request.image_side = 'holdout' OR request.kind = 'review', 'leased',
          truth.id)
  RETURNING id INTO the_task;
  INSERT INTO lease (purpose, subject_id, number, task_id, holder_id, expires_at)
  VALUES ('label', request.image_id, the_lease, the_task, the_principal, now() + lease_length);
  RETURN the_task;
END $$;

-- Leases the first `wanted` images that are to be looked at for a new class, or a second time, as claim_tasks
-- does. Nobody looks a second time at an own answer, nor who asked for it.
CREATE OR REPLACE FUNCTION claim_requested(the_project bigint, the_principal bigint, wanted int,
                                           lease_length interval, skipped boolean)
RETURNS SETOF bigint LANGUAGE plpgsql
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off
SET jit = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  request record;
  the_task bigint;
  claimed int := 0;
BEGIN
  FOR request IN
    SELECT asked.id, asked.image_id
    FROM task_request asked
    JOIN usable_image image ON image.id = asked.image_id AND image.truth_revision_id IS NOT NULL
    WHERE asked.project_id = the_project AND asked.state = 'open' AND asked.kind IN ('class_added', 'review')
      AND (asked.kind <> 'review'
           OR asked.created_by <> the_principal
              AND the_principal <> (SELECT author_id FROM label_revision WHERE id = image.truth_revision_id))
      AND NOT EXISTS (SELECT FROM lease WHERE purpose = 'label' AND subject_id = asked.image_id)
      AND skipped = EXISTS (SELECT FROM task WHERE task.request_id = asked.id
                              AND task.principal_id = the_principal AND task.state = 'skipped')
    ORDER BY asked.id
  LOOP
    EXIT WHEN claimed = wanted;
    CONTINUE WHEN NOT pg_try_advisory_xact_lock(1, (request.image_id & 2147483647)::int);
    CONTINUE WHEN EXISTS (SELECT FROM lease WHERE purpose = 'label' AND subject_id = request.image_id)
               OR NOT EXISTS (SELECT FROM usable_image WHERE id = request.image_id)
               OR NOT EXISTS (SELECT FROM task_request WHERE id = request.id AND state = 'open');
    the_task := serve_request(request.id, the_principal, lease_length);
    CONTINUE WHEN the_task IS NULL;
    claimed := claimed + 1;
    RETURN NEXT the_task;
  END LOOP;
END $$;

-- Serves an answered image once more, to correct its truth. NULL: somebody holds the image.
-- Requires: the image's row is locked.
CREATE OR REPLACE FUNCTION reopen_image(the_image bigint, the_principal bigint, lease_length interval)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  opened image;
  the_request bigint;
BEGIN
  SELECT * INTO STRICT opened FROM image WHERE id = the_image;
  IF NOT pg_try_advisory_xact_lock(1, (the_image & 2147483647)::int)
     OR EXISTS (SELECT FROM lease WHERE purpose = 'label' AND subject_id = the_image) THEN
    RETURN NULL;
  END IF;
  INSERT INTO task_request (project_id, image_id, image_side, kind, target_id, state, created_by)
  VALUES (opened.project_id, the_image, opened.side, 'reopen', the_principal, 'open', the_principal)
  RETURNING id INTO the_request;
  RETURN serve_request(the_request, the_principal, lease_length);
END $$;
