-- Tasks, truth and history, as one design for what shares them (docs/adr/0014): corrections of corrections,
-- answers that come too late, pictures that can't be used. It rewrites the rows of labelled images alone.

-- The end of an image's history (head) and its truth part: a late answer is kept without becoming the truth.
ALTER TABLE image
  ADD truth_revision_id bigint,
  -- set_aside: the picture can't be used. excluded: a person left it out. removed: its pixels are gone.
  ADD state text NOT NULL DEFAULT 'usable'
    CONSTRAINT image_state CHECK (state IN ('usable', 'set_aside', 'excluded', 'removed')),
  ADD state_reason text,
  -- The round that set it aside.
  ADD state_round_id bigint REFERENCES round,
  ADD CONSTRAINT image_state_reason CHECK ((state = 'usable') = (state_reason IS NULL)
                                           AND (state = 'set_aside' OR state_round_id IS NULL)),
  DROP CONSTRAINT image_media_type_check,
  ADD CONSTRAINT image_media_type
    CHECK (media_type IN ('image/jpeg', 'image/png', 'image/bmp', 'image/tiff', 'image/webp')),
  DROP CONSTRAINT image_file_name_check,
  ADD CONSTRAINT image_file_name CHECK (CASE WHEN state = 'removed' THEN file_name = ''
                                             ELSE length(file_name) BETWEEN 1 AND 1000 END);
UPDATE image SET truth_revision_id = head_revision_id WHERE head_revision_id IS NOT NULL;
ALTER TABLE image ADD CONSTRAINT image_truth_revision
  FOREIGN KEY (truth_revision_id, id) REFERENCES label_revision (id, image_id);
CREATE INDEX image_sha256 ON image (sha256);
CREATE INDEX image_state_round ON image (state_round_id) WHERE state_round_id IS NOT NULL;
CREATE INDEX image_unusable ON image (project_id, id) WHERE state <> 'usable';

-- Identities of boxes are told by the client, no longer guessed from their overlap.
DROP FUNCTION IF EXISTS box_iou(box, box);
-- What coordinators of two releases before called.
DROP FUNCTION IF EXISTS answer_task;

-- An image as the protocol shows it.
DROP VIEW shown_image;
CREATE VIEW shown_image AS
  SELECT image.id, image.sha256, image.file_name, image.width, image.height, image.size_bytes,
         image.media_type, image.sampling_key, coalesce(image.group_name, '') AS group_name, image.side,
         coalesce(head.number, 0) AS revisions, image.project_id, image.head_revision_id,
         image.truth_revision_id, image.state AS image_state,
         coalesce(image.state_reason, '') AS state_reason
  FROM image LEFT JOIN label_revision head ON head.id = image.head_revision_id;

-- Images that are predicted, ranked, served, trained on and judged with.
CREATE VIEW usable_image AS SELECT * FROM image WHERE state = 'usable';

-- A wish that an image be served again outside the ranking.
CREATE TABLE task_request (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  project_id bigint NOT NULL REFERENCES project,
  image_id bigint NOT NULL,
  image_side text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('reopen')),
  -- Who is to answer it; NULL: anybody who may.
  target_id bigint REFERENCES principal,
  state text NOT NULL CHECK (state IN ('open', 'answered', 'cancelled')),
  created_by bigint NOT NULL REFERENCES principal,
  created_at timestamptz NOT NULL DEFAULT now(),
  ended_at timestamptz,
  FOREIGN KEY (image_id, image_side) REFERENCES image (id, side),
  CONSTRAINT task_request_ended_at CHECK ((state = 'open') = (ended_at IS NULL))
);
CREATE INDEX task_request_image ON task_request (image_id);

-- A task comes from a ranking or from a request.
ALTER TABLE task
  ADD kind text NOT NULL DEFAULT 'ranked' CONSTRAINT task_kind CHECK (kind IN ('ranked', 'reopen')),
  ADD request_id bigint REFERENCES task_request,
  -- The image's truth when the task was served: what it answers on top of. NULL: the image had none.
  ADD based_on bigint,
  ADD skip_reason text,
  ALTER ranking_id DROP NOT NULL,
  ALTER position DROP NOT NULL,
  ALTER slice DROP NOT NULL,
  ADD CONSTRAINT task_ranking CHECK ((kind = 'ranked') = (ranking_id IS NOT NULL)
                                     AND (ranking_id IS NULL) = (position IS NULL)
                                     AND (ranking_id IS NULL) = (slice IS NULL)),
  ADD CONSTRAINT task_request_of_kind CHECK ((kind = 'ranked') = (request_id IS NULL)),
  ADD CONSTRAINT task_based_on FOREIGN KEY (based_on, image_id) REFERENCES label_revision (id, image_id);
