-- name: FindRequest
SELECT method, fingerprint, response FROM request WHERE principal_id = $1 AND request_id = $2;

-- name: InsertRequest
-- Waits while another transaction inserts the same request. Inserts nothing if the other transaction was
-- first.
INSERT INTO request (principal_id, request_id, method, fingerprint, response)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT DO NOTHING;

-- name: DeleteOldRequests
-- At most $2 of them.
DELETE FROM request WHERE (principal_id, request_id) IN (
  SELECT principal_id, request_id FROM request WHERE created_at < now() - make_interval(days => $1)
  ORDER BY created_at LIMIT $2);
