-- The time that people spent on a snapshot's images, summed when it is made: a learning curve asks for that of
-- a hundred rounds. NULL: the snapshot isn't closed yet.
ALTER TABLE snapshot ADD spent_ms bigint, ADD timed_images bigint;
UPDATE snapshot SET (spent_ms, timed_images) =
  (SELECT coalesce(sum(revision.spent_ms), 0), count(*) FILTER (WHERE revision.spent_ms > 0)
   FROM snapshot_item JOIN label_revision revision ON revision.id = revision_id
   WHERE snapshot_id = snapshot.id);
