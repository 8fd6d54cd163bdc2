-- What a snapshot holds is covered by a hash (db/functions/revision_hash.sql, snapshot_hash), and refused to
-- change as the history of labels is.
ALTER TABLE snapshot ADD hash bytea CHECK (octet_length(hash) = 32);
UPDATE snapshot SET hash =
  (SELECT sha256(convert_to(
     'snapshot-1|' || snapshot.id || E'\n'
     || coalesce(string_agg(concat_ws('|', 'item', image_id, image_side, revision_id) || E'\n', ''
                            ORDER BY image_id), ''), 'UTF8'))
   FROM snapshot_item WHERE snapshot_id = snapshot.id);
