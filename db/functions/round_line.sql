-- Adds a line to a round's log, unless the round has 200 of its kind already.
CREATE OR REPLACE FUNCTION add_round_line(the_round bigint, the_kind text, line text)
RETURNS void LANGUAGE sql AS $$
  INSERT INTO round_line (round_id, kind, text)
  SELECT the_round, the_kind, left(line, 1000)
  WHERE (SELECT count(*)
         FROM (SELECT FROM round_line WHERE round_id = the_round AND kind = the_kind LIMIT 200) kept) < 200;
$$;

-- What people call a job.
CREATE OR REPLACE FUNCTION job_text(kind text, id bigint, images bigint)
RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE kind WHEN 'train' THEN 'the training' WHEN 'evaluate' THEN 'the judging'
                   WHEN 'find_label_errors' THEN 'the search for label errors'
                   ELSE 'the prediction' END
         || CASE kind WHEN 'train' THEN '' ELSE format(' of %s images (job %s)', images, id) END;
$$;
