-- Standing labels: by this author, holding a box that was
-- accepted as this model predicted it, and written from `begins` until before `ends`. NULL: whoever,
-- whatever, whenever. Images that were removed are left out.
CREATE OR REPLACE FUNCTION labels_to_withdraw(the_project bigint, the_author bigint, the_model bigint,
                                              begins timestamptz, ends timestamptz)
RETURNS SETOF label_revision LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN QUERY
  SELECT revision.*
  FROM image JOIN standing_label revision ON revision.image_id = image.id
  WHERE image.project_id = the_project AND image.state <> 'removed'
    AND (the_author IS NULL OR revision.author_id = the_author)
    AND revision.created_at >= coalesce(begins, '-infinity')
    AND revision.created_at < coalesce(ends, 'infinity')
    AND (the_model IS NULL
         OR EXISTS (SELECT
                    FROM label_box held
                    JOIN label_box made ON made.box_id = held.box_id AND made.shown_ordinal IS NOT NULL
                    JOIN label_revision first_one ON first_one.id = made.revision_id
                    JOIN shown_box shown ON shown.task_id = first_one.task_id
                                        AND shown.ordinal = made.shown_ordinal
                    WHERE held.revision_id = revision.id AND held.origin = 'accepted'
                      AND shown.model_id = the_model))
  ORDER BY image.id, revision.number;
END $$;

-- The newest label of an image that stands and is not in `without`, or is in `restored`. NULL: there is none.
CREATE OR REPLACE FUNCTION standing_truth(the_image bigint, without bigint[], restored bigint[])
RETURNS label_revision LANGUAGE plpgsql STABLE AS $$
DECLARE
  found_one label_revision;
BEGIN
  SELECT * INTO found_one FROM label_revision revision
  WHERE image_id = the_image
    AND (id = ANY (restored)
         OR (id <> ALL (without)
             AND EXISTS (SELECT FROM standing_label WHERE standing_label.id = revision.id)))
  ORDER BY number DESC LIMIT 1;
  RETURN found_one;
END $$;

-- Adds a revision without boxes for each of these, which withdraws or restores it, and makes `truth` the
-- image's truth. The image is asked about classes that this one doesn't know.
-- Requires: the image's row is locked.
CREATE OR REPLACE FUNCTION mark_labels(the_withdrawal bigint, labelled image, revisions bigint[],
                                       the_source text, the_standing text, the_author bigint,
                                       truth label_revision)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  marked bigint;
  added label_revision;
BEGIN
  FOREACH marked IN ARRAY revisions LOOP
    added := chain_revision(labelled,
                            ROW(nextval(pg_get_serial_sequence('label_revision', 'id')), labelled.id, NULL,
                                the_source, the_author, NULL, false, false, 0, NULL, NULL, NULL,
                                the_standing, marked, NULL, '', '', '{}')::label_revision,
                            truth.id);
    INSERT INTO withdrawal_revision VALUES (added.id, the_withdrawal);
    SELECT * INTO STRICT labelled FROM image WHERE id = labelled.id;
  END LOOP;
  PERFORM pg_advisory_xact_lock_shared(3, (labelled.project_id & 2147483647)::int);
  UPDATE task_request SET state = 'cancelled', ended_at = now()
  WHERE image_id = labelled.id AND state = 'open'
    AND (kind = 'class_added' OR (kind = 'review' AND truth.id IS NULL));
  -- What seemed wrong with it is open again.
  UPDATE label_error SET mended = NULL WHERE image_id = labelled.id AND revision_id = truth.id;
  IF truth.id IS NOT NULL THEN
    PERFORM ask_about_classes(labelled, truth);
  END IF;
END $$;

-- Withdraws labels of one image, but for those that are withdrawn already. If its truth is among them, the
-- truth is the newest one that still stands, or none. Requires: they were written as the truth.
-- Locks: the image's row.
CREATE OR REPLACE FUNCTION withdraw_labels(the_withdrawal bigint, the_image bigint, revisions bigint[],
                                           the_author bigint)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  labelled image;
  standing bigint[];
BEGIN
  SELECT * INTO STRICT labelled FROM image WHERE id = the_image FOR NO KEY UPDATE;
  standing := ARRAY(SELECT id FROM standing_label WHERE id = ANY (revisions) ORDER BY number);
  PERFORM mark_labels(the_withdrawal, labelled, standing, 'withdraw', 'withdrawn', the_author,
                      standing_truth(the_image, standing, '{}'));
END $$;

-- Labels that this withdrawal took back and that are still withdrawn. Images that were removed are left out.
CREATE OR REPLACE FUNCTION labels_to_restore(the_withdrawal bigint)
RETURNS SETOF label_revision LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN QUERY
  SELECT label.*
  FROM withdrawal_revision
  JOIN standing_withdrawal mark ON mark.id = withdrawal_revision.revision_id
  JOIN label_revision label ON label.id = mark.based_on
  JOIN image ON image.id = label.image_id
  WHERE withdrawal_id = the_withdrawal AND image.state <> 'removed';
END $$;

-- Restores labels of one image that this withdrawal took back. The truth is the newest one that stands then.
-- Requires: they are still withdrawn. Locks: the image's row.
CREATE OR REPLACE FUNCTION restore_labels(the_withdrawal bigint, the_image bigint, revisions bigint[],
                                          the_author bigint)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  labelled image;
BEGIN
  SELECT * INTO STRICT labelled FROM image WHERE id = the_image FOR NO KEY UPDATE;
  PERFORM mark_labels(the_withdrawal, labelled, revisions, 'restore', 'restored', the_author,
                      standing_truth(the_image, '{}', revisions));
END $$;

-- The models that learned from these revisions, themselves or through the weights that they began with, and
-- from how many of them.
CREATE OR REPLACE FUNCTION models_trained_on(the_project bigint, revisions bigint[])
RETURNS TABLE (model_number int, trained_on bigint) LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN QUERY
  WITH RECURSIVE line AS (
    SELECT model.number, model.round_id, model.parent_id FROM model WHERE model.project_id = the_project
    UNION
    SELECT line.number, parent.round_id, parent.parent_id
    FROM line JOIN model parent ON parent.id = line.parent_id
  ), held AS MATERIALIZED (
    SELECT snapshot_id, revision_id
    FROM unnest(revisions) AS named (id)
    JOIN label_revision ON label_revision.id = named.id
    JOIN snapshot_item ON snapshot_item.image_id = label_revision.image_id
                      AND snapshot_item.revision_id = named.id
  )
  SELECT line.number, count(DISTINCT held.revision_id)
  FROM held JOIN round USING (snapshot_id) JOIN line ON line.round_id = round.id
  GROUP BY line.number ORDER BY line.number;
END $$;

-- Whether an answer that is kept beside the truth falls under a withdrawal that stands. `the_model`: whose
-- boxes it was shown; NULL: none's.
CREATE OR REPLACE FUNCTION is_withdrawn(the_project bigint, the_author bigint, written timestamptz,
                                        the_model bigint)
RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT EXISTS (SELECT FROM withdrawal
                 WHERE project_id = the_project AND created_at > written AND undone_at IS NULL
                   AND coalesce(author_id, the_author) = the_author
                   AND (model_id IS NULL OR model_id = the_model)
                   AND written >= coalesce(begins, written) AND (ends IS NULL OR written < ends))
$$;
