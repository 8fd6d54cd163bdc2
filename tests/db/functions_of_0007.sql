-- Label history is append-only, for every role and every statement.
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'label history is append-only: % on % is refused', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'restrict_violation';
END $$;
CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON label_revision
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON label_box
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON rejection
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Intersection over union, in [0, 1].
CREATE OR REPLACE FUNCTION box_iou(a box, b box) RETURNS double precision LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN a && b THEN area(a # b) / (area(a) + area(b) - area(a # b)) ELSE 0 END
$$;

-- Adds a revision to an image's history and makes it the image's truth.
-- Boxes are passed as parallel arrays: `corners` has four numbers per box, and a `predicted` of -1 means that
-- the box was not made from a predicted box. Rejections are passed in the same way.
-- A box keeps its identity (box_id) if the previous revision has a box of the same class whose IoU with it is
-- above 0.9.
-- A correction is late if its lease has ended (the caller passes this), or if the image got another revision
-- after the task was served.
-- Locks: the image's row.
CREATE OR REPLACE FUNCTION append_revision(
  the_image bigint, the_source text, the_author bigint, the_task bigint, is_blind boolean,
  INOUT is_late boolean, the_spent_ms int,
  corners real[], labels int[], origins text[], ignores boolean[], predicted int[],
  rejected int[], rejected_labels int[], rejected_scores real[], rejected_corners real[],
  OUT the_revision bigint, OUT the_number int)
LANGUAGE plpgsql AS $$
DECLARE
  the_sha256 bytea;
  head_id bigint;
  head label_revision;
  box_ids bigint[] := '{}';
  kept bigint;
  moment timestamptz := clock_timestamp();
  details text;
BEGIN
  SELECT sha256, head_revision_id INTO STRICT the_sha256, head_id FROM image WHERE id = the_image
  FOR NO KEY UPDATE;
  SELECT * INTO head FROM label_revision WHERE id = head_id;
  is_late := is_late OR coalesce(head.created_at > (SELECT created_at FROM task WHERE id = the_task), false);
  the_number := coalesce(head.number, 0) + 1;
  FOR i IN 1 .. cardinality(labels) LOOP
    kept := NULL;
    IF head_id IS NOT NULL THEN
      SELECT box_id INTO kept
      FROM label_box,
           box_iou(box(point(x1, y1), point(x2, y2)),
                   box(point(corners[4*i-3], corners[4*i-2]), point(corners[4*i-1], corners[4*i]))) iou
      WHERE revision_id = head_id AND label = labels[i] AND iou > 0.9 AND box_id <> ALL (box_ids)
      ORDER BY iou DESC, box_id LIMIT 1;
    END IF;
    box_ids := box_ids || coalesce(kept, nextval('box_identity'));
  END LOOP;
  details := coalesce((SELECT string_agg(box_text(i - 1, box_ids[i], labels[i],
                                                  corners[4*i-3], corners[4*i-2],
                                                  corners[4*i-1], corners[4*i], origins[i], ignores[i],
                                                  nullif(predicted[i], -1))
                                         || E'\n', '' ORDER BY i)
                       FROM generate_subscripts(labels, 1) i), '')
          || coalesce((SELECT string_agg(rejection_text(rejected[i], rejected_labels[i], rejected_scores[i],
                                                        rejected_corners[4*i-3], rejected_corners[4*i-2],
                                                        rejected_corners[4*i-1], rejected_corners[4*i])
                                         || E'\n', '' ORDER BY rejected[i])
                       FROM generate_subscripts(rejected, 1) i), '');
  INSERT INTO label_revision (image_id, number, source, author_id, task_id, blind, late, spent_ms, created_at,
                              previous_hash, hash)
  SELECT the_image, the_number, the_source, the_author, the_task, is_blind, is_late, the_spent_ms, moment,
         previous,
         revision_hash(previous, the_sha256, the_number, the_author, the_source, the_task, moment, is_blind,
                       is_late, the_spent_ms, details)
  FROM coalesce(head.hash, decode(repeat('00', 32), 'hex')) previous
  RETURNING id INTO the_revision;
  INSERT INTO label_box
  SELECT the_revision, i - 1, box_ids[i], labels[i],
         corners[4*i-3], corners[4*i-2], corners[4*i-1], corners[4*i],
         origins[i], ignores[i], nullif(predicted[i], -1)
  FROM generate_subscripts(labels, 1) i;
  INSERT INTO rejection
  SELECT the_revision, rejected[i], rejected_labels[i], rejected_scores[i], rejected_corners[4*i-3],
         rejected_corners[4*i-2], rejected_corners[4*i-1], rejected_corners[4*i]
  FROM generate_subscripts(rejected, 1) i;
  UPDATE image SET head_revision_id = the_revision WHERE id = the_image;
END $$;

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

-- The position of a ranking's first entry, from `begin_at` on, whose image is not labelled. If all of them
-- are labelled, it is one past the last position. The SET clauses: as in claim_tasks.
CREATE OR REPLACE FUNCTION first_open_position(the_ranking bigint, begin_at bigint)
RETURNS bigint LANGUAGE plpgsql STABLE
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off
SET enable_sort = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
BEGIN
  RETURN coalesce((SELECT position FROM ranking_entry
                   JOIN image ON image.id = image_id AND head_revision_id IS NULL
                   WHERE ranking_id = the_ranking AND position >= begin_at ORDER BY position LIMIT 1),
                  (SELECT max(position) + 1 FROM ranking_entry WHERE ranking_id = the_ranking),
                  0);
END $$;

-- The side and the bytes of an image never change.
CREATE OR REPLACE FUNCTION refuse_image_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (NEW.id, NEW.project_id, NEW.sha256, NEW.side, NEW.sampling_key)
     IS DISTINCT FROM (OLD.id, OLD.project_id, OLD.sha256, OLD.side, OLD.sampling_key) THEN
    RAISE EXCEPTION 'the content and the side of image % are fixed', OLD.id
      USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER image_fixed BEFORE UPDATE ON image
  FOR EACH ROW EXECUTE FUNCTION refuse_image_change();

-- The hash chain of label history. FROZEN: these four functions must always give the same hash for a
-- revision, since they computed every hash in every database. After a change `loupe provenance verify` would
-- report old revisions as changed. A new kind of hash needs new functions, and a column that says which kind
-- a revision has.
--
-- A revision's hash covers a text: one line for the revision, one per box, one per rejection. Coordinates and
-- scores are written as the hexadecimal digits of their bytes, so that no database setting changes the text.
--
-- When PostgreSQL creates a function of language SQL, the functions that it calls must exist. So these
-- functions are in one file, each after the functions that it calls.

CREATE OR REPLACE FUNCTION box_text(ordinal int, box_id bigint, label int, x1 real, y1 real, x2 real, y2 real,
                                    origin text, ignore boolean, predicted_index int)
RETURNS text LANGUAGE sql STABLE AS $$
  SELECT concat_ws('|', 'box', ordinal, box_id, label,
                   encode(float4send(x1), 'hex'), encode(float4send(y1), 'hex'),
                   encode(float4send(x2), 'hex'), encode(float4send(y2), 'hex'), origin, ignore,
                   coalesce(predicted_index, -1))
$$;

CREATE OR REPLACE FUNCTION rejection_text(predicted_index int, label int, score real,
                                          x1 real, y1 real, x2 real, y2 real)
RETURNS text LANGUAGE sql STABLE AS $$
  SELECT concat_ws('|', 'rejection', predicted_index, label, encode(float4send(score), 'hex'),
                   encode(float4send(x1), 'hex'), encode(float4send(y1), 'hex'),
                   encode(float4send(x2), 'hex'), encode(float4send(y2), 'hex'))
$$;

-- `details`: the lines of the boxes in order of ordinal, then the lines of the rejections in order of index.
-- Each line ends with a newline.
CREATE OR REPLACE FUNCTION revision_hash(previous_hash bytea, image_sha256 bytea, number int,
                                         author_id bigint, source text, task_id bigint,
                                         created_at timestamptz, blind boolean, late boolean, spent_ms int,
                                         details text)
RETURNS bytea LANGUAGE sql STABLE AS $$
  SELECT sha256(previous_hash || convert_to(
    concat_ws('|', 'revision', encode(image_sha256, 'hex'), number, author_id, source, coalesce(task_id, 0),
              (extract(epoch FROM created_at) * 1000000)::bigint, blind, late, spent_ms)
    || E'\n' || details, 'UTF8'))
$$;

-- The `details` of a stored revision.
CREATE OR REPLACE FUNCTION revision_details(the_revision bigint) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT coalesce((SELECT string_agg(box_text(ordinal, box_id, label, x1, y1, x2, y2, origin, ignore,
                                              predicted_index)
                                     || E'\n', '' ORDER BY ordinal)
                   FROM label_box WHERE revision_id = the_revision), '')
      || coalesce((SELECT string_agg(rejection_text(predicted_index, label, score, x1, y1, x2, y2)
                                     || E'\n', '' ORDER BY predicted_index)
                   FROM rejection WHERE revision_id = the_revision), '')
$$;

-- Stores a person's correction: adds it as a revision, ends the task as answered, and deletes the lease.
-- The arrays are those of append_revision. Requires: the task's row is locked. Locks: the image's row.
CREATE OR REPLACE FUNCTION submit_correction(
  corrected_task bigint, INOUT is_late boolean, the_spent_ms int,
  corners real[], labels int[], origins text[], ignores boolean[], predicted int[],
  rejected int[], rejected_labels int[], rejected_scores real[], rejected_corners real[],
  OUT the_revision bigint, OUT the_number int)
LANGUAGE plpgsql AS $$
DECLARE
  the_task task;
BEGIN
  SELECT * INTO STRICT the_task FROM task WHERE id = corrected_task;
  SELECT added.is_late, added.the_revision, added.the_number INTO STRICT is_late, the_revision, the_number
  FROM append_revision(the_task.image_id, 'task', the_task.principal_id, the_task.id,
                       the_task.shown_model_id IS NULL, is_late, the_spent_ms,
                       corners, labels, origins, ignores, predicted,
                       rejected, rejected_labels, rejected_scores, rejected_corners) added;
  UPDATE task SET state = 'answered', ended_at = now(), revision_id = the_revision WHERE id = the_task.id;
  DELETE FROM lease
  WHERE purpose = 'label' AND subject_id = the_task.image_id AND number = the_task.lease_number;
END $$;

