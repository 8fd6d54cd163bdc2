-- The history of labels as it is stored, to recompute its hashes outside the database
-- (db/lineage/chain_check.h). Columns that a hash covers are read as what it covers: times as microseconds,
-- floats as PostgreSQL's shortest text, which reads back to the same bits. None of these calls a function of
-- Loupe's: whoever changed the history may have changed those, too.

-- name: SelectHistoryImages
-- At most $3 images of project $1 with ids above $2, in order of id.
SELECT id, sha256, side, state, head_revision_id, truth_revision_id FROM image
WHERE project_id = $1 AND id > $2 ORDER BY id LIMIT $3;

-- name: SelectHistoryRevisions
SELECT revision.id, revision.image_id, revision.number, revision.source, revision.author_id, author.name,
       revision.task_id, (extract(epoch FROM revision.created_at) * 1000000)::bigint AS created_at,
       revision.blind, revision.late, revision.spent_ms, revision.previous_hash, revision.hash,
       revision.standing, revision.based_on, revision.hash_version, revision.client, revision.note,
       revision.flags, array_to_json(revision.flags) AS flags_json
FROM label_revision revision LEFT JOIN principal author ON author.id = revision.author_id
WHERE revision.image_id = ANY ($1::bigint[]) ORDER BY revision.image_id, revision.number;

-- name: SelectHistoryTasks
SELECT id, project_id, image_id, image_side, principal_id, lease_number, kind, request_id, ranking_id,
       position, slice, score, probability, blind, shown_model_id, based_on,
       (extract(epoch FROM created_at) * 1000000)::bigint AS created_at,
       (extract(epoch FROM ended_at) * 1000000)::bigint AS ended_at, skip_reason, state, revision_id
FROM task WHERE image_id = ANY ($1::bigint[]) ORDER BY image_id, id;

-- name: SelectHistoryBoxes
SELECT revision_id, ordinal, box_id, label, x1, y1, x2, y2, origin, ignore, shown_ordinal, spent_ms
FROM label_box WHERE revision_id = ANY ($1::bigint[]) ORDER BY revision_id, ordinal;

-- name: SelectHistoryShownBoxes
SELECT task_id, ordinal, model_id, prediction_index, label, score, x1, y1, x2, y2
FROM shown_box WHERE task_id = ANY ($1::bigint[]) ORDER BY task_id, ordinal;

-- name: SelectHistoryOutcomes
SELECT revision_id, shown_ordinal, outcome
FROM outcome WHERE revision_id = ANY ($1::bigint[]) ORDER BY revision_id, shown_ordinal;

-- name: SelectHistoryRejections
SELECT revision_id, predicted_index, label, score, x1, y1, x2, y2
FROM rejection WHERE revision_id = ANY ($1::bigint[]) ORDER BY revision_id, predicted_index;

-- name: SelectHistorySnapshots
-- With the hash of what each holds now.
SELECT snapshot.id, coalesce(round.id, 0) AS round_id, snapshot.images, snapshot.boxes, snapshot.hash,
       (SELECT sha256(convert_to(
          'snapshot-1|' || snapshot.id || E'\n'
          || coalesce(string_agg(concat_ws('|', 'item', image_id, image_side, revision_id) || E'\n', ''
                                 ORDER BY image_id), ''), 'UTF8'))
        FROM snapshot_item WHERE snapshot_id = snapshot.id) AS computed
FROM snapshot LEFT JOIN round ON round.snapshot_id = snapshot.id
WHERE snapshot.project_id = $1 ORDER BY snapshot.id;

-- name: SelectHistoryModels
SELECT id, number, coalesce(round_id, 0) AS round_id, coalesce(parent_id, 0) AS parent_id, weights_sha256
FROM model WHERE project_id = $1 ORDER BY id;

-- name: SelectHistoryAuthors
SELECT id, name FROM principal ORDER BY id;

-- name: SelectHistoryTriggers
-- The triggers that refuse changes. `made_in`: the transactions that last made, disabled or enabled it, and
-- that made its function; NULL: there is none.
SELECT guarded.table_name, guarded.name, trigger.tgenabled IN ('O', 'A') AS enabled,
       trigger.xmin || '-' || pg_proc.xmin AS made_in
FROM (VALUES ('image', 'image_fixed'), ('label_box', 'append_only'), ('label_revision', 'append_only'),
             ('outcome', 'append_only'), ('rejection', 'append_only'), ('shown_box', 'append_only'),
             ('snapshot', 'snapshot_closed'), ('snapshot_item', 'append_only')) AS guarded (table_name, name)
LEFT JOIN pg_trigger trigger ON trigger.tgrelid = to_regclass(guarded.table_name)
                            AND trigger.tgname = guarded.name
LEFT JOIN pg_proc ON pg_proc.oid = trigger.tgfoid
ORDER BY guarded.table_name;
