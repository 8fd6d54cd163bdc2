-- The schema of the views in db/functions/provenance_views.sql, and the indexes that their conditions go by.

-- It may be there already, made by an administrator for an owner who may not.
CREATE SCHEMA IF NOT EXISTS provenance;
COMMENT ON SCHEMA provenance IS
  'Where every label came from, for psql and dashboards. The manual is docs/provenance.md.';

-- The revisions of a box, also of one that no shown box led to.
DROP INDEX label_box_shown_identity;
CREATE INDEX label_box_identity ON label_box (box_id, revision_id);
-- Labels of a person, and of a time.
CREATE INDEX label_revision_author ON label_revision (author_id, created_at);
CREATE INDEX label_revision_created_at ON label_revision (created_at);
-- What a model predicted and people were shown. Rows come in the order of time, in which models change
-- seldom, so ranges of pages tell them apart; it costs a claim nothing.
CREATE INDEX shown_box_model ON shown_box USING brin (model_id int8_minmax_multi_ops)
  WITH (pages_per_range = 32, autosummarize = on);
