-- Sessions of browsers, and links that log in.

-- name: InsertLoginLink
INSERT INTO login_link (secret_hash, principal_id, expires_at)
VALUES ($1, $2, now() + make_interval(secs => $3)) RETURNING expires_at;

-- name: UseLoginLink
DELETE FROM login_link WHERE secret_hash = $1 AND expires_at > now() RETURNING principal_id;

-- name: InsertSession
-- It doesn't outlive a token that expires.
INSERT INTO session (principal_id, secret_hash, expires_at, client)
SELECT id, $2, least(now() + make_interval(secs => $3), expires_at), $4 FROM principal WHERE id = $1
RETURNING id, created_at, expires_at, client;

-- name: ListSessions
SELECT id, created_at, expires_at, client FROM session
WHERE principal_id = $1 AND expires_at > now() ORDER BY id DESC LIMIT 100;

-- name: EndSession
DELETE FROM session WHERE principal_id = $1 AND id = $2 RETURNING id;

-- name: EndOldestSessions
-- All but the newest $2.
DELETE FROM session WHERE principal_id = $1 AND id <=
  (SELECT id FROM session WHERE principal_id = $1 ORDER BY id DESC OFFSET $2 LIMIT 1);

-- name: ForgetEndedSessions
DELETE FROM session WHERE expires_at <= now();

-- name: ForgetOldLoginLinks
DELETE FROM login_link WHERE expires_at <= now();
