-- Who may come in.

-- name: FindPrincipal
SELECT id, name, role, revoked_at IS NOT NULL AS revoked FROM principal WHERE token_hash = $1
