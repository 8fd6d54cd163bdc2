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
-- From where a box's identity leads back to the task that showed it.
CREATE INDEX label_box_shown_identity ON label_box (box_id) WHERE shown_ordinal IS NOT NULL;
