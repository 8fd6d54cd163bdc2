-- Reviewers: what alarms did, and people whom a project gives no more tasks.

ALTER TABLE project
  -- Whether an alarm about a person stops giving that person tasks.
  ADD pause_on_alarm boolean NOT NULL DEFAULT false,
  -- Whether people are told which of their answers were to planted tasks.
  ADD reveal_planted boolean NOT NULL DEFAULT false;

-- The answer up to which a person's work was judged. An alarm takes effect once in a window.
CREATE TABLE reviewer_judged (
  project_id bigint NOT NULL REFERENCES project,
  principal_id bigint NOT NULL REFERENCES principal,
  revision_id bigint NOT NULL REFERENCES label_revision,
  judged_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (project_id, principal_id)
);

-- Alarms that took effect, with their evidence.
CREATE TABLE reviewer_alarm (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  project_id bigint NOT NULL REFERENCES project,
  principal_id bigint NOT NULL REFERENCES principal,
  kind text NOT NULL
    CHECK (kind IN ('planted_errors_kept', 'misses_when_shown', 'not_looked_at', 'accepts_too_much')),
  value double precision NOT NULL,
  low double precision NOT NULL,
  high double precision NOT NULL,
  raised_at timestamptz NOT NULL DEFAULT now(),
  -- How many of the person's answers it gave to somebody else.
  reviews int NOT NULL CHECK (reviews >= 0)
);
CREATE INDEX reviewer_alarm_person ON reviewer_alarm (project_id, principal_id, id);

CREATE TABLE reviewer_pause (
  project_id bigint NOT NULL REFERENCES project,
  principal_id bigint NOT NULL REFERENCES principal,
  reason text NOT NULL CHECK (length(reason) BETWEEN 1 AND 1000),
  -- NULL: an alarm did it.
  paused_by bigint REFERENCES principal,
  paused_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (project_id, principal_id)
);

CREATE INDEX task_beside_truth ON task (project_id)
  WHERE kind IN ('overlap', 'planted') AND state = 'answered';
