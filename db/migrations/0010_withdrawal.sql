-- Labels that are taken back in bulk (docs/adr/0014): a revision without boxes that names the one that it takes
-- back.

ALTER TABLE label_revision
  DROP CONSTRAINT label_revision_standing,
  ADD CONSTRAINT label_revision_standing CHECK (standing IN ('truth', 'late', 'withdrawn')),
  DROP CONSTRAINT label_revision_source,
  ADD CONSTRAINT label_revision_source CHECK (source IN ('task', 'import', 'reopen', 'withdraw')),
  ADD CONSTRAINT label_revision_withdraws
    CHECK ((source = 'withdraw') = (standing = 'withdrawn') AND (source <> 'withdraw' OR based_on IS NOT NULL));
CREATE UNIQUE INDEX label_revision_withdrawn ON label_revision (based_on) WHERE standing = 'withdrawn';
-- Revisions that were written as the truth and not withdrawn since.
CREATE VIEW standing_label AS
  SELECT * FROM label_revision revision
  WHERE standing = 'truth'
    AND NOT EXISTS (SELECT FROM label_revision later
                    WHERE later.based_on = revision.id AND later.standing = 'withdrawn');
-- Predicted boxes that people judged: what their answers that stand made of them, also those that were corrected
-- since.
CREATE VIEW judged_box AS
  SELECT image.project_id, outcome.outcome
  FROM usable_image image
  JOIN standing_label revision ON revision.image_id = image.id
  JOIN outcome ON outcome.revision_id = revision.id;
-- From where a box's identity leads back to the task that showed it.
CREATE INDEX label_box_shown_identity ON label_box (box_id) WHERE shown_ordinal IS NOT NULL;
