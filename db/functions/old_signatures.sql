-- What coordinators of the release before call, for the time in which both run. Remove it in the next
-- release.

CREATE OR REPLACE FUNCTION claim_tasks(the_ranking bigint, the_principal bigint, wanted int,
                                       lease_length interval)
RETURNS SETOF bigint LANGUAGE sql AS $$
  SELECT claim_tasks(the_ranking, the_principal, wanted, lease_length, false)
$$;

-- Its correction: boxes that name shown boxes by index; shown boxes that no box names count as dropped.
CREATE OR REPLACE FUNCTION submit_correction(
  corrected_task bigint, INOUT is_late boolean, the_spent_ms int,
  corners real[], labels int[], origins text[], ignores boolean[], predicted int[],
  rejected int[], rejected_labels int[], rejected_scores real[], rejected_corners real[],
  OUT the_revision bigint, OUT the_number int)
LANGUAGE plpgsql AS $$
DECLARE
  ended boolean := is_late;
  boxes int := cardinality(labels);
BEGIN
  SELECT added.the_revision, added.the_number INTO STRICT the_revision, the_number
  FROM submit_correction(
    corrected_task, ended, the_spent_ms, '', '', '{}', corners, labels, origins, ignores, predicted,
    array_fill(0::bigint, ARRAY[boxes]), array_fill(-1, ARRAY[boxes]),
    ARRAY(SELECT coalesce(origins[array_position(predicted, ordinal)], 'dropped')
          FROM shown_box WHERE task_id = corrected_task ORDER BY ordinal)) added;
  SELECT late INTO STRICT is_late FROM label_revision WHERE id = the_revision;
END $$;

-- Its import.
CREATE OR REPLACE FUNCTION append_revision(
  the_image bigint, the_source text, the_author bigint, the_task bigint, is_blind boolean,
  INOUT is_late boolean, the_spent_ms int,
  corners real[], labels int[], origins text[], ignores boolean[], predicted int[],
  rejected int[], rejected_labels int[], rejected_scores real[], rejected_corners real[],
  OUT the_revision bigint, OUT the_number int)
LANGUAGE plpgsql AS $$
BEGIN
  the_revision := import_revision(the_image, the_author, is_blind, true, corners, labels, ignores);
  SELECT number INTO STRICT the_number FROM label_revision WHERE id = the_revision;
END $$;
