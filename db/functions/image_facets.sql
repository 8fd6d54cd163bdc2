-- What is known of images, for image_facet.

-- Each thing that is known of these images. A removed image has a state and a side alone. Days and scores are
-- there in two steps, so that a range of many is a union of a few. What is counted is of the kind `count`: an
-- image is in the set `SIDE/BIT/WHAT` if this bit of its number is 1. Usable images alone have numbers but
-- for their states.
CREATE OR REPLACE FUNCTION image_facets(the_images bigint[])
RETURNS TABLE (image_id bigint, kind text, value text) LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  WITH asked AS MATERIALIZED (
    SELECT image.id, image.project_id, image.side, image.state, truth_revision_id AS truth_id,
           image.state <> 'removed' AS is_here
    FROM unnest(the_images) one (id) JOIN image ON image.id = one.id
  ), truth AS MATERIALIZED (
    SELECT asked.id, side, state, truth_id, author_id, created_at, task_id, note, flags, blind
    FROM asked JOIN label_revision ON label_revision.id = truth_id WHERE is_here
  ), counted (id, side, what, number) AS (
    SELECT id, side, 'state/' || state, 1::bigint FROM asked
    UNION ALL SELECT id, side, 'labelled', 1 FROM truth WHERE state = 'usable'
    UNION ALL SELECT id, side, 'blind', 1 FROM truth WHERE state = 'usable' AND blind
    UNION ALL
    SELECT id, side, what || label, CASE what WHEN 'boxes/' THEN count(*) ELSE 1 END
    FROM truth JOIN label_box ON revision_id = truth_id CROSS JOIN unnest(ARRAY['boxes/', 'showing/']) what
    WHERE state = 'usable' AND NOT ignore GROUP BY id, side, what, label
    UNION ALL
    SELECT id, side, 'origin/' || origin, count(*) FROM truth JOIN label_box ON revision_id = truth_id
    WHERE state = 'usable' GROUP BY id, side, origin
    UNION ALL
    SELECT asked.id, side, 'outcome/' || outcome, count(*)
    FROM asked JOIN standing_label revision ON revision.image_id = asked.id
    JOIN outcome ON outcome.revision_id = revision.id
    WHERE state = 'usable' AND outcome IN ('rejected', 'dropped') GROUP BY asked.id, side, outcome
    UNION ALL
    SELECT asked.id, side, 'to_look_at/' || class_label, 1
    FROM asked JOIN task_request request ON request.image_id = asked.id
    WHERE asked.state = 'usable' AND request.state = 'open' AND class_label IS NOT NULL
  )
  SELECT id, 'state', state FROM asked
  UNION ALL SELECT id, 'side', side FROM asked
  UNION ALL SELECT id, 'labelled', '' FROM truth
  UNION ALL SELECT id, 'reviewer', author_id::text FROM truth
  UNION ALL SELECT id, 'day', day_facet(created_at) FROM truth
  UNION ALL SELECT id, 'month', left(day_facet(created_at), 7) FROM truth
  UNION ALL SELECT truth.id, 'slice', slice FROM truth JOIN task ON task.id = task_id WHERE slice IS NOT NULL
  UNION ALL
  SELECT DISTINCT truth.id, 'class', label::text
  FROM truth JOIN label_box ON revision_id = truth_id WHERE NOT ignore
  UNION ALL
  SELECT DISTINCT truth.id, 'origin', origin
  FROM truth JOIN label_box ON revision_id = truth_id WHERE NOT ignore
  UNION ALL SELECT id, 'note', '' FROM truth WHERE note <> ''
  UNION ALL SELECT DISTINCT id, 'flag', flag FROM truth CROSS JOIN unnest(flags) flag
  UNION ALL
  SELECT DISTINCT asked.id, 'request', ''
  FROM asked JOIN task_request request ON request.image_id = asked.id
  WHERE is_here AND request.state = 'open' AND request.kind <> 'reopen'
  UNION ALL
  SELECT asked.id, score.*
  FROM asked JOIN model ON model.project_id = asked.project_id AND model.state = 'serving'
  JOIN prediction ON model_id = model.id AND prediction.image_id = asked.id
  CROSS JOIN LATERAL (VALUES ('scored', ''), ('score', score_facet(scores)),
                             ('tenth', left(score_facet(scores), 2))) score (kind, value)
  WHERE is_here AND set_aside IS NULL
  UNION ALL
  SELECT id, 'count', side || '/' || bit || '/' || what
  FROM counted CROSS JOIN generate_series(0, 31) bit WHERE number >> bit & 1 = 1;
END $$;

-- In UTC.
CREATE OR REPLACE FUNCTION day_facet(at timestamptz) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD')
$$;

-- The highest of these scores, which are in order, rounded down to hundredths; 000 of none. Three digits, so
-- that they are in order as texts.
CREATE OR REPLACE FUNCTION score_facet(scores real[]) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT lpad(floor(coalesce(scores[1], 0)::double precision * 100)::int::text, 3, '0')
$$;

CREATE OR REPLACE FUNCTION note_added_images() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO image_change SELECT project_id, id FROM added;
  RETURN NULL;
END $$;
CREATE OR REPLACE TRIGGER images_added AFTER INSERT ON image REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION note_added_images();

CREATE OR REPLACE FUNCTION note_changed_image() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO image_change VALUES (NEW.project_id, NEW.id);
  RETURN NULL;
END $$;
CREATE OR REPLACE TRIGGER image_changed AFTER UPDATE OF head_revision_id, truth_revision_id, state ON image
  FOR EACH ROW
  WHEN (OLD.head_revision_id IS DISTINCT FROM NEW.head_revision_id
        OR OLD.truth_revision_id IS DISTINCT FROM NEW.truth_revision_id OR OLD.state <> NEW.state)
  EXECUTE FUNCTION note_changed_image();

CREATE OR REPLACE FUNCTION note_added_requests() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO image_change SELECT project_id, image_id FROM added WHERE kind <> 'reopen';
  RETURN NULL;
END $$;
CREATE OR REPLACE TRIGGER requests_added AFTER INSERT ON task_request REFERENCING NEW TABLE AS added
  FOR EACH STATEMENT EXECUTE FUNCTION note_added_requests();

CREATE OR REPLACE FUNCTION note_changed_request() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO image_change VALUES (NEW.project_id, NEW.image_id);
  RETURN NULL;
END $$;
CREATE OR REPLACE TRIGGER request_changed AFTER UPDATE OF state ON task_request FOR EACH ROW
  WHEN (OLD.state <> NEW.state AND NEW.kind <> 'reopen') EXECUTE FUNCTION note_changed_request();
