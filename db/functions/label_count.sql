-- Counts of labels. `label_count` holds sums over the revisions up to label_count_state.counted_id; what came
-- later is few, and counted when somebody asks. So nothing is written for a count when a label is.

CREATE OR REPLACE FUNCTION note_removed_image() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO removed_image VALUES (NEW.id);
  RETURN NULL;
END $$;
CREATE OR REPLACE TRIGGER image_removed AFTER UPDATE OF state ON image FOR EACH ROW
  WHEN (NEW.state = 'removed' AND OLD.state <> 'removed') EXECUTE FUNCTION note_removed_image();

-- By how much sums over the revisions up to `until` differ from those up to `after`: what was written
-- between, and which truths changed; without the images in `removed_image`. the_project: NULL: of all.
CREATE OR REPLACE FUNCTION label_count_changes(the_project bigint, after bigint, until bigint)
RETURNS TABLE (project_id bigint, subject text, begins timestamptz, key bigint, fact text, name text,
               written bigint, truth bigint)
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_custom_plan SET jit = off AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  WITH removed AS MATERIALIZED (
    SELECT image_id
    FROM removed_image JOIN image ON image.id = image_id
    WHERE the_project IS NULL OR image.project_id = the_project
  ), added AS MATERIALIZED (
    SELECT revision.id, image_id
    FROM label_revision revision JOIN image ON image.id = image_id
    WHERE revision.id > after AND revision.id <= until AND image.state <> 'removed'
      AND (the_project IS NULL OR image.project_id = the_project)
  ), moment AS (
    -- An image's truth by its revisions up to `last`.
    SELECT image_id, last, weight
    FROM (SELECT DISTINCT image_id FROM added) changed,
         (VALUES (after, -1), (until, 1)) AS moments (last, weight)
    UNION ALL SELECT image_id, after, -1 FROM removed
  ), change AS (
    SELECT id, 1 AS written, 0 AS truth FROM added
    UNION ALL
    SELECT revision.id, -1, 0
    FROM removed JOIN label_revision revision USING (image_id) WHERE revision.id <= after
    UNION ALL
    SELECT found.id, 0, weight
    FROM moment CROSS JOIN LATERAL (
      SELECT one.id
      FROM label_revision one
      WHERE one.image_id = moment.image_id AND one.id <= last AND standing = 'truth'
        AND (SELECT standing FROM label_revision mark
             WHERE mark.based_on = one.id AND mark.standing IN ('withdrawn', 'restored') AND mark.id <= last
             ORDER BY mark.id DESC LIMIT 1) IS DISTINCT FROM 'withdrawn'
      ORDER BY number DESC LIMIT 1) found
  ), net AS (
    SELECT id, sum(written) AS written, sum(truth) AS truth FROM change GROUP BY id
  ), revision AS MATERIALIZED (
    SELECT net.id, image.project_id, author_id, date_trunc('hour', label_revision.created_at, 'UTC') AS hour,
           source, blind, spent_ms, written, truth
    FROM net JOIN label_revision ON label_revision.id = net.id JOIN image ON image.id = image_id
    WHERE source NOT IN ('withdraw', 'restore') AND standing <> 'planted' AND (written <> 0 OR truth <> 0)
  ), counted AS (
    SELECT revision.*, NULL::bigint AS label, 'revision' AS fact,
           CASE WHEN source = 'import' THEN 'import' WHEN blind THEN 'blind' ELSE 'shown' END AS name,
           1 AS amount
    FROM revision
    UNION ALL SELECT revision.*, NULL, 'spent_ms', '', spent_ms FROM revision
    UNION ALL
    SELECT revision.*, label, 'box', origin, 1
    FROM revision JOIN label_box ON revision_id = revision.id WHERE NOT ignore
    UNION ALL
    SELECT revision.*, NULL, 'outcome', outcome, 1 FROM revision JOIN outcome ON revision_id = revision.id
  ), summed AS (
    SELECT project_id, author_id, hour, label, fact, name, sum(amount * written) AS written,
           sum(amount * truth) AS truth
    FROM counted GROUP BY project_id, author_id, hour, label, fact, name
  )
  SELECT project_id, counter.subject, counter.begins, counter.key, fact, name, sum(written)::bigint,
         sum(truth)::bigint
  FROM summed CROSS JOIN LATERAL (VALUES
    ('time', hour, 0::bigint),
    ('reviewer', date_trunc('day', hour, 'UTC'), author_id),
    ('class', date_trunc('day', hour, 'UTC'), label)) AS counter (subject, begins, key)
  WHERE counter.key IS NOT NULL
  GROUP BY project_id, counter.subject, counter.begins, counter.key, fact, name;
