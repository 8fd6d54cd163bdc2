-- Predicted boxes of a lower score are not shown to annotators.
CREATE OR REPLACE FUNCTION shown_score() RETURNS real LANGUAGE sql IMMUTABLE AS $$ SELECT 0.3::real $$;

-- Keeps the boxes of a model's prediction as those that a task shows.
CREATE OR REPLACE FUNCTION show_prediction(the_task bigint, the_project bigint, the_image bigint,
                                           the_model bigint)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO shown_box (task_id, ordinal, model_id, prediction_index, label, x1, y1, x2, y2, score)
  SELECT the_task, row_number() OVER (ORDER BY place) - 1, the_model, place - 1, labels[place],
         corners[4 * place - 3], corners[4 * place - 2], corners[4 * place - 1], corners[4 * place],
         scores[place]
  FROM prediction, generate_subscripts(scores, 1) place
  WHERE model_id = the_model AND image_id = the_image AND scores[place] >= shown_score()
    AND NOT EXISTS (SELECT FROM class WHERE class.project_id = the_project
                      AND class.label = labels[place] AND retired_at IS NOT NULL);
END $$;

-- Leases the first `wanted` entries of a ranking that nobody holds and that are given to nobody, in the
-- ranking's order, and makes a task for each, with the boxes that it shows. `skipped`: entries that this
-- person has skipped, instead of those that the person has not.
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
      AND NOT EXISTS (SELECT FROM task_request
                      WHERE image_id = walked.image_id AND kind = 'assigned' AND task_request.state = 'open')
      AND skipped = EXISTS (SELECT FROM task
                            WHERE task.ranking_id = the_ranking AND task.principal_id = the_principal
                              AND task.image_id = walked.image_id AND task.state = 'skipped')
    ORDER BY walked.position
  LOOP
    EXIT WHEN claimed = wanted;
    CONTINUE WHEN NOT pg_try_advisory_xact_lock(1, (entry.image_id & 2147483647)::int);
    CONTINUE WHEN EXISTS (SELECT FROM lease WHERE purpose = 'label' AND subject_id = entry.image_id)
               OR NOT EXISTS (SELECT FROM usable_image
                              WHERE id = entry.image_id AND truth_revision_id IS NULL)
               OR EXISTS (SELECT FROM task_request
                          WHERE image_id = entry.image_id AND kind = 'assigned' AND state = 'open');
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
      PERFORM show_prediction(the_task, served.project_id, entry.image_id, entry.shown_model_id);
    END IF;
    claimed := claimed + 1;
    RETURN NEXT the_task;
  END LOOP;
END $$;

-- Whether who has the task sees the truth that it corrects. A second look at a holdout image is as blind as
-- the first.
CREATE OR REPLACE FUNCTION shows_truth(the_task task) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
  SELECT the_task.based_on IS NOT NULL
         AND NOT (the_task.image_side = 'holdout' AND the_task.kind IN ('review', 'assigned'))
$$;

-- The model whose prediction a task of an image without a truth shows: that of the active ranking, unless the
-- image is blind there. NULL: none.
CREATE OR REPLACE FUNCTION model_to_show(the_project bigint, the_image bigint) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (SELECT prediction.model_id
          FROM ranking
          JOIN image ON image.id = the_image AND side = 'pool'
          JOIN prediction ON prediction.model_id = ranking.model_id AND prediction.image_id = the_image
                         AND set_aside IS NULL
          WHERE ranking.project_id = the_project AND ranking.state = 'active'
            AND NOT EXISTS (SELECT FROM ranking_entry
                            WHERE ranking_id = ranking.id AND image_id = the_image AND blind));
END $$;

-- What a person sees who opens an answer again: the image's truth, but whoever answered a planted task there
-- sees that answer, as if it were the truth.
CREATE OR REPLACE FUNCTION answer_to_open(the_image bigint, the_principal bigint, truth bigint)
RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN coalesce((SELECT id FROM label_revision
                   WHERE image_id = the_image AND author_id = the_principal AND standing = 'planted'
                     AND NOT EXISTS (SELECT FROM label_revision own
                                     WHERE own.id = truth AND own.author_id = the_principal
                                       AND own.number > label_revision.number)
                   ORDER BY number DESC LIMIT 1), truth);
END $$;

-- Makes the task and the lease of a request. The task of an answered image corrects its truth, is as blind as
-- the answer was, and shows no predictions; where likely errors in it are shown, which a model found, it
-- isn't blind. That of a second opinion is blind, and shows no truth either.
-- NULL: the image has no truth any more, and the request is about one. Requires: nobody holds the image, and
-- nobody else can take it now.
CREATE OR REPLACE FUNCTION serve_request(the_request bigint, the_principal bigint, lease_length interval)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  request task_request;
  truth label_revision;
  the_model bigint;
  the_lease bigint := nextval('lease_number');
  the_task bigint;