-- A person's open tasks, and when that person last answered one.
CREATE INDEX task_leased ON task (principal_id, id) WHERE state = 'leased';
CREATE INDEX task_answered ON task (principal_id, ended_at) WHERE state = 'answered';

-- Predicted boxes as a task showed them, kept for ever.
CREATE TABLE shown_box (
  task_id bigint NOT NULL REFERENCES task,
  -- Place in the task, from 0. Corrections refer to the box by it.
  ordinal int NOT NULL CHECK (ordinal >= 0),
  model_id bigint NOT NULL REFERENCES model,
  -- Place in the model's prediction, from 0.
  prediction_index int NOT NULL CHECK (prediction_index >= 0),
  label int NOT NULL,
  x1 real NOT NULL,
  y1 real NOT NULL,
  x2 real NOT NULL,
  y2 real NOT NULL,
  score real NOT NULL,
  PRIMARY KEY (task_id, ordinal)
);
INSERT INTO shown_box
SELECT task.id, place - 1, task.shown_model_id, place - 1, labels[place], corners[4 * place - 3],
       corners[4 * place - 2], corners[4 * place - 1], corners[4 * place], scores[place]
FROM task
JOIN prediction ON prediction.model_id = task.shown_model_id AND prediction.image_id = task.image_id,
     generate_subscripts(scores, 1) place
WHERE scores[place] >= 0.3::real;

ALTER TABLE label_revision
  -- What the revision was when it was written. truth: from then on the image's whole truth. late: an answer
  -- to a truth that had changed since the task was served; kept beside the truth.
  ADD standing text NOT NULL DEFAULT 'truth'
    CONSTRAINT label_revision_standing CHECK (standing IN ('truth', 'late')),
  -- The revision that it corrects: the image's truth when its task was served.
  ADD based_on bigint,
  -- Which functions computed the hash (db/functions/revision_hash.sql).
  ADD hash_version smallint NOT NULL DEFAULT 1,
  ADD client text NOT NULL DEFAULT '' CHECK (length(client) <= 100),
  ADD note text NOT NULL DEFAULT '' CHECK (length(note) <= 2000),
  ADD flags text[] NOT NULL DEFAULT '{}',
  DROP CONSTRAINT label_revision_source_check,
  ADD CONSTRAINT label_revision_source CHECK (source IN ('task', 'import', 'reopen')),
  DROP CONSTRAINT label_revision_task,
  ADD CONSTRAINT label_revision_task CHECK ((source IN ('task', 'reopen')) = (task_id IS NOT NULL)),
  ADD CONSTRAINT label_revision_based_on
    FOREIGN KEY (based_on, image_id) REFERENCES label_revision (id, image_id);

-- The place in the task of the shown box that a box was made from. Until now all shown boxes were the first
-- of a prediction, so the numbers stay.
ALTER TABLE label_box RENAME predicted_index TO shown_ordinal;
ALTER TABLE label_box
  -- Time that the person spent on the box, in milliseconds. NULL: not known.
  ADD spent_ms int CHECK (spent_ms >= 0),
  DROP CONSTRAINT label_box_origin_check,
  ADD CONSTRAINT label_box_origin_known
    CHECK (origin IN ('drawn', 'accepted', 'adjusted', 'relabelled', 'copied', 'imported')),
  -- A reopened answer keeps the origins of its boxes, and its task shows no predictions.
  DROP CONSTRAINT label_box_origin,
  ADD CONSTRAINT label_box_shown
    CHECK (shown_ordinal IS NULL OR origin IN ('accepted', 'adjusted', 'relabelled')),
  -- The hash of a revision is computed from its stored boxes, so they are written first.
  ALTER CONSTRAINT label_box_revision_id_fkey DEFERRABLE INITIALLY DEFERRED;

-- What a correction made of each box that its task showed. It takes the place of `rejection`, which is kept
-- since the hashes of version 1 cover it.
CREATE TABLE outcome (
  revision_id bigint NOT NULL REFERENCES label_revision,
  shown_ordinal int NOT NULL CHECK (shown_ordinal >= 0),
  -- rejected: by the person's act. dropped: left untouched when the correction was sent. hidden: by a
  -- threshold.
  outcome text NOT NULL
    CHECK (outcome IN ('accepted', 'adjusted', 'relabelled', 'rejected', 'dropped', 'hidden')),
  PRIMARY KEY (revision_id, shown_ordinal)
);
INSERT INTO outcome
SELECT revision_id, shown_ordinal, origin FROM label_box WHERE shown_ordinal IS NOT NULL
UNION ALL SELECT revision_id, predicted_index, 'rejected' FROM rejection;
ALTER TABLE outcome ALTER CONSTRAINT outcome_revision_id_fkey DEFERRABLE INITIALLY DEFERRED;
