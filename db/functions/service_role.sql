-- Lets the role `loupe_service` do what a coordinator does, and no more: it adds to the history of labels and
-- can't change it. Makes the role if it is missing. Idempotent; what a release before granted goes.
-- Requires: the caller owns the tables, and may make roles if this one is missing.
--
-- A table may be read and added to. What may be changed and deleted beyond that is listed here. Some tables
-- may be changed in those columns alone that the history doesn't rest on; chain_revision() adds the revisions
-- of an image, and moves the end of its history.
CREATE OR REPLACE FUNCTION prepare_service_role() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'loupe_service') THEN
    BEGIN
      CREATE ROLE loupe_service LOGIN;
    EXCEPTION WHEN duplicate_object OR unique_violation THEN
      NULL;  -- made meanwhile, for another database of this server
    END;
  END IF;
  REVOKE ALL ON ALL TABLES IN SCHEMA public, provenance FROM loupe_service;
  GRANT USAGE ON SCHEMA public, provenance TO loupe_service;
  GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA public TO loupe_service;
  GRANT SELECT ON ALL TABLES IN SCHEMA provenance TO loupe_service;
  GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO loupe_service;
  GRANT EXECUTE ON FUNCTION chain_revision TO loupe_service;
  REVOKE INSERT ON schema_migration, schema_function, label_revision FROM loupe_service;
  GRANT UPDATE, DELETE
    ON curve_point, gold_image, guidelines, ignored_region, image_change, image_facet, image_score_state, job,
       kept_answer, label_count, label_count_state, label_error, lease, login_link, prediction, project,
       pseudo_label, ranking, ranking_entry, removed_image, request, reviewer_judged, reviewer_pause, round,
       session, task_request, training_point, upload, upload_part, worker
    TO loupe_service;
  GRANT UPDATE (name, retired_at, color, key) ON class TO loupe_service;
  GRANT UPDATE (state, replaced_id) ON model TO loupe_service;
  GRANT UPDATE (state, state_reason, state_round_id, file_name, group_name, perceptual_hash, brightness)
    ON image TO loupe_service;
  GRANT UPDATE (state, ended_at, revision_id, skip_reason) ON task TO loupe_service;
  GRANT UPDATE (revoked_at) ON principal TO loupe_service;
  GRANT UPDATE (undone_by, undone_at) ON withdrawal TO loupe_service;
  GRANT UPDATE (images, boxes, spent_ms, timed_images, pseudo_labels, hash) ON snapshot TO loupe_service;
END $$;
