-- Sums over labels.

-- name: SelectLabelStats
SELECT subject, key, coalesce(principal.name, '') AS reviewer, period, fact, sums.name, written, truth
FROM label_stats($1, $2, $3, $4) sums LEFT JOIN principal ON subject = 'reviewer' AND principal.id = key
ORDER BY subject, period, principal.name, key;

-- name: AddToLabelCounts
SELECT add_to_label_counts($1);
