-- The position of a ranking's first entry, from `begin_at` on, whose image is usable, not labelled and given
-- to nobody. If there is none, it is one past the last position. The SET clauses: as in claim_tasks.
CREATE OR REPLACE FUNCTION first_open_position(the_ranking bigint, begin_at bigint)
RETURNS bigint LANGUAGE plpgsql STABLE
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off
SET enable_sort = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
BEGIN
  RETURN coalesce((SELECT position FROM ranking_entry
                   JOIN usable_image image ON image.id = image_id AND truth_revision_id IS NULL
                   WHERE ranking_id = the_ranking AND position >= begin_at
                     AND NOT EXISTS (SELECT FROM task_request
                                     WHERE image_id = image.id AND kind = 'assigned'
                                       AND task_request.state = 'open')
                   ORDER BY position LIMIT 1),
                  (SELECT max(position) + 1 FROM ranking_entry WHERE ranking_id = the_ranking),
                  0);
END $$;
