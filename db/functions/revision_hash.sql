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