END $$;

-- All sums of a project, from `starts` until before `ends` (NULL: no bound), both at the beginning of a day.
-- What is counted by time is summed over periods: `unit` is hour, day or week. The SET clauses: grouped by
-- hashing, a hundred thousand rows of label_count take a third of the time.
CREATE OR REPLACE FUNCTION label_stats(the_project bigint, starts timestamptz, ends timestamptz, unit text)
RETURNS TABLE (subject text, key bigint, period timestamptz, fact text, name text, written bigint,
               truth bigint)
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_custom_plan SET work_mem = '64MB' SET jit = off AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  SELECT subject, key, CASE subject WHEN 'time' THEN date_trunc(unit, begins, 'UTC') END AS period,
         fact, name, sum(written)::bigint, sum(truth)::bigint
  FROM (SELECT * FROM label_count WHERE project_id = the_project
        UNION ALL
        SELECT changes.*
        FROM label_count_state,
             label_count_changes(the_project, counted_id, 9223372036854775807) changes) counted
  WHERE begins >= coalesce(starts, '-infinity') AND begins < coalesce(ends, 'infinity')
  GROUP BY 1, 2, 3, 4, 5
  HAVING sum(written) <> 0 OR sum(truth) <> 0;
END $$;

-- Adds to `label_count` at most `most` revisions. Returns whether more can be added at once.
--
-- A transaction gets its number before its revisions get theirs, since it locks the image first. So when the
-- transactions that ran at some time have ended, every revision up to the last one of that time is there, or
-- never will be.
-- Requires: a transaction with REPEATABLE READ. Locks: label_count_state, unless another coordinator has it.
CREATE OR REPLACE FUNCTION add_to_label_counts(most bigint) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  state label_count_state;
  now_xids pg_snapshot := pg_current_snapshot();
  newest bigint := (SELECT coalesce(max(id), 0) FROM label_revision);
  until bigint;
BEGIN
  SELECT * INTO state FROM label_count_state;
  IF state.counted_id = newest AND NOT EXISTS (SELECT FROM removed_image) THEN
    RETURN false;
  END IF;
  PERFORM FROM label_count_state FOR UPDATE SKIP LOCKED;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  IF state.settled_xid <= pg_snapshot_xmin(now_xids) THEN
    until := least(state.settled_id, state.counted_id + most);
    INSERT INTO label_count AS sums (project_id, subject, begins, key, fact, name, written, truth)
    SELECT * FROM label_count_changes(NULL, state.counted_id, until)
    ON CONFLICT (project_id, subject, begins, key, fact, name)
      DO UPDATE SET written = sums.written + EXCLUDED.written, truth = sums.truth + EXCLUDED.truth;
    DELETE FROM removed_image;
    UPDATE label_count_state SET counted_id = until;
    IF until < state.settled_id THEN
      RETURN true;
    END IF;
  -- Numbers of transactions begin anew in a database that was restored from a dump.
  ELSIF state.settled_xid <= pg_snapshot_xmax(now_xids) THEN
    RETURN false;
  END IF;
  UPDATE label_count_state SET settled_id = newest, settled_xid = pg_snapshot_xmax(now_xids);
  RETURN false;
END $$;
