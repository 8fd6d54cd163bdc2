-- Workers, and when each was last heard of: by asking for a job, or by a heartbeat.
CREATE TABLE worker (
  principal_id bigint NOT NULL REFERENCES principal,
  name text NOT NULL CHECK (length(name) <= 200),
  last_heard timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (principal_id, name)
);
