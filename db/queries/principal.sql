-- Principals: who may call the coordinator.

-- name: Ping
SELECT 1;

-- name: FindPrincipal
-- By the hash of a token, or of a session's secret. session: 0 for a token.
SELECT id, name, role, revoked_at IS NOT NULL AS revoked, coalesce(expires_at <= now(), false) AS expired,
  0 AS session
FROM principal WHERE token_hash = $1
UNION ALL
SELECT principal.id, name, role, revoked_at IS NOT NULL, coalesce(principal.expires_at <= now(), false),
  session.id
FROM session JOIN principal ON principal.id = principal_id
WHERE secret_hash = $1 AND session.expires_at > now();

-- name: InsertPrincipal
-- An empty name becomes ROLE-ID. The id is drawn first, since the name needs it.
WITH drawn AS (SELECT nextval(pg_get_serial_sequence('principal', 'id')) AS id)
INSERT INTO principal (id, name, role, token_hash, expires_at) OVERRIDING SYSTEM VALUE
SELECT id, coalesce(nullif($1::text, ''), $2::text || '-' || id), $2::text, $3, $4 FROM drawn
RETURNING id, name, role, created_at, revoked_at, expires_at;

-- name: FindPrincipalNamed
SELECT id FROM principal WHERE name = $1;

-- name: ListPrincipals
SELECT id, name, role, created_at, revoked_at, expires_at FROM principal WHERE id > $1 ORDER BY id LIMIT $2;

-- name: SelectPrincipal
SELECT id, name, role, created_at, revoked_at, expires_at FROM principal WHERE id = $1;

-- name: LockAdmins
-- Those that don't expire. If two admins revoke each other's tokens at the same time, one of them waits for
-- the other.
SELECT id FROM principal WHERE role = 'admin' AND revoked_at IS NULL AND expires_at IS NULL ORDER BY id
FOR UPDATE;

-- name: RevokePrincipal
UPDATE principal SET revoked_at = coalesce(revoked_at, now()) WHERE id = $1;

-- name: LockFirstAdmin
-- If several coordinators start at the same time, only one of them makes the first admin.
SELECT pg_advisory_xact_lock(2, 1);

-- name: AnyPrincipal
SELECT EXISTS (SELECT FROM principal);
