-- The hash chain of label history. FROZEN: these functions must always give the same hash for a revision,
-- since they computed every hash in every database. After a change `loupe provenance verify` would report old
-- revisions as changed. Another kind of hash needs new functions and the next number of
-- label_revision.hash_version.
--
-- A revision's hash covers a text: one line for the revision, one per box, one per shown box (in version 1,
-- per rejection). Coordinates and scores are written as the hexadecimal digits of their bytes, so that no
-- database setting changes the text.
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

-- The `details` of a stored revision of version 1.
CREATE OR REPLACE FUNCTION revision_details(the_revision bigint) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT coalesce((SELECT string_agg(box_text(ordinal, box_id, label, x1, y1, x2, y2, origin, ignore,
                                              shown_ordinal)
                                     || E'\n', '' ORDER BY ordinal)
                   FROM label_box WHERE revision_id = the_revision), '')
      || coalesce((SELECT string_agg(rejection_text(predicted_index, label, score, x1, y1, x2, y2)
                                     || E'\n', '' ORDER BY predicted_index)
                   FROM rejection WHERE revision_id = the_revision), '')
$$;

-- Version 2. Texts that people wrote are hexadecimal too, so that no sign in them divides fields. STABLE, as
-- convert_to() is: PostgreSQL puts no function into its caller's plan that promises more than its parts do,
-- and calling one for each text took a sixth of the time of an answer.
CREATE OR REPLACE FUNCTION hex_text(content text) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT encode(convert_to(content, 'UTF8'), 'hex')
$$;

-- Lines of the stored boxes in order of ordinal, then of the boxes that the task showed, with their outcomes.
CREATE OR REPLACE FUNCTION revision_details_2(the_revision bigint, the_task bigint)
RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN coalesce((SELECT string_agg(box_text(ordinal, box_id, label, x1, y1, x2, y2, origin, ignore,
                                              shown_ordinal)
                                     || '|' || coalesce(spent_ms, -1) || E'\n', '' ORDER BY ordinal)
                   FROM label_box WHERE revision_id = the_revision), '')
      || coalesce((SELECT string_agg(concat_ws('|', 'shown', ordinal, outcome, model_id, prediction_index,
                                               label, encode(float4send(score), 'hex'),
                                               encode(float4send(x1), 'hex'), encode(float4send(y1), 'hex'),
                                               encode(float4send(x2), 'hex'), encode(float4send(y2), 'hex'))
                                     || E'\n', '' ORDER BY ordinal)
                   FROM outcome JOIN shown_box ON task_id = the_task AND ordinal = shown_ordinal
                   WHERE revision_id = the_revision), '');
END $$;

-- Requires: the revision's boxes and outcomes are stored. The revision itself need not be; its hash is
-- ignored.
CREATE OR REPLACE FUNCTION revision_hash_2(revision label_revision, image_sha256 bytea)
RETURNS bytea LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN sha256(revision.previous_hash || convert_to(
    concat_ws('|', 'revision-2', encode(image_sha256, 'hex'), revision.number, revision.author_id,
              revision.source, coalesce(revision.task_id, 0),
              (extract(epoch FROM revision.created_at) * 1000000)::bigint, revision.blind, revision.late,
              revision.spent_ms, revision.standing, coalesce(revision.based_on, 0), hex_text(revision.client),
              hex_text(revision.note), hex_text(array_to_json(revision.flags)::text))
    || E'\n' || revision_details_2(revision.id, revision.task_id), 'UTF8'));
END $$;

-- Version 3. It covers every column of the revision, of its boxes and outcomes, of the task that it answers
-- and of the boxes that the task showed, and the author's name. Fields are divided by `|`; a NULL is `-`;
-- times are microseconds since 1970.
CREATE OR REPLACE FUNCTION task_text_3(served task) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN concat_ws('|', 'task', served.id, served.project_id, served.image_id, served.image_side,
                   served.principal_id, served.lease_number, served.kind,
                   coalesce(served.request_id::text, '-'), coalesce(served.ranking_id::text, '-'),
                   coalesce(served.position::text, '-'), coalesce(served.slice, '-'),
                   coalesce(encode(float8send(served.score), 'hex'), '-'),
                   coalesce(encode(float8send(served.probability), 'hex'), '-'), served.blind,
                   coalesce(served.shown_model_id::text, '-'), coalesce(served.based_on::text, '-'),
                   (extract(epoch FROM served.created_at) * 1000000)::bigint);
