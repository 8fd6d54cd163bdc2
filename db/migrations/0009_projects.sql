-- Projects that change (classes that are added and retired, guidelines) and that are deleted; tokens that
-- expire; what a model saw in the mirrored image (docs/adr/0014).

ALTER TABLE class
  -- -infinity: it came with the project.
  ADD created_at timestamptz NOT NULL DEFAULT '-infinity',
  -- From then on its boxes are kept, and neither offered nor trained on nor judged.
  ADD retired_at timestamptz;

-- Boxes of classes that are in use.
CREATE VIEW usable_box AS
  SELECT label_box.*, class.project_id FROM label_box JOIN class USING (label) WHERE retired_at IS NULL;

-- How many classes the project had when the labels were frozen, and how many the weights know. Outputs of a
-- model are labels from 1 to this. NULL: the classes that came with the project.
ALTER TABLE snapshot ADD class_count int CHECK (class_count >= 1);
ALTER TABLE model ADD class_count int CHECK (class_count >= 1);

-- Where the serving model saw boxes of classes that an image's truth didn't know yet. A round ignores them.
CREATE TABLE ignored_region (
  snapshot_id bigint NOT NULL,
  image_id bigint NOT NULL,
  -- As prediction.corners.
  corners real[] NOT NULL,
  PRIMARY KEY (snapshot_id, image_id),
  FOREIGN KEY (snapshot_id, image_id) REFERENCES snapshot_item (snapshot_id, image_id)
);

-- class_added: the image was labelled before the class was there.
ALTER TABLE task_request
  ADD class_label int,
  DROP CONSTRAINT task_request_kind_check,
  ADD CONSTRAINT task_request_kind CHECK (kind IN ('reopen', 'class_added')),
  ADD CONSTRAINT task_request_class CHECK ((kind = 'class_added') = (class_label IS NOT NULL)),
  ADD FOREIGN KEY (project_id, class_label) REFERENCES class (project_id, label);
CREATE UNIQUE INDEX task_request_open_class ON task_request (image_id, class_label)
  WHERE state = 'open' AND kind = 'class_added';
CREATE INDEX task_request_queue ON task_request (project_id, id)
  WHERE state = 'open' AND kind = 'class_added';
ALTER TABLE task
  DROP CONSTRAINT task_kind,
  ADD CONSTRAINT task_kind CHECK (kind IN ('ranked', 'reopen', 'class_added'));
CREATE INDEX task_of_request ON task (request_id) WHERE request_id IS NOT NULL;

-- The name of a deleted project is free again; its row stays, since the history of labels refers to it.
ALTER TABLE project
  ADD deleted_at timestamptz,
  DROP CONSTRAINT project_name_key;
CREATE UNIQUE INDEX project_name ON project (name) WHERE deleted_at IS NULL;

-- Levels of pictures with 16 bits that are black and white.
ALTER TABLE project
  ADD intensity_low int NOT NULL DEFAULT 0,
  ADD intensity_high int NOT NULL DEFAULT 65535,
  ADD CONSTRAINT project_intensity
    CHECK (0 <= intensity_low AND intensity_low < intensity_high AND intensity_high <= 65535);

-- How people are to label, in versions from 1. A task falls under the version that was there when it was
-- served.
CREATE TABLE guidelines (
  project_id bigint NOT NULL REFERENCES project,
  version int NOT NULL CHECK (version >= 1),
  content text NOT NULL,
  author_id bigint NOT NULL REFERENCES principal,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (project_id, version)
);

-- NULL: it never expires.
ALTER TABLE principal ADD expires_at timestamptz;

-- As loupe.v1.ImagePrediction says; empty for predictions of releases before.
ALTER TABLE prediction ADD partner_corners real[] NOT NULL DEFAULT '{}'
  CONSTRAINT prediction_partners CHECK (cardinality(partner_corners) IN (0, cardinality(corners)));
