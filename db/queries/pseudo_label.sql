-- Pseudo-labels: boxes that a round trains on besides the truth. Nothing else uses them.

-- name: InsertPseudoLabel
-- Does nothing if the image has been labelled in the meantime, or is not in the pool.
INSERT INTO pseudo_label (snapshot_id, image_id, corners, labels)
SELECT $1, id, $3::real[], $4::smallint[] FROM usable_image image
WHERE id = $2 AND side = 'pool' AND truth_revision_id IS NULL;

-- name: SetSnapshotPseudoLabels
UPDATE snapshot SET pseudo_labels = $2 WHERE id = $1;

-- name: SelectPseudoLabels
-- At most $3 images with ids above $2, in order of id.
SELECT image.id, image.sha256, image.file_name, image.width, image.height, image.size_bytes, image.media_type,
       image.sampling_key, coalesce(image.group_name, '') AS group_name, corners, labels
FROM pseudo_label JOIN image ON image.id = pseudo_label.image_id AND state IN ('usable', 'excluded')
WHERE snapshot_id = $1 AND image_id > $2
ORDER BY image_id LIMIT $3;
