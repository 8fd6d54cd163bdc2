-- Boxes that a model would bet on, of one round's training alone; apart from label history, which never reads them.

CREATE TABLE pseudo_label (
  snapshot_id bigint NOT NULL REFERENCES snapshot,
  image_id bigint NOT NULL,
  image_side text NOT NULL DEFAULT 'pool',
  -- As prediction.corners.
  corners real[] NOT NULL,
  -- 0: a region to ignore.
  labels smallint[] NOT NULL CHECK (cardinality(corners) = 4 * cardinality(labels)),
  PRIMARY KEY (snapshot_id, image_id),
  FOREIGN KEY (image_id, image_side) REFERENCES image (id, side),
  CONSTRAINT pseudo_label_never_holdout CHECK (image_side = 'pool')
);
CREATE INDEX pseudo_label_image ON pseudo_label (image_id);

-- loupe.v1.PseudoLabels. NULL: the round asks for none, or has not started.
ALTER TABLE snapshot ADD pseudo_labels bytea;
