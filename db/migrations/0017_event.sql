-- What happened to labels, images' states and serving models, for readers that follow it
-- (db/lineage/event_log.h).

CREATE TABLE event (
  project_id bigint NOT NULL,
  -- Taken while the image's, or the model's, row is locked: in order of id, the events of an image are in
  -- their true order.
  id bigint GENERATED ALWAYS AS IDENTITY,
  -- The transaction that wrote it. Readers read below the oldest one that still runs, so that they miss
  -- nothing that is committed later.
  txid xid8 NOT NULL DEFAULT pg_current_xact_id(),
  kind text NOT NULL CHECK (kind IN ('revision_added', 'image_state_changed', 'model_served')),
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  -- NULL: the coordinator did it by itself.
  author_id bigint,
  image_id bigint,
  revision_id bigint,
  -- The image's truth (a revision) or the serving model, before and after. NULL: none.
  before_id bigint,
  after_id bigint,
  state_before text,
  state_after text,
  PRIMARY KEY (project_id, id),
  -- Without foreign keys: who writes an event holds these rows, and each key would cost an answer a look-up.
  CONSTRAINT event_image CHECK ((kind = 'model_served') = (image_id IS NULL)),
  CONSTRAINT event_revision CHECK ((kind = 'revision_added') = (revision_id IS NOT NULL)),
  CONSTRAINT event_model CHECK (kind <> 'model_served' OR after_id IS NOT NULL),
  CONSTRAINT event_state CHECK ((kind = 'image_state_changed') = (state_before IS NOT NULL)
                                AND (state_before IS NULL) = (state_after IS NULL))
);
CREATE INDEX event_txid ON event (project_id, txid, id);
