-- What happened in a round, and second looks at answers.

-- Of a kind, a round keeps the first 200 lines.
CREATE TABLE round_line (
  round_id bigint NOT NULL REFERENCES round,
  id bigint GENERATED ALWAYS AS IDENTITY,
  kind text NOT NULL CHECK (kind IN ('step', 'job_taken', 'job_lost', 'job_released', 'job_done',
                                     'job_failed', 'checkpoint', 'image_set_aside')),
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  text text NOT NULL CHECK (length(text) <= 1000),
  PRIMARY KEY (round_id, kind, id)
);

-- What a worker reported of a TRAIN job, thinned: heartbeat `number` of the job.
CREATE TABLE training_point (
  job_id bigint NOT NULL REFERENCES job,
  number int NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  iteration bigint NOT NULL,
  loss double precision NOT NULL,
  images_per_second double precision NOT NULL,
  -- NULL: not measured yet.
  ap50 double precision,
  PRIMARY KEY (job_id, number)
);
ALTER TABLE job ADD heartbeats int NOT NULL DEFAULT 0;
