-- The first schema. States are texts with a CHECK, and a CHECK ties each state to the columns it needs. Constraints
-- that tests rely on have names. Functions and triggers are in db/functions/.

CREATE TABLE principal (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 100),
  role text NOT NULL CHECK (role IN ('annotator', 'engineer', 'viewer', 'worker', 'admin')),
  token_hash bytea NOT NULL UNIQUE CHECK (octet_length(token_hash) = 32),
  created_at timestamptz NOT NULL DEFAULT now(),
  revoked_at timestamptz
);

-- One row for each request_id that had its effect, with the answer that is given again. Old rows are deleted.
CREATE TABLE request (
  principal_id bigint NOT NULL REFERENCES principal,
  request_id text NOT NULL CHECK (length(request_id) BETWEEN 1 AND 64),
  method text NOT NULL,
  -- SHA-256 of the request, to refuse an id that comes back with other content.
  fingerprint bytea NOT NULL CHECK (octet_length(fingerprint) = 32),
  response bytea NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (principal_id, request_id)
);
CREATE INDEX request_created_at ON request (created_at);

CREATE TABLE project (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 100),
  seed bigint NOT NULL,
  holdout_fraction double precision NOT NULL CHECK (holdout_fraction >= 0 AND holdout_fraction <= 0.9),
  holdout_target int NOT NULL CHECK (holdout_target >= 0),
  strategy text NOT NULL CHECK (strategy IN ('entropy', 'margin', 'least_confidence', 'random')),
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE class (
  project_id bigint NOT NULL REFERENCES project,
  label int NOT NULL CHECK (label >= 1),
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
  PRIMARY KEY (project_id, label),
  UNIQUE (project_id, name)
);

CREATE TABLE image (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  project_id bigint NOT NULL REFERENCES project,
  sha256 bytea NOT NULL CHECK (octet_length(sha256) = 32),
  file_name text NOT NULL CHECK (length(file_name) BETWEEN 1 AND 1000),
  width int NOT NULL CHECK (width > 0),
  height int NOT NULL CHECK (height > 0),
  size_bytes bigint NOT NULL CHECK (size_bytes > 0),
  media_type text NOT NULL CHECK (media_type IN ('image/jpeg', 'image/png')),
  group_name text,
  sampling_key double precision NOT NULL CHECK (sampling_key >= 0 AND sampling_key < 1),
  side text NOT NULL CHECK (side IN ('pool', 'holdout')),
  -- The latest revision of its truth; NULL while unlabelled. Moved only by append_revision().
  head_revision_id bigint,
  created_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (project_id, sha256),
  -- Referenced together, so that the database itself keeps the holdout out of where it must not be.
  CONSTRAINT image_id_side UNIQUE (id, side)
);
CREATE INDEX image_file_name ON image (project_id, file_name);
CREATE INDEX image_holdout ON image (project_id, sampling_key) WHERE side = 'holdout';
CREATE INDEX image_pool ON image (project_id, id) WHERE side = 'pool';

