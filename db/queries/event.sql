-- Events, read in windows (db/lineage/event_log.h).

-- name: ReadEventSource
-- What tells this database apart from others, and from itself before it was restored in another place; the
-- oldest transaction that still runs; and the last one below it with an event of project $1.
SELECT left(md5(system_identifier || '.' || (SELECT oid FROM pg_database WHERE datname = current_database())),
            16) AS source,
       pg_snapshot_xmin(pg_current_snapshot()) AS oldest_running,
       (SELECT txid FROM event WHERE project_id = $1 AND txid < pg_snapshot_xmin(pg_current_snapshot())
        ORDER BY txid DESC LIMIT 1) AS last_txid
FROM pg_control_system();

-- name: FindEventWindows
-- For each pair of a project of $1 and a transaction of $2: the last transaction of the window that begins
-- there, and bounds of the ids in it. first_id is NULL if the window is empty; last_id may be too high. The
-- subquery with OFFSET keeps the planner from walking all ids.
SELECT last_txid, (SELECT max(id) FROM event WHERE project_id = project) AS last_id,
       CASE WHEN last_txid IS NULL OR last_txid < begins THEN NULL
            WHEN begins = '0' THEN (SELECT min(id) FROM event WHERE project_id = project)
            ELSE (SELECT min(id)
                  FROM (SELECT id FROM event
                        WHERE project_id = project AND txid >= begins AND txid <= last_txid OFFSET 0) inside)
       END AS first_id
FROM unnest($1::bigint[], $2::xid8[]) WITH ORDINALITY AS asked (project, begins, place)
LEFT JOIN LATERAL (SELECT txid AS last_txid FROM event
                   WHERE project_id = project AND txid < pg_snapshot_xmin(pg_current_snapshot())
                   ORDER BY txid DESC LIMIT 1) newest ON true
ORDER BY place;

-- name: SelectEvents
-- At most $6 events of project $1 of the transactions from $2 to before $3, with ids above $4 and up to $5,
-- in order of id. The subquery with OFFSET makes the planner walk the ids, and never sort a window. Rows of
-- other tables are looked up one by one: the planner doesn't know how few events there are.
SELECT event.id, kind, event.created_at, event.image_id, before_id, after_id, state_before, state_after,
       revision_id, revision.number, revision.source, revision.standing,
       (SELECT name FROM principal WHERE id = event.author_id) AS author,
       (SELECT file_name FROM image WHERE id = event.image_id) AS file_name,
       (SELECT number FROM label_revision WHERE id = revision.based_on) AS based_on,
       CASE kind WHEN 'model_served' THEN (SELECT number FROM model WHERE id = before_id)
                 ELSE (SELECT number FROM label_revision WHERE id = before_id) END AS number_before,
       CASE kind WHEN 'model_served' THEN (SELECT number FROM model WHERE id = after_id)
                 ELSE (SELECT number FROM label_revision WHERE id = after_id) END AS number_after
FROM (SELECT * FROM (SELECT * FROM event
                     WHERE project_id = $1 AND id > $4 AND id <= $5 ORDER BY id OFFSET 0) walked
      WHERE txid >= $2::xid8 AND txid < $3::xid8 LIMIT $6) event
LEFT JOIN LATERAL (SELECT * FROM label_revision WHERE id = event.revision_id OFFSET 0) revision ON true
ORDER BY event.id;

-- name: SelectBoxChanges
-- The boxes that one revision of a pair has and the other has not, or not alike: revisions $1 and revisions
-- $2 (0: none). At most $3 rows.
SELECT place, changed.*
FROM unnest($1::bigint[], $2::bigint[]) WITH ORDINALITY AS pair (before_id, after_id, place)
CROSS JOIN LATERAL (
  SELECT false AS is_after, *
  FROM (SELECT box_id, label, x1, y1, x2, y2, origin, ignore FROM label_box WHERE revision_id = before_id
        EXCEPT
        SELECT box_id, label, x1, y1, x2, y2, origin, ignore FROM label_box WHERE revision_id = after_id) gone
  UNION ALL
  SELECT true, *
  FROM (SELECT box_id, label, x1, y1, x2, y2, origin, ignore FROM label_box WHERE revision_id = after_id
        EXCEPT
        SELECT box_id, label, x1, y1, x2, y2, origin, ignore FROM label_box WHERE revision_id = before_id
       ) come
) changed
ORDER BY place, box_id, is_after LIMIT $3;
