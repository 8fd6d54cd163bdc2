-- The last round of a project that searched the labels for errors.
CREATE OR REPLACE FUNCTION last_search(the_project bigint) RETURNS bigint LANGUAGE sql STABLE AS $$
  SELECT round.id FROM round
  WHERE project_id = the_project
    AND EXISTS (SELECT FROM job
                WHERE job.round_id = round.id AND job.kind = 'find_label_errors' AND job.state = 'done')
  ORDER BY number DESC LIMIT 1;
$$;

-- Intersection over union of two boxes x1, y1, x2, y2, each with an area.
CREATE OR REPLACE FUNCTION corners_iou(a real[], b real[]) RETURNS float8 LANGUAGE sql IMMUTABLE AS $$
  SELECT common / ((a[3] - a[1])::float8 * (a[4] - a[2]) + (b[3] - b[1])::float8 * (b[4] - b[2]) - common)
  FROM (SELECT greatest(least(a[3], b[3]) - greatest(a[1], b[1]), 0)::float8
               * greatest(least(a[4], b[4]) - greatest(a[2], b[2]), 0) AS common) overlap;
$$;
