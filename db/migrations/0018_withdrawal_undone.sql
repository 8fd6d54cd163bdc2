-- Withdrawals that have a number and can be undone, and counts of labels (db/functions/label_count.sql).

-- What somebody took back by one call.
CREATE TABLE withdrawal (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  project_id bigint NOT NULL REFERENCES project,
  withdrawn_by bigint NOT NULL REFERENCES principal,
  created_at timestamptz NOT NULL DEFAULT now(),
  -- Which labels were asked for. NULL: whoever, whatever, whenever.
  author_id bigint REFERENCES principal,
  model_id bigint REFERENCES model,
  begins timestamptz,
  ends timestamptz,
  undone_by bigint REFERENCES principal,
  undone_at timestamptz,
  CONSTRAINT withdrawal_undone CHECK ((undone_by IS NULL) = (undone_at IS NULL))
);
CREATE INDEX withdrawal_project ON withdrawal (project_id, id);

-- The revisions that it wrote, and those that its undoing wrote.
CREATE TABLE withdrawal_revision (
  revision_id bigint PRIMARY KEY REFERENCES label_revision,
  withdrawal_id bigint NOT NULL REFERENCES withdrawal
);

-- Withdrawals from before had no row. What one transaction wrote belongs together.
CREATE TEMP TABLE earlier ON COMMIT DROP AS
  SELECT taken.id, taken.author_id, taken.created_at, image.project_id, taken.xmin::text AS transaction_id
  FROM label_revision taken JOIN image ON image.id = taken.image_id
  WHERE taken.standing = 'withdrawn';
INSERT INTO withdrawal (project_id, withdrawn_by, created_at)
SELECT project_id, author_id, min(created_at) FROM earlier GROUP BY project_id, author_id, transaction_id
ORDER BY min(created_at);
INSERT INTO withdrawal_revision
SELECT earlier.id, withdrawal.id
FROM earlier
JOIN (SELECT project_id, author_id, transaction_id, min(created_at) AS began
      FROM earlier GROUP BY project_id, author_id, transaction_id) one
  USING (project_id, author_id, transaction_id)
JOIN withdrawal ON withdrawal.project_id = one.project_id AND withdrawal.withdrawn_by = one.author_id
               AND withdrawal.created_at = one.began;
CREATE INDEX withdrawal_revision_withdrawal ON withdrawal_revision (withdrawal_id);

ALTER TABLE label_revision
  DROP CONSTRAINT label_revision_standing,
  -- restored: it gives back what was withdrawn.
  ADD CONSTRAINT label_revision_standing CHECK (standing IN ('truth', 'late', 'withdrawn', 'restored')),
  DROP CONSTRAINT label_revision_source,
  ADD CONSTRAINT label_revision_source CHECK (source IN ('task', 'import', 'reopen', 'withdraw', 'restore')),
  DROP CONSTRAINT label_revision_withdraws,
  ADD CONSTRAINT label_revision_withdraws
    CHECK ((source = 'withdraw') = (standing = 'withdrawn') AND (source = 'restore') = (standing = 'restored')
           AND (source NOT IN ('withdraw', 'restore') OR based_on IS NOT NULL));
DROP INDEX label_revision_withdrawn;
CREATE INDEX label_revision_marks ON label_revision (based_on, id)
  WHERE standing IN ('withdrawn', 'restored');

-- Revisions that withdraw what was not restored since.
CREATE VIEW standing_withdrawal AS
  SELECT * FROM label_revision taken
  WHERE standing = 'withdrawn'
    AND NOT EXISTS (SELECT FROM label_revision restored
                    WHERE restored.based_on = taken.based_on AND restored.standing = 'restored'
                      AND restored.id > taken.id);
CREATE OR REPLACE VIEW standing_label AS
  SELECT * FROM label_revision revision
  WHERE standing = 'truth'
    AND NOT EXISTS (SELECT FROM standing_withdrawal WHERE standing_withdrawal.based_on = revision.id);

-- The functions for withdrawals have other parameters now.
DROP FUNCTION IF EXISTS withdraw_labels(bigint, bigint[], bigint);
DROP FUNCTION IF EXISTS standing_truth(bigint, bigint[]);

-- Sums over the label revisions up to label_count_state.counted_id.
CREATE TABLE label_count (
  project_id bigint NOT NULL REFERENCES project,
  -- time: `begins` is an hour and key is 0; reviewer: a day, a principal; class: a day, a label.
  subject text NOT NULL CHECK (subject IN ('time', 'reviewer', 'class')),
  -- When the revision was written, UTC.
  begins timestamptz NOT NULL,
  key bigint NOT NULL,
  -- What is counted, and of which kind: revision (blind, shown or import), spent_ms, box (by origin, without
  -- regions to ignore) or outcome (of shown boxes).
  fact text NOT NULL,
  name text NOT NULL,
  -- In all revisions of images that were not removed, and in those of them that are the truth.
  written bigint NOT NULL,
  truth bigint NOT NULL,
  PRIMARY KEY (project_id, subject, begins, key, fact, name)
);
-- One row.
CREATE TABLE label_count_state (
  counted_id bigint NOT NULL,
  -- No revision up to this one is still to come, once no transaction before settled_xid runs.
  settled_id bigint NOT NULL,
  settled_xid xid8 NOT NULL
);
INSERT INTO label_count_state VALUES (0, 0, '0');
-- Images that were removed since the last sums.
CREATE TABLE removed_image (image_id bigint PRIMARY KEY REFERENCES image);
