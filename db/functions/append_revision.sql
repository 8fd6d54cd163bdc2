-- Intersection over union, in [0, 1].
CREATE OR REPLACE FUNCTION box_iou(a box, b box) RETURNS double precision LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN a && b THEN area(a # b) / (area(a) + area(b) - area(a # b)) ELSE 0 END
$$;

-- Adds a revision to an image's history and makes it the image's truth.
-- Boxes are passed as parallel arrays: `corners` has four numbers per box, and a `predicted` of -1 means that
-- the box was not made from a predicted box. Rejections are passed in the same way.
-- A box keeps its identity (box_id) if the previous revision has a box of the same class whose IoU with it is
-- above 0.9.
-- A correction is late if its lease has ended (the caller passes this), or if the image got another revision
-- after the task was served.
-- Locks: the image's row.
CREATE OR REPLACE FUNCTION append_revision(
  the_image bigint, the_source text, the_author bigint, the_task bigint, is_blind boolean,
  INOUT is_late boolean, the_spent_ms int,
  corners real[], labels int[], origins text[], ignores boolean[], predicted int[],
  rejected int[], rejected_labels int[], rejected_scores real[], rejected_corners real[],
  OUT the_revision bigint, OUT the_number int)
LANGUAGE plpgsql AS $$
DECLARE
  the_sha256 bytea;
  head_id bigint;
  head label_revision;
  box_ids bigint[] := '{}';
  kept bigint;
  moment timestamptz := clock_timestamp();
  details text;
BEGIN
  SELECT sha256, head_revision_id INTO STRICT the_sha256, head_id FROM image WHERE id = the_image
  FOR NO KEY UPDATE;
  SELECT * INTO head FROM label_revision WHERE id = head_id;
  is_late := is_late OR coalesce(head.created_at > (SELECT created_at FROM task WHERE id = the_task), false);
  the_number := coalesce(head.number, 0) + 1;
  FOR i IN 1 .. cardinality(labels) LOOP
    kept := NULL;
    IF head_id IS NOT NULL THEN
      SELECT box_id INTO kept
      FROM label_box,
           box_iou(box(point(x1, y1), point(x2, y2)),
                   box(point(corners[4*i-3], corners[4*i-2]), point(corners[4*i-1], corners[4*i]))) iou
      WHERE revision_id = head_id AND label = labels[i] AND iou > 0.9 AND box_id <> ALL (box_ids)
      ORDER BY iou DESC, box_id LIMIT 1;
    END IF;
    box_ids := box_ids || coalesce(kept, nextval('box_identity'));
  END LOOP;
  details := coalesce((SELECT string_agg(box_text(i - 1, box_ids[i], labels[i],
                                                  corners[4*i-3], corners[4*i-2],
                                                  corners[4*i-1], corners[4*i], origins[i], ignores[i],
                                                  nullif(predicted[i], -1))
                                         || E'\n', '' ORDER BY i)
                       FROM generate_subscripts(labels, 1) i), '')
          || coalesce((SELECT string_agg(rejection_text(rejected[i], rejected_labels[i], rejected_scores[i],
                                                        rejected_corners[4*i-3], rejected_corners[4*i-2],
                                                        rejected_corners[4*i-1], rejected_corners[4*i])
                                         || E'\n', '' ORDER BY rejected[i])
                       FROM generate_subscripts(rejected, 1) i), '');
  INSERT INTO label_revision (image_id, number, source, author_id, task_id, blind, late, spent_ms, created_at,
                              previous_hash, hash)
  SELECT the_image, the_number, the_source, the_author, the_task, is_blind, is_late, the_spent_ms, moment,
         previous,
         revision_hash(previous, the_sha256, the_number, the_author, the_source, the_task, moment, is_blind,
                       is_late, the_spent_ms, details)
  FROM coalesce(head.hash, decode(repeat('00', 32), 'hex')) previous
  RETURNING id INTO the_revision;
  INSERT INTO label_box
  SELECT the_revision, i - 1, box_ids[i], labels[i],
         corners[4*i-3], corners[4*i-2], corners[4*i-1], corners[4*i],
         origins[i], ignores[i], nullif(predicted[i], -1)
  FROM generate_subscripts(labels, 1) i;
  INSERT INTO rejection
  SELECT the_revision, rejected[i], rejected_labels[i], rejected_scores[i], rejected_corners[4*i-3],
         rejected_corners[4*i-2], rejected_corners[4*i-1], rejected_corners[4*i]
  FROM generate_subscripts(rejected, 1) i;
  UPDATE image SET head_revision_id = the_revision WHERE id = the_image;
END $$;