END $$;

-- Requires: the revision's boxes and outcomes are stored. The revision itself need not be; its hash is
-- ignored. `answered`: its task, with the time at which the answer ends it; NULL: it answers none.
CREATE OR REPLACE FUNCTION revision_hash_3(revision label_revision, image_sha256 bytea, answered task)
RETURNS bytea LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN sha256(revision.previous_hash || convert_to(
    concat_ws('|', 'revision-3', revision.id, revision.image_id, encode(image_sha256, 'hex'), revision.number,
              revision.source, revision.author_id,
              hex_text((SELECT name FROM principal WHERE id = revision.author_id)),
              coalesce(revision.task_id::text, '-'),
              (extract(epoch FROM revision.created_at) * 1000000)::bigint, revision.blind, revision.late,
              revision.spent_ms, revision.standing, coalesce(revision.based_on::text, '-'),
              hex_text(revision.client), hex_text(revision.note), hex_text(revision.flags::text))
    || E'\n'
    || CASE WHEN answered.id IS NULL THEN ''
            ELSE concat_ws('|', task_text_3(answered),
                           (extract(epoch FROM answered.ended_at) * 1000000)::bigint,
                           coalesce(hex_text(answered.skip_reason), '-')) || E'\n' END
    || coalesce((SELECT string_agg(box_text(ordinal, box_id, label, x1, y1, x2, y2, origin, ignore,
                                            shown_ordinal)
                                   || '|' || coalesce(spent_ms, -1) || E'\n', '' ORDER BY ordinal)
                 FROM label_box WHERE revision_id = revision.id), '')
    || coalesce((SELECT string_agg(concat_ws('|', 'shown', ordinal, model_id, prediction_index, label,
                                             encode(float4send(score), 'hex'),
                                             encode(float4send(x1), 'hex'), encode(float4send(y1), 'hex'),
                                             encode(float4send(x2), 'hex'), encode(float4send(y2), 'hex'))
                                   || E'\n', '' ORDER BY ordinal)
                 FROM shown_box WHERE task_id = answered.id), '')
    || coalesce((SELECT string_agg(concat_ws('|', 'outcome', shown_ordinal, outcome) || E'\n', ''
                                   ORDER BY shown_ordinal)
                 FROM outcome WHERE revision_id = revision.id), ''), 'UTF8'));
END $$;

-- The hash that a stored revision of any version must have.
CREATE OR REPLACE FUNCTION expected_hash(revision label_revision, image_sha256 bytea)
RETURNS bytea LANGUAGE sql STABLE AS $$
  SELECT CASE revision.hash_version
    WHEN 1 THEN revision_hash(revision.previous_hash, image_sha256, revision.number, revision.author_id,
                              revision.source, revision.task_id, revision.created_at, revision.blind,
                              revision.late, revision.spent_ms, revision_details(revision.id))
    WHEN 2 THEN revision_hash_2(revision, image_sha256)
    WHEN 3 THEN revision_hash_3(revision, image_sha256,
                                (SELECT answered FROM task answered WHERE answered.id = revision.task_id)) END
$$;

-- The hash of what a snapshot holds.
CREATE OR REPLACE FUNCTION snapshot_hash(the_snapshot bigint) RETURNS bytea LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (SELECT sha256(convert_to(
            'snapshot-1|' || the_snapshot || E'\n'
            || coalesce(string_agg(concat_ws('|', 'item', image_id, image_side, revision_id) || E'\n', ''
                                   ORDER BY image_id), ''), 'UTF8'))
          FROM snapshot_item WHERE snapshot_id = the_snapshot);
END $$;