CREATE TABLE snapshot (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  project_id bigint NOT NULL REFERENCES project,
  images bigint NOT NULL DEFAULT 0,
  boxes bigint NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE round (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  project_id bigint NOT NULL REFERENCES project,
  number int NOT NULL CHECK (number >= 1),
  state text NOT NULL CHECK (state IN
    ('waiting', 'training', 'evaluating', 'predicting', 'ranking', 'done', 'failed', 'cancelled')),
  -- loupe.v1.Recipe as protobuf text, every default written out.
  recipe text NOT NULL,
  snapshot_id bigint NOT NULL REFERENCES snapshot,
  submitted_by bigint NOT NULL REFERENCES principal,
  -- The model it trained; set when the training is done.
  model_id bigint,
  error text,
  created_at timestamptz NOT NULL DEFAULT now(),
  -- When each step began: the times between them are what a round spent where.
  training_at timestamptz,
  evaluating_at timestamptz,
  predicting_at timestamptz,
  ranking_at timestamptz,
  ended_at timestamptz,
  -- Raised by every change, so that a watcher knows that there is news.
  version bigint NOT NULL DEFAULT 1,
  UNIQUE (project_id, number),
  CONSTRAINT round_ended_at CHECK ((state IN ('done', 'failed', 'cancelled')) = (ended_at IS NOT NULL)),
  CONSTRAINT round_error CHECK ((state = 'failed') = (error IS NOT NULL)),
  CONSTRAINT round_model CHECK (state NOT IN ('evaluating', 'predicting', 'ranking', 'done') OR model_id IS NOT NULL)
);
-- One round of a project runs at a time.
CREATE UNIQUE INDEX round_running ON round (project_id)
  WHERE state IN ('training', 'evaluating', 'predicting', 'ranking');

CREATE TABLE model (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  project_id bigint NOT NULL REFERENCES project,
  number int NOT NULL CHECK (number >= 1),
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
  preset text NOT NULL,
  state text NOT NULL CHECK (state IN ('candidate', 'serving', 'retired', 'held')),
  parent_id bigint REFERENCES model,
  round_id bigint UNIQUE REFERENCES round,
  weights_sha256 bytea NOT NULL CHECK (octet_length(weights_sha256) = 32),
  weights_bytes bigint NOT NULL CHECK (weights_bytes > 0),
  -- The model that served when this one was promoted: what a rollback goes back to.
  replaced_id bigint REFERENCES model,
  created_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (project_id, number),
  UNIQUE (project_id, name)
);
CREATE UNIQUE INDEX model_serving ON model (project_id) WHERE state = 'serving';
ALTER TABLE round ADD FOREIGN KEY (model_id) REFERENCES model;

-- One row an image and model; boxes in arrays, best score first.
CREATE TABLE prediction (
  model_id bigint NOT NULL REFERENCES model,
  image_id bigint NOT NULL REFERENCES image,
  corners real[] NOT NULL,
  labels smallint[] NOT NULL,
  scores real[] NOT NULL,
  runner_up_labels smallint[] NOT NULL,
  runner_up_scores real[] NOT NULL,
  background_scores real[] NOT NULL,
  -- Empty without a mirrored pass.
  agreements real[] NOT NULL,
  embedding bytea NOT NULL,
  max_foreground_score real NOT NULL,
  -- Why the prediction can't be used (a score that is no number); its arrays are empty then.
  set_aside text,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (model_id, image_id),
  CONSTRAINT prediction_lengths CHECK (
    cardinality(corners) = 4 * cardinality(scores) AND cardinality(labels) = cardinality(scores)
    AND cardinality(runner_up_labels) = cardinality(scores) AND cardinality(runner_up_scores) = cardinality(scores)
    AND cardinality(background_scores) = cardinality(scores)
    AND cardinality(agreements) IN (0, cardinality(scores)))
);

-- A model judged on the labelled holdout. Judged again when the holdout has grown: a new row.
CREATE TABLE evaluation (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  model_id bigint NOT NULL REFERENCES model,
  -- The round whose gate asked for it.
  round_id bigint NOT NULL REFERENCES round,
  -- loupe.v1.Evaluation.
  result bytea NOT NULL,
  -- loupe.v1.Gate; only on the row of the round's own model.
  gate bytea,
  created_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (model_id, round_id)
);

CREATE TABLE ranking (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  project_id bigint NOT NULL REFERENCES project,
  -- 0 before any model, then counting up.
  generation int NOT NULL CHECK (generation >= 0),
  model_id bigint REFERENCES model,
  round_id bigint UNIQUE REFERENCES round,
  strategy text NOT NULL,
  seed bigint NOT NULL,
  state text NOT NULL CHECK (state IN ('building', 'active', 'retired')),
  -- |U|: eligible unlabelled images when the random slice was drawn.
  eligible bigint NOT NULL DEFAULT 0,
  -- Entries below this position are all answered; moved now and then, so that a claim starts near the head.
  first_open bigint NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL DEFAULT now(),
  activated_at timestamptz,
  UNIQUE (project_id, generation),
  CONSTRAINT ranking_activated_at CHECK (state = 'building' OR activated_at IS NOT NULL),
  CONSTRAINT ranking_model CHECK (generation = 0 OR model_id IS NOT NULL)
);
CREATE UNIQUE INDEX ranking_active ON ranking (project_id) WHERE state = 'active';

-- Written once, by COPY, before its ranking is switched to; generation 0 is appended to as images come in.
CREATE TABLE ranking_entry (
  ranking_id bigint NOT NULL REFERENCES ranking,
  position bigint NOT NULL CHECK (position >= 0),
  image_id bigint NOT NULL,
  image_side text NOT NULL,
  slice text NOT NULL CHECK (slice IN ('uncertain', 'rare', 'random', 'holdout', 'audit', 'planted')),
  score double precision,
  probability double precision CHECK (probability > 0 AND probability <= 1),
  blind boolean NOT NULL,
  PRIMARY KEY (ranking_id, position),
  CONSTRAINT ranking_entry_once UNIQUE (ranking_id, image_id),
  FOREIGN KEY (image_id, image_side) REFERENCES image (id, side),
  CONSTRAINT ranking_entry_holdout CHECK ((image_side = 'holdout') = (slice = 'holdout')),
  CONSTRAINT ranking_entry_holdout_blind CHECK (image_side = 'pool' OR blind),
  CONSTRAINT ranking_entry_random_probability CHECK (slice <> 'random' OR probability IS NOT NULL)
);

-- One image given to one annotator, with why: kept for ever.
CREATE TABLE task (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  project_id bigint NOT NULL REFERENCES project,
  image_id bigint NOT NULL,
  image_side text NOT NULL,
  principal_id bigint NOT NULL REFERENCES principal,
  lease_number bigint NOT NULL,
  ranking_id bigint NOT NULL REFERENCES ranking,
  position bigint NOT NULL,
  slice text NOT NULL,
  score double precision,
  probability double precision,
  blind boolean NOT NULL,
  -- The model whose boxes were shown; NULL when none were.
  shown_model_id bigint REFERENCES model,
  state text NOT NULL CHECK (state IN ('leased', 'answered', 'skipped', 'released', 'expired')),
  revision_id bigint,
  created_at timestamptz NOT NULL DEFAULT now(),
  ended_at timestamptz,
  FOREIGN KEY (image_id, image_side) REFERENCES image (id, side),
  CONSTRAINT task_ended_at CHECK ((state = 'leased') = (ended_at IS NULL)),
  CONSTRAINT task_revision CHECK ((state = 'answered') = (revision_id IS NOT NULL)),
  CONSTRAINT task_blind CHECK (NOT blind OR shown_model_id IS NULL),
  CONSTRAINT task_holdout_blind CHECK (image_side = 'pool' OR blind)
);
CREATE INDEX task_image ON task (image_id);
CREATE INDEX task_skipped ON task (ranking_id, principal_id, image_id) WHERE state = 'skipped';

CREATE SEQUENCE lease_number;

-- The primary key is what is leased, so that nothing is ever leased twice for one purpose.
CREATE TABLE lease (
  purpose text NOT NULL CHECK (purpose IN ('label', 'job')),
  -- An image's id or a job's.
  subject_id bigint NOT NULL,
  number bigint NOT NULL UNIQUE DEFAULT nextval('lease_number'),
  task_id bigint REFERENCES task,
  holder_id bigint NOT NULL REFERENCES principal,
  -- A worker's name for itself; empty for annotators.
  holder_name text NOT NULL DEFAULT '',
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (purpose, subject_id),
  CONSTRAINT lease_task CHECK ((purpose = 'label') = (task_id IS NOT NULL))
);
CREATE INDEX lease_expires_at ON lease (expires_at);

CREATE TABLE job (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  round_id bigint NOT NULL REFERENCES round,
  kind text NOT NULL CHECK (kind IN ('train', 'evaluate', 'predict')),
  state text NOT NULL CHECK (state IN ('waiting', 'done', 'failed', 'cancelled')),
  -- The model that predicts; NULL for a training.
  model_id bigint REFERENCES model,
  -- A prediction's images: of the pool, or of the labelled holdout, with ids in this range.
  first_image_id bigint,
  last_image_id bigint,
  images bigint NOT NULL DEFAULT 0,
  -- Leases since it last went forward; a worker that gives the job back takes its own off.
  attempts int NOT NULL DEFAULT 0,
  -- How often a worker failed at it for a reason that may pass.
  transient_failures int NOT NULL DEFAULT 0,
  -- loupe.v1.JobProgress as last reported.
  progress bytea,
  checkpoint_sha256 bytea CHECK (octet_length(checkpoint_sha256) = 32),
  checkpoint_iteration bigint NOT NULL DEFAULT 0,
  -- The lease under which it was ended, so that a repeated CompleteJob is answered alike.
  ended_lease bigint,
  error text,
  created_at timestamptz NOT NULL DEFAULT now(),
  ended_at timestamptz,
  CONSTRAINT job_ended_at CHECK ((state = 'waiting') = (ended_at IS NULL)),
  CONSTRAINT job_error CHECK ((state = 'failed') = (error IS NOT NULL)),
  CONSTRAINT job_model CHECK ((kind = 'train') = (model_id IS NULL)),
  CONSTRAINT job_range CHECK ((kind = 'train') = (first_image_id IS NULL)
                              AND (first_image_id IS NULL) = (last_image_id IS NULL)),
  CONSTRAINT job_checkpoint CHECK ((checkpoint_iteration > 0) = (checkpoint_sha256 IS NOT NULL))
);
CREATE INDEX job_round ON job (round_id);
CREATE INDEX job_waiting ON job (id) WHERE state = 'waiting';
-- Making the jobs of a step twice makes them once.
CREATE UNIQUE INDEX job_once ON job (round_id, kind, coalesce(model_id, 0), coalesce(first_image_id, 0));

-- The truth, append-only: one row each time somebody said what an image holds.
CREATE TABLE label_revision (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  image_id bigint NOT NULL REFERENCES image,
  -- From 1 in each image.
  number int NOT NULL CHECK (number >= 1),
  source text NOT NULL CHECK (source IN ('task', 'import')),
  author_id bigint NOT NULL REFERENCES principal,
  task_id bigint REFERENCES task,
  blind boolean NOT NULL,
  late boolean NOT NULL,
  spent_ms int NOT NULL CHECK (spent_ms >= 0),
  created_at timestamptz NOT NULL,
  previous_hash bytea NOT NULL CHECK (octet_length(previous_hash) = 32),
  hash bytea NOT NULL CHECK (octet_length(hash) = 32),
  UNIQUE (image_id, number),
  CONSTRAINT label_revision_task CHECK ((source = 'task') = (task_id IS NOT NULL))
);
-- One correction a task.
CREATE UNIQUE INDEX label_revision_task_once ON label_revision (task_id) WHERE task_id IS NOT NULL;
ALTER TABLE image ADD FOREIGN KEY (head_revision_id) REFERENCES label_revision;
ALTER TABLE task ADD FOREIGN KEY (revision_id) REFERENCES label_revision;

CREATE SEQUENCE box_identity;

CREATE TABLE label_box (
  revision_id bigint NOT NULL REFERENCES label_revision,
  -- Place in the revision, from 0.
  ordinal int NOT NULL CHECK (ordinal >= 0),
  -- The box's identity over revisions.
  box_id bigint NOT NULL,
  label int NOT NULL CHECK (label >= 1),
  x1 real NOT NULL,
  y1 real NOT NULL,
  x2 real NOT NULL,
  y2 real NOT NULL,
  origin text NOT NULL CHECK (origin IN ('drawn', 'accepted', 'adjusted', 'relabelled', 'imported')),
  ignore boolean NOT NULL,
  -- The predicted box it was made from.
  predicted_index int,
  PRIMARY KEY (revision_id, ordinal),
  CONSTRAINT label_box_corners CHECK (0 <= x1 AND x1 < x2 AND x2 < 'infinity' AND 0 <= y1 AND y1 < y2
                                      AND y2 < 'infinity'),
  -- Truth holds no box that no person confirmed.
  CONSTRAINT label_box_origin CHECK ((origin IN ('accepted', 'adjusted', 'relabelled')) = (predicted_index IS NOT NULL))
);

-- Predicted boxes that were shown and that the annotator removed.
CREATE TABLE rejection (
  revision_id bigint NOT NULL REFERENCES label_revision,
  predicted_index int NOT NULL CHECK (predicted_index >= 0),
  label int NOT NULL,
  score real NOT NULL,
  x1 real NOT NULL,
  y1 real NOT NULL,
  x2 real NOT NULL,
  y2 real NOT NULL,
  PRIMARY KEY (revision_id, predicted_index)
);

CREATE TABLE snapshot_item (
  snapshot_id bigint NOT NULL REFERENCES snapshot,
  image_id bigint NOT NULL,
  image_side text NOT NULL DEFAULT 'pool',
  revision_id bigint NOT NULL REFERENCES label_revision,
  PRIMARY KEY (snapshot_id, image_id),
  FOREIGN KEY (image_id, image_side) REFERENCES image (id, side),
  CONSTRAINT snapshot_item_never_holdout CHECK (image_side = 'pool')
);
CREATE INDEX snapshot_item_image ON snapshot_item (image_id);

-- An image as the protocol shows it: the columns of v1.Image in one order, and what selects them.
CREATE VIEW shown_image AS
  SELECT image.id, image.sha256, image.file_name, image.width, image.height, image.size_bytes, image.media_type,
         image.sampling_key, coalesce(image.group_name, '') AS group_name, image.side,
         coalesce(head.number, 0) AS revisions, image.project_id, image.head_revision_id
  FROM image LEFT JOIN label_revision head ON head.id = image.head_revision_id;
