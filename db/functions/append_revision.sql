-- How many of its project's classes a revision knows: those that were there when its task was served or its
-- file imported. Labels from 1 to this.
-- In PL/pgSQL, as what is called for each answer: PostgreSQL keeps its plans, and would plan a function of
-- language SQL again for each call.
CREATE OR REPLACE FUNCTION known_classes(revision label_revision) RETURNS int LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (SELECT count(*) FROM image JOIN class ON class.project_id = image.project_id
          WHERE image.id = revision.image_id
            AND class.created_at <= coalesce((SELECT created_at FROM task WHERE id = revision.task_id),
                                             revision.created_at));
END $$;

-- After a revision became an image's truth: ends requests about classes that it knows, and makes them for
-- others.
CREATE OR REPLACE FUNCTION ask_about_classes(labelled image, truth label_revision)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  known int;
BEGIN
  -- Adding a class waits for the answers that don't see it, and then finds them.
  PERFORM pg_advisory_xact_lock_shared(3, (labelled.project_id & 2147483647)::int);
  known := known_classes(truth);
  UPDATE task_request SET state = 'answered', ended_at = now()
  WHERE image_id = labelled.id AND state = 'open' AND kind = 'class_added' AND class_label <= known;
  INSERT INTO task_request (project_id, image_id, image_side, kind, class_label, state, created_by)
  SELECT labelled.project_id, labelled.id, labelled.side, 'class_added', label, 'open', truth.author_id
  FROM class
  WHERE project_id = labelled.project_id AND label > known AND retired_at IS NULL
    AND (labelled.side = 'pool' OR truth.blind)
  ON CONFLICT DO NOTHING;
END $$;

-- Puts a revision at the end of its image's chain, with its number, time and hashes, and makes `truth` the
-- image's truth. Requires: the image's row is locked; the revision's boxes and outcomes are stored; its task
-- ends as answered in this transaction. With the rights of the tables' owner: nobody else moves the end of a
-- chain (db/functions/service_role.sql). `labelled` is the image as it is now.
CREATE OR REPLACE FUNCTION chain_revision(labelled image, INOUT added label_revision, truth bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  head label_revision;
  answered task;
BEGIN
  SELECT * INTO head FROM label_revision WHERE id = labelled.head_revision_id;
  added.number := coalesce(head.number, 0) + 1;
  added.created_at := clock_timestamp();
  added.previous_hash := coalesce(head.hash, decode(repeat('00', 32), 'hex'));
  added.hash_version := 3;
  IF added.task_id IS NOT NULL THEN
    SELECT * INTO STRICT answered FROM task WHERE id = added.task_id;
    answered.ended_at := now();
  END IF;
  added.hash := revision_hash_3(added, labelled.sha256, answered);
  INSERT INTO label_revision OVERRIDING SYSTEM VALUE VALUES (added.*);
  UPDATE image SET head_revision_id = added.id, truth_revision_id = truth WHERE id = labelled.id;
  INSERT INTO event (project_id, kind, created_at, author_id, image_id, revision_id, before_id, after_id)
  VALUES (labelled.project_id, 'revision_added', added.created_at, added.author_id, labelled.id, added.id,
          labelled.truth_revision_id, truth);
END $$;
REVOKE ALL ON FUNCTION chain_revision FROM PUBLIC;

-- Adds a revision to an image's history. It becomes the image's truth if the truth is still the one that it
-- is based on (`base`, NULL: none); otherwise it is kept beside the truth, with the standing `late`. The
-- answer to a task of the kind `overlap` is always kept beside the truth, as an `opinion`; that to a planted
-- task, and what corrects it, as `planted`. Boxes
-- are passed as parallel arrays. `corners` has four numbers per box; a number of `shown` is the ordinal of
-- the shown box that the box was made from, -1 none; one of `ids` is the box_id that it keeps, 0 a new one;
-- one of `spent` is in milliseconds, -1 not known. `outcomes`: of the task's shown boxes, in order of
-- ordinal. Locks: the image's row.
CREATE OR REPLACE FUNCTION append_revision(
  the_image bigint, the_source text, the_author bigint, the_task bigint, is_blind boolean, is_late boolean,
  the_spent_ms int, base bigint, the_client text, the_note text, the_flags text[],
  corners real[], labels int[], origins text[], ignores boolean[], shown int[], ids bigint[], spent int[],
  outcomes text[],
  OUT the_revision bigint, OUT the_number int, OUT the_standing text)
LANGUAGE plpgsql AS $$
DECLARE
  labelled image;
  added label_revision;
  the_kind text;
BEGIN
  SELECT * INTO STRICT labelled FROM image WHERE id = the_image FOR NO KEY UPDATE;
  the_revision := nextval(pg_get_serial_sequence('label_revision', 'id'));
  SELECT kind INTO the_kind FROM task WHERE id = the_task;
  the_standing := CASE WHEN the_kind = 'overlap' THEN 'opinion'
                       WHEN the_kind = 'planted'
                         OR EXISTS (SELECT FROM label_revision WHERE id = base AND standing = 'planted')
                         THEN 'planted'
                       WHEN labelled.truth_revision_id IS NOT DISTINCT FROM base THEN 'truth'
                       ELSE 'late' END;
  INSERT INTO label_box (revision_id, ordinal, box_id, label, x1, y1, x2, y2, origin, ignore, shown_ordinal,
                         spent_ms)
  SELECT the_revision, place - 1, coalesce(nullif(id, 0), nextval('box_identity')), label,
         corners[4 * place - 3], corners[4 * place - 2], corners[4 * place - 1], corners[4 * place],
         origin, ignore, nullif(shown_box, -1), nullif(box_spent, -1)
  FROM unnest(labels, origins, ignores, shown, ids, spent)
       WITH ORDINALITY AS box (label, origin, ignore, shown_box, id, box_spent, place);
  INSERT INTO outcome (revision_id, shown_ordinal, outcome)
  SELECT the_revision, place - 1, one FROM unnest(outcomes) WITH ORDINALITY AS listed (one, place);
  added := ROW(the_revision, the_image, NULL, the_source, the_author, the_task, is_blind,
               is_late OR the_standing = 'late', the_spent_ms, NULL, NULL, NULL, the_standing, base, NULL,
               the_client, the_note, the_flags);
  added := chain_revision(labelled, added, CASE the_standing WHEN 'truth' THEN the_revision
                                                             ELSE labelled.truth_revision_id END);
  the_number := added.number;
  IF the_standing = 'truth' THEN
    PERFORM ask_about_classes(labelled, added);
  END IF;
END $$;

-- Adds imported labels, as the truth. NULL: the image has a truth, and `replaces` is false.
-- Locks: the image's row.
CREATE OR REPLACE FUNCTION import_revision(
  the_image bigint, the_author bigint, is_blind boolean, replaces boolean,
  corners real[], labels int[], ignores boolean[])
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  base bigint;
  boxes int := cardinality(labels);
BEGIN
  SELECT truth_revision_id INTO STRICT base FROM image WHERE id = the_image FOR NO KEY UPDATE;
  IF base IS NOT NULL AND NOT replaces THEN
    RETURN NULL;
  END IF;
  RETURN (SELECT the_revision
          FROM append_revision(the_image, 'import', the_author, NULL, is_blind, false, 0, base, '', '', '{}',
                               corners, labels, array_fill('imported'::text, ARRAY[boxes]), ignores,
                               array_fill(-1, ARRAY[boxes]), array_fill(0::bigint, ARRAY[boxes]),
                               array_fill(-1, ARRAY[boxes]), '{}'));
END $$;