BEGIN
  SELECT * INTO STRICT request FROM task_request WHERE id = the_request;
  SELECT label_revision.* INTO truth
  FROM image
  JOIN label_revision ON label_revision.id = CASE request.kind
                           WHEN 'reopen' THEN answer_to_open(image.id, the_principal, truth_revision_id)
                           ELSE truth_revision_id END
  WHERE image.id = request.image_id;
  IF truth.id IS NULL THEN
    IF request.kind <> 'assigned' THEN
      RETURN NULL;
    END IF;
    the_model := model_to_show(request.project_id, request.image_id);
  ELSIF request.kind = 'overlap' THEN
    truth := NULL;  -- a second opinion starts from nothing
  END IF;
  INSERT INTO task (project_id, image_id, image_side, principal_id, lease_number, kind, request_id, blind,
                    shown_model_id, state, based_on)
  VALUES (request.project_id, request.image_id, request.image_side, the_principal, the_lease, request.kind,
          the_request,
          coalesce(truth.blind AND NOT EXISTS (SELECT FROM label_error error
                                               WHERE error.image_id = truth.image_id
                                                 AND error.revision_id = truth.id AND error.mended IS NULL
                                                 AND error.round_id = last_search(request.project_id)
                                                 AND NOT is_of_retired_class(error)),
                   the_model IS NULL) OR request.image_side = 'holdout', the_model,
          'leased', truth.id)
  RETURNING id INTO the_task;
  INSERT INTO lease (purpose, subject_id, number, task_id, holder_id, expires_at)
  VALUES ('label', request.image_id, the_lease, the_task, the_principal, now() + lease_length);
  IF the_model IS NOT NULL THEN
    PERFORM show_prediction(the_task, request.project_id, request.image_id, the_model);
  END IF;
  RETURN the_task;
END $$;

-- Makes a planted task of an image of the pool, with its lease; what it shows is still to be added. NULL: the
-- image can't be had now.
CREATE OR REPLACE FUNCTION lease_planted_task(the_project bigint, the_principal bigint, the_image bigint,
                                              the_model bigint, lease_length interval)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  the_lease bigint;
  the_task bigint;
BEGIN
  IF NOT pg_try_advisory_xact_lock(1, (the_image & 2147483647)::int)
     OR EXISTS (SELECT FROM lease WHERE purpose = 'label' AND subject_id = the_image)
     OR NOT EXISTS (SELECT FROM usable_image WHERE id = the_image) THEN
    RETURN NULL;
  END IF;
  the_lease := nextval('lease_number');
  INSERT INTO task (project_id, image_id, image_side, principal_id, lease_number, kind, blind, shown_model_id,
                    state)
  VALUES (the_project, the_image, 'pool', the_principal, the_lease, 'planted', false, the_model, 'leased')
  RETURNING id INTO the_task;
  INSERT INTO lease (purpose, subject_id, number, task_id, holder_id, expires_at)
  VALUES ('label', the_image, the_lease, the_task, the_principal, now() + lease_length);
  RETURN the_task;
END $$;

-- Makes a task that shows these boxes of an image, one of them wrong, or one of the true ones left out. The
-- arrays are of the boxes; `partners` has four numbers for each, or none. NULL: the image can't be had now.
CREATE OR REPLACE FUNCTION plant_task(
  the_project bigint, the_principal bigint, the_image bigint, the_model bigint, lease_length interval,
  labels int[], corners real[], scores real[], partners real[],
  error_kind text, error_label int, error_corners real[])
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  the_task bigint := lease_planted_task(the_project, the_principal, the_image, the_model, lease_length);
BEGIN
  IF the_task IS NULL THEN
    RETURN NULL;
  END IF;
  INSERT INTO shown_box (task_id, ordinal, model_id, prediction_index, label, x1, y1, x2, y2, score)
  SELECT the_task, place - 1, the_model, place - 1, label,
         corners[4 * place - 3], corners[4 * place - 2], corners[4 * place - 1], corners[4 * place], score
  FROM unnest(labels, scores) WITH ORDINALITY AS shown (label, score, place);
  INSERT INTO planted_error (task_id, kind, label, x1, y1, x2, y2, partners)
  VALUES (the_task, error_kind, error_label,
          error_corners[1], error_corners[2], error_corners[3], error_corners[4], partners);
  RETURN the_task;
END $$;

