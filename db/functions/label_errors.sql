-- The last round of a project that searched the labels for errors, all of them.
CREATE OR REPLACE FUNCTION last_search(the_project bigint) RETURNS bigint LANGUAGE sql STABLE AS $$
  SELECT round.id FROM round
  WHERE project_id = the_project
    AND EXISTS (SELECT FROM job WHERE job.round_id = round.id AND job.kind = 'find_label_errors')
    AND NOT EXISTS (SELECT FROM job
                    WHERE job.round_id = round.id AND job.kind = 'find_label_errors' AND job.state <> 'done')
  ORDER BY number DESC LIMIT 1;
$$;

-- Whether the class that the box has, or that it should have, was retired since.
CREATE OR REPLACE FUNCTION is_of_retired_class(error label_error) RETURNS boolean LANGUAGE sql STABLE AS $$
  SELECT EXISTS (
    SELECT FROM image JOIN class ON class.project_id = image.project_id AND class.retired_at IS NOT NULL
    WHERE image.id = error.image_id
      AND class.label IN (error.label, (SELECT box.label FROM label_box box
                                        WHERE box.revision_id = error.revision_id
                                          AND box.box_id = error.box_id)));
$$;

-- Intersection over union of two boxes x1, y1, x2, y2, each with an area.
CREATE OR REPLACE FUNCTION corners_iou(a real[], b real[]) RETURNS float8 LANGUAGE sql IMMUTABLE AS $$
  SELECT common / ((a[3] - a[1])::float8 * (a[4] - a[2]) + (b[3] - b[1])::float8 * (b[4] - b[2]) - common)
  FROM (SELECT greatest(least(a[3], b[3]) - greatest(a[1], b[1]), 0)::float8
               * greatest(least(a[4], b[4]) - greatest(a[2], b[2]), 0) AS common) overlap;
$$;
