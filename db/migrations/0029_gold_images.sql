-- Gold images: those whose truth an engineer vouches for. Errors are planted over them, however they were
-- labelled.
CREATE TABLE gold_image (
  image_id bigint PRIMARY KEY REFERENCES image,
  -- The truth that is vouched for. Another truth of the image isn't.
  revision_id bigint NOT NULL REFERENCES label_revision,
  set_by bigint NOT NULL REFERENCES principal,
  set_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX task_planted ON task (principal_id, id) WHERE kind = 'planted';