-- This person's planted tasks of the active ranking's model that were given back and not answered since: by
-- releasing them or when their leases ended, or, if `skipped`, by skipping them.
CREATE OR REPLACE FUNCTION planted_to_serve(the_project bigint, the_principal bigint, skipped boolean)
RETURNS SETOF task LANGUAGE sql STABLE AS $$
  SELECT planted.*
  FROM task planted
  JOIN ranking ON ranking.project_id = the_project AND ranking.state = 'active'
              AND ranking.model_id = planted.shown_model_id
  JOIN usable_image image ON image.id = planted.image_id
  WHERE planted.kind = 'planted' AND planted.principal_id = the_principal
    AND planted.project_id = the_project
    AND CASE WHEN skipped THEN planted.state = 'skipped' ELSE planted.state IN ('released', 'expired') END
    AND NOT EXISTS (SELECT FROM task later
                    WHERE later.kind = 'planted' AND later.principal_id = the_principal
                      AND later.image_id = planted.image_id AND later.id > planted.id)
$$;

-- Serves a planted task again that this person released, or whose lease has ended, or, if `skipped`, that
-- this person skipped: as an ordinary task would be served again. NULL: there is none.
CREATE OR REPLACE FUNCTION plant_again(the_project bigint, the_principal bigint, lease_length interval,
                                       skipped boolean)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  earlier task;
  the_task bigint;
BEGIN
  FOR earlier IN SELECT * FROM planted_to_serve(the_project, the_principal, skipped) ORDER BY id LOOP
    the_task := lease_planted_task(the_project, the_principal, earlier.image_id, earlier.shown_model_id,
                                   lease_length);
    CONTINUE WHEN the_task IS NULL;
    INSERT INTO shown_box (task_id, ordinal, model_id, prediction_index, label, x1, y1, x2, y2, score)
    SELECT the_task, ordinal, model_id, prediction_index, label, x1, y1, x2, y2, score
    FROM shown_box WHERE task_id = earlier.id;
    INSERT INTO planted_error (task_id, kind, label, x1, y1, x2, y2, partners)
    SELECT the_task, kind, label, x1, y1, x2, y2, partners FROM planted_error WHERE task_id = earlier.id;
    RETURN the_task;
  END LOOP;
  RETURN NULL;
END $$;

-- Leases the first `wanted` images of requests, as claim_tasks does: those for this person, then those for
-- anybody. It looks at a thousand of them at a time, since many may be such as can't be served, e.g. where
-- this person is the author of what is to be reviewed or the images are not usable; and at 100,000 at most,
-- so that a claim stays quick.
CREATE OR REPLACE FUNCTION claim_requested(the_project bigint, the_principal bigint, wanted int,
                                           lease_length interval, skipped boolean)
RETURNS SETOF bigint LANGUAGE plpgsql
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off
SET jit = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
  target bigint;
  request record;
  the_task bigint;
  claimed int := 0;
  looked_at bigint;  -- requests up to this one
  last_one bigint;
BEGIN
  FOREACH target IN ARRAY ARRAY[the_principal, 0] LOOP
    -- Most often there are none, and finding that out should cost little.
    CONTINUE WHEN NOT EXISTS (SELECT FROM task_request
                              WHERE project_id = the_project AND state = 'open' AND kind <> 'reopen'
                                AND coalesce(target_id, 0) = target);
    looked_at := 0;
    FOR step IN 1..100 LOOP
      SELECT max(id) INTO last_one
      FROM (SELECT id FROM task_request
            WHERE project_id = the_project AND state = 'open' AND kind <> 'reopen'
              AND coalesce(target_id, 0) = target AND id > looked_at
            ORDER BY id LIMIT 1000) asked;
      EXIT WHEN last_one IS NULL OR claimed = wanted;
      FOR request IN
        SELECT asked.id, asked.image_id
        FROM task_request asked
        JOIN usable_image image ON image.id = asked.image_id
        LEFT JOIN label_revision truth ON truth.id = image.truth_revision_id
        WHERE asked.project_id = the_project AND asked.state = 'open' AND asked.kind <> 'reopen'
          AND coalesce(asked.target_id, 0) = target AND asked.id > looked_at AND asked.id <= last_one
          AND (truth.id IS NOT NULL OR asked.kind = 'assigned')
          AND NOT (asked.kind = 'review' AND truth.author_id = the_principal)
          AND NOT (asked.kind = 'overlap'
                   AND EXISTS (SELECT FROM label_revision known
                               WHERE known.image_id = asked.image_id AND known.author_id = the_principal))
          AND NOT (asked.kind IN ('review', 'assigned') AND image.side = 'holdout' AND truth.id IS NOT NULL
                   AND asked.created_by = the_principal)
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
      looked_at := last_one;
    END LOOP;
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
