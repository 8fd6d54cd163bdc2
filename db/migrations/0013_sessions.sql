-- Browsers that are logged in, and the links that log in.

CREATE TABLE session (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  principal_id bigint NOT NULL REFERENCES principal,
  secret_hash bytea NOT NULL UNIQUE CHECK (octet_length(secret_hash) = 32),
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  client text NOT NULL CHECK (length(client) <= 200)
);
CREATE INDEX session_principal ON session (principal_id, id);
CREATE INDEX session_expires_at ON session (expires_at);

-- A link is deleted when it is used.
CREATE TABLE login_link (
  secret_hash bytea PRIMARY KEY CHECK (octet_length(secret_hash) = 32),
  principal_id bigint NOT NULL REFERENCES principal,
  expires_at timestamptz NOT NULL
);
CREATE INDEX login_link_expires_at ON login_link (expires_at);
