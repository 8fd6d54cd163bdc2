-- Boxes of the truth by their lineage (db/lineage/box_search.h).

-- Images with a revision of this author, or of this time; NULL: more than 5,000. Requires: one is given.
-- In order of the index, so that the planner takes it whatever it thinks of the LIMIT.
CREATE OR REPLACE FUNCTION few_images_of_revisions(the_author bigint, begins timestamptz, ends timestamptz)
RETURNS bigint[] LANGUAGE plpgsql STABLE AS $$
DECLARE
  found_ids bigint[];
BEGIN
  begins := coalesce(begins, '-infinity');
  ends := coalesce(ends, 'infinity');
  IF the_author IS NOT NULL THEN
    found_ids := ARRAY(SELECT image_id FROM label_revision
                       WHERE author_id = the_author AND created_at >= begins AND created_at < ends
                       ORDER BY created_at LIMIT 5001);
  ELSE
    found_ids := ARRAY(SELECT image_id FROM label_revision WHERE created_at >= begins AND created_at < ends
                       ORDER BY created_at LIMIT 5001);
  END IF;
  RETURN CASE WHEN cardinality(found_ids) <= 5000 THEN found_ids END;
END $$;

-- Images of tasks that showed boxes of this model; NULL: more than 5,000.
-- Bitmap scans alone: for the LIMIT the planner would read the table from its beginning, and the latest model
-- is at its end.
CREATE OR REPLACE FUNCTION few_images_of_model(the_model bigint)
RETURNS bigint[] LANGUAGE plpgsql STABLE SET enable_seqscan = off SET enable_indexscan = off AS $$
DECLARE
  tasks bigint[];
BEGIN
  tasks := ARRAY(SELECT task_id FROM shown_box WHERE model_id = the_model AND ordinal = 0 LIMIT 5001);
  RETURN CASE WHEN cardinality(tasks) <= 5000
              THEN ARRAY(SELECT image_id FROM task WHERE id = ANY (tasks)) END;
END $$;

-- Looks at the next images of a project, at most `at_most`, in order of id: how many they were, the last of
-- them, and the truths of the usable ones that were written by this author, in this time, in answer to a task
-- of this slice, on this side. NULL, or an empty text: whatever. Images that can't hold a box from this model
-- may be left out.
-- The plan is made for what is asked. Each truth is found by its id: against a LIMIT the planner holds
-- reading all revisions to be cheap.
CREATE OR REPLACE FUNCTION find_truths(
  the_project bigint, after_image bigint, at_most int, the_author bigint, begins timestamptz,
  ends timestamptz, the_slice text, the_side text, the_model bigint,
  OUT images int, OUT last_image bigint, OUT truths bigint[])
LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_custom_plan SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
  few bigint[];
BEGIN
  IF the_author IS NOT NULL OR begins IS NOT NULL OR ends IS NOT NULL THEN
    few := few_images_of_revisions(the_author, begins, ends);
  END IF;
  IF few IS NULL AND the_model IS NOT NULL THEN
    few := few_images_of_model(the_model);
  END IF;
  WITH scanned AS MATERIALIZED (
    SELECT id, state, side, truth_revision_id FROM image
    WHERE project_id = the_project AND id > after_image AND (few IS NULL OR id = ANY (few))
    ORDER BY id LIMIT at_most
  )
  SELECT (SELECT count(*) FROM scanned), (SELECT max(id) FROM scanned),
         ARRAY(SELECT scanned.truth_revision_id
               FROM scanned
               LEFT JOIN label_revision truth ON truth.id = scanned.truth_revision_id
               LEFT JOIN task ON task.id = truth.task_id
               WHERE scanned.truth_revision_id IS NOT NULL AND scanned.state = 'usable'
                 AND (the_side = '' OR scanned.side = the_side)
                 AND (the_author IS NULL OR truth.author_id = the_author)
                 AND (begins IS NULL OR truth.created_at >= begins)
                 AND (ends IS NULL OR truth.created_at < ends)
                 AND (the_slice = '' OR task.slice = the_slice)
               ORDER BY scanned.id)
  INTO images, last_image, truths;
END $$;
