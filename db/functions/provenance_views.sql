-- The views of the schema provenance: where every label came from, for psql and dashboards.
-- docs/provenance.md shows how to ask them.
--
-- People's queries depend on them. A further column comes after the others. For any other change, and before
-- a column of a table goes that a view reads, a migration drops the view and deletes this file's row from
-- schema_function.
--
-- Images that were removed and projects that were deleted appear in none of them.
--
-- A condition on project, image, box, reviewer, model or time must reach an index:
-- - No view has DISTINCT, a window function, LIMIT or GROUP BY.
-- - No more than eight tables are joined in one place (join_collapse_limit): the planner takes more in the
--   order in which they are written.
-- - What few queries ask for is a subquery in the list of columns. It costs nothing where it isn't asked for.
-- Readers have no rights on the tables. A view reads them with its owner's rights; a function that it calls
-- would read with the reader's, so none of them reads a table.

-- Intersection over union of two boxes.
CREATE OR REPLACE FUNCTION provenance.iou(ax1 real, ay1 real, ax2 real, ay2 real,
                                          bx1 real, by1 real, bx2 real, by2 real)
RETURNS double precision LANGUAGE sql IMMUTABLE AS $$
  SELECT overlap / ((ax2::float8 - ax1) * (ay2::float8 - ay1) + (bx2::float8 - bx1) * (by2::float8 - by1)
                    - overlap)
  FROM (SELECT greatest(least(ax2, bx2)::float8 - greatest(ax1, bx1), 0)
               * greatest(least(ay2, by2)::float8 - greatest(ay1, by1), 0)) AS shared (overlap)
$$;

CREATE OR REPLACE VIEW provenance.project AS
SELECT project.name AS project, project.created_at,
       ARRAY(SELECT name FROM class WHERE class.project_id = project.id ORDER BY label) AS classes
FROM project
WHERE project.deleted_at IS NULL;

CREATE OR REPLACE VIEW provenance.image AS
SELECT project.name AS project, image.id AS image_id, image.file_name, image.group_name, image.side,
       image.state AS image_state, image.state_reason, image.width, image.height,
       encode(image.sha256, 'hex') AS sha256, image.created_at AS imported_at,
       image.truth_revision_id IS NOT NULL AS labelled, image.truth_revision_id, truth.number AS revision,
       reviewer.name AS reviewer, truth.created_at, truth.blind,
       coalesce((SELECT number FROM label_revision WHERE id = image.head_revision_id), 0) AS revisions
FROM project
JOIN image ON image.project_id = project.id
LEFT JOIN label_revision truth ON truth.id = image.truth_revision_id AND truth.image_id = image.id
LEFT JOIN principal reviewer ON reviewer.id = truth.author_id
WHERE project.deleted_at IS NULL AND image.state <> 'removed';

CREATE OR REPLACE VIEW provenance.revision AS
SELECT project.name AS project, image.id AS image_id, image.file_name, image.side, image.state AS image_state,
       revision.id AS revision_id, revision.number AS revision, revision.source, revision.standing,
       image.truth_revision_id, coalesce(image.truth_revision_id = revision.id, false) AS is_truth,
       EXISTS (SELECT FROM standing_withdrawal later WHERE later.based_on = revision.id) AS is_withdrawn,
       reviewer.name AS reviewer, revision.created_at, revision.blind, revision.late, revision.spent_ms,
       revision.client, revision.note, revision.flags,
       (SELECT number FROM label_revision before WHERE before.id = revision.based_on) AS based_on,
       (SELECT count(*) FROM label_box WHERE revision_id = revision.id) AS boxes,
       revision.task_id, task.kind AS task_kind, task.created_at AS served_at,
       shown_model.number AS shown_model, ranking.generation, task.position, task.slice,
       task.score AS image_score, task.probability, ranked_model.number AS ranked_model,
       encode(revision.hash, 'hex') AS hash
FROM project
JOIN image ON image.project_id = project.id
JOIN label_revision revision ON revision.image_id = image.id
JOIN principal reviewer ON reviewer.id = revision.author_id
LEFT JOIN task ON task.id = revision.task_id
LEFT JOIN model shown_model ON shown_model.id = task.shown_model_id
LEFT JOIN ranking ON ranking.id = task.ranking_id
LEFT JOIN model ranked_model ON ranked_model.id = ranking.model_id
WHERE project.deleted_at IS NULL AND image.state <> 'removed';

CREATE OR REPLACE VIEW provenance.revision_box AS
SELECT project.name AS project, image.id AS image_id, image.file_name, image.side, image.state AS image_state,
       box.box_id, class.name AS class, box.label, box.x1, box.y1, box.x2, box.y2, box.ignore, box.origin,
       box.spent_ms, revision.id AS revision_id, revision.number AS revision, revision.source,
       revision.standing, image.truth_revision_id,
       coalesce(image.truth_revision_id = revision.id, false) AS is_truth, reviewer.name AS reviewer,
       revision.created_at, revision.blind, revision.late, revision.spent_ms AS image_spent_ms,
       revision.client, revision.task_id, task.kind AS task_kind, task.slice,
       (SELECT maker.name
        FROM label_box made
        JOIN label_revision ON label_revision.id = made.revision_id
        JOIN principal maker ON maker.id = label_revision.author_id
        WHERE made.box_id = box.box_id ORDER BY made.revision_id LIMIT 1) AS made_by,
       (SELECT label_revision.created_at
        FROM label_box made JOIN label_revision ON label_revision.id = made.revision_id
        WHERE made.box_id = box.box_id ORDER BY made.revision_id LIMIT 1) AS made_at
FROM project
JOIN image ON image.project_id = project.id
JOIN label_revision revision ON revision.image_id = image.id
JOIN principal reviewer ON reviewer.id = revision.author_id
JOIN label_box box ON box.revision_id = revision.id
JOIN class ON class.project_id = project.id AND class.label = box.label
LEFT JOIN task ON task.id = revision.task_id
WHERE project.deleted_at IS NULL AND image.state <> 'removed';

CREATE OR REPLACE VIEW provenance.box AS
SELECT project, image_id, file_name, side, image_state, box_id, class, label, x1, y1, x2, y2, ignore, origin,
       spent_ms, revision_id, revision, source, reviewer, created_at, blind, image_spent_ms, client, task_id,
       task_kind, slice, made_by, made_at
FROM provenance.revision_box
WHERE revision_id = truth_revision_id;

-- `made`: the box as it came out of the task that showed the predicted box. In histories from before
-- migration 8 a box may have come out of several tasks: its own revision's goes first, then the latest.
CREATE OR REPLACE VIEW provenance.box_from_prediction AS
SELECT project.name AS project, image.id AS image_id, image.file_name, image.side, image.state AS image_state,
       box.box_id, class.name AS class, box.label, box.x1, box.y1, box.x2, box.y2, box.ignore, box.origin,
       box.spent_ms, box.revision_id,
       (SELECT number FROM label_revision WHERE label_revision.id = box.revision_id) AS revision,
       model.number AS model, model.name AS model_name, shown.score,
       (SELECT name FROM class
        WHERE class.project_id = model.project_id AND class.label = shown.label) AS predicted_class,
       shown.x1 AS predicted_x1, shown.y1 AS predicted_y1, shown.x2 AS predicted_x2,
       shown.y2 AS predicted_y2, shown.prediction_index,
       provenance.iou(box.x1, box.y1, box.x2, box.y2, shown.x1, shown.y1, shown.x2, shown.y2) AS iou,
       outcome.outcome, answered_by.name AS answered_by, answer.created_at AS answered_at, answer.client,
       answer.spent_ms AS image_spent_ms, answer.task_id,
       (SELECT slice FROM task WHERE task.id = answer.task_id) AS slice
FROM project
JOIN image ON image.project_id = project.id
JOIN label_revision answer ON answer.image_id = image.id
JOIN principal answered_by ON answered_by.id = answer.author_id
JOIN label_box made ON made.revision_id = answer.id
JOIN shown_box shown ON shown.task_id = answer.task_id AND shown.ordinal = made.shown_ordinal
JOIN model ON model.id = shown.model_id
JOIN label_box box ON box.box_id = made.box_id AND box.revision_id = image.truth_revision_id
JOIN outcome ON outcome.revision_id = made.revision_id AND outcome.shown_ordinal = made.shown_ordinal
JOIN class ON class.project_id = project.id AND class.label = box.label
WHERE project.deleted_at IS NULL AND image.state <> 'removed'
  AND (made.revision_id = box.revision_id
       OR NOT EXISTS (SELECT FROM label_box later
                      WHERE later.box_id = made.box_id AND later.revision_id > made.revision_id
                        AND later.shown_ordinal IS NOT NULL));

CREATE OR REPLACE VIEW provenance.shown_box AS
SELECT project.name AS project, image.id AS image_id, image.file_name, image.side, image.state AS image_state,
       shown.task_id, shown.ordinal AS index, model.number AS model, model.name AS model_name,
       shown.prediction_index, class.name AS class, shown.label, shown.score, shown.x1, shown.y1, shown.x2,
       shown.y2, task.kind AS task_kind, task.slice, task.state AS task_state, task.created_at AS served_at,
       reviewer.name AS reviewer, outcome.outcome, answer.id AS revision_id, answer.number AS revision,
       answer.standing, answer.created_at, answer.client,
       EXISTS (SELECT FROM standing_withdrawal later WHERE later.based_on = answer.id) AS is_withdrawn,
       (SELECT box_id FROM label_box
        WHERE label_box.revision_id = answer.id AND label_box.shown_ordinal = shown.ordinal) AS box_id,
       (SELECT provenance.iou(box.x1, box.y1, box.x2, box.y2, shown.x1, shown.y1, shown.x2, shown.y2)
        FROM label_box box
        WHERE box.revision_id = answer.id AND box.shown_ordinal = shown.ordinal) AS iou
FROM project
JOIN image ON image.project_id = project.id
JOIN task ON task.image_id = image.id
JOIN principal reviewer ON reviewer.id = task.principal_id
JOIN shown_box shown ON shown.task_id = task.id AND task.kind <> 'planted'
JOIN model ON model.id = shown.model_id
LEFT JOIN label_revision answer ON answer.id = task.revision_id AND answer.image_id = image.id
LEFT JOIN outcome ON outcome.revision_id = answer.id AND outcome.shown_ordinal = shown.ordinal
LEFT JOIN class ON class.project_id = project.id AND class.label = shown.label
WHERE project.deleted_at IS NULL AND image.state <> 'removed';

CREATE OR REPLACE VIEW provenance.withdrawn_label AS
SELECT project.name AS project, image.id AS image_id, image.file_name, image.side, image.state AS image_state,
       revision.id AS revision_id, revision.number AS revision, revision.source, reviewer.name AS reviewer,
       revision.created_at,
       (SELECT count(*) FROM label_box WHERE revision_id = revision.id) AS boxes,
       withdrawn_by.name AS withdrawn_by, withdrawal.created_at AS withdrawn_at,
       (SELECT number FROM label_revision truth WHERE truth.id = image.truth_revision_id) AS truth_revision,
       (SELECT withdrawal_id FROM withdrawal_revision WHERE revision_id = withdrawal.id) AS withdrawal
FROM project
JOIN image ON image.project_id = project.id
JOIN standing_withdrawal withdrawal ON withdrawal.image_id = image.id
JOIN principal withdrawn_by ON withdrawn_by.id = withdrawal.author_id
JOIN label_revision revision ON revision.id = withdrawal.based_on AND revision.image_id = withdrawal.image_id
JOIN principal reviewer ON reviewer.id = revision.author_id
WHERE project.deleted_at IS NULL AND image.state <> 'removed';

CREATE OR REPLACE VIEW provenance.withdrawal AS
SELECT project.name AS project, withdrawal.id AS withdrawal, withdrawn_by.name AS withdrawn_by,
       withdrawal.created_at AS withdrawn_at, reviewer.name AS reviewer, model.number AS model,
       withdrawal.begins, withdrawal.ends,
       (SELECT count(*)
        FROM withdrawal_revision JOIN label_revision mark ON mark.id = revision_id
        WHERE withdrawal_id = withdrawal.id AND standing = 'withdrawn') AS labels,
       undone_by.name AS undone_by, withdrawal.undone_at
FROM project
JOIN withdrawal ON withdrawal.project_id = project.id
JOIN principal withdrawn_by ON withdrawn_by.id = withdrawal.withdrawn_by
LEFT JOIN principal reviewer ON reviewer.id = withdrawal.author_id
LEFT JOIN model ON model.id = withdrawal.model_id
LEFT JOIN principal undone_by ON undone_by.id = withdrawal.undone_by
WHERE project.deleted_at IS NULL;

CREATE OR REPLACE VIEW provenance.trained_on AS
SELECT project.name AS project, round.number AS round, round.snapshot_id, model.number AS model,
       model.name AS model_name, image.id AS image_id, image.file_name, image.state AS image_state,
       revision.id AS revision_id, revision.number AS revision, revision.source, reviewer.name AS reviewer,
       revision.created_at, image.truth_revision_id,
       coalesce(image.truth_revision_id = revision.id, false) AS is_truth,
       EXISTS (SELECT FROM standing_withdrawal later WHERE later.based_on = revision.id) AS is_withdrawn,
       (SELECT count(*) FROM label_box WHERE revision_id = revision.id AND NOT ignore) AS boxes
FROM project
JOIN round ON round.project_id = project.id
JOIN snapshot_item item ON item.snapshot_id = round.snapshot_id
JOIN image ON image.id = item.image_id
JOIN label_revision revision ON revision.id = item.revision_id AND revision.image_id = item.image_id
JOIN principal reviewer ON reviewer.id = revision.author_id
LEFT JOIN model ON model.round_id = round.id
WHERE project.deleted_at IS NULL AND image.state <> 'removed';

CREATE OR REPLACE VIEW provenance.pseudo_label AS
SELECT project.name AS project, round.number AS round, round.snapshot_id, model.number AS model,
       model.name AS model_name, image.id AS image_id, image.file_name, image.state AS image_state,
       cardinality(array_remove(pseudo.labels, 0::smallint)) AS boxes,
       cardinality(array_positions(pseudo.labels, 0::smallint)) AS ignored_regions
FROM project
JOIN round ON round.project_id = project.id
JOIN pseudo_label pseudo ON pseudo.snapshot_id = round.snapshot_id
JOIN image ON image.id = pseudo.image_id
LEFT JOIN model ON model.round_id = round.id
WHERE project.deleted_at IS NULL AND image.state <> 'removed';

-- The recursion begins at each model that the query asks for, and so reads nothing of others.
CREATE OR REPLACE VIEW provenance.model_ancestor AS
SELECT project.name AS project, model.number AS model, model.name AS model_name, line.number AS ancestor,
       line.name AS ancestor_name, line.distance
FROM project
JOIN model ON model.project_id = project.id
CROSS JOIN LATERAL (
  WITH RECURSIVE line AS (
    SELECT model.number, model.name, model.parent_id, 0 AS distance
    UNION ALL
    SELECT parent.number, parent.name, parent.parent_id, line.distance + 1
    FROM line JOIN model parent ON parent.id = line.parent_id
  )
  SELECT * FROM line) line
WHERE project.deleted_at IS NULL;

CREATE OR REPLACE VIEW provenance.model AS
SELECT project.name AS project, model.number AS model, model.name AS model_name, model.preset, model.state,
       parent.number AS parent, round.number AS round, submitter.name AS submitted_by, round.snapshot_id,
       coalesce(snapshot.images, 0) AS snapshot_images, coalesce(snapshot.boxes, 0) AS snapshot_boxes,
       model.created_at, encode(model.weights_sha256, 'hex') AS weights_sha256,
       (WITH RECURSIVE line AS (
          SELECT model.round_id, model.parent_id
          UNION ALL
          SELECT before.round_id, before.parent_id FROM line JOIN model before ON before.id = line.parent_id
        )
        SELECT count(DISTINCT item.revision_id)
        FROM standing_withdrawal withdrawal
        JOIN snapshot_item item ON item.image_id = withdrawal.image_id
                               AND item.revision_id = withdrawal.based_on
        JOIN round trained ON trained.snapshot_id = item.snapshot_id
        JOIN line ON line.round_id = trained.id) AS withdrawn_labels,
       (WITH RECURSIVE line AS (
          SELECT model.round_id, model.parent_id
          UNION ALL
          SELECT before.round_id, before.parent_id FROM line JOIN model before ON before.id = line.parent_id
        )
        SELECT count(DISTINCT item.image_id)
        FROM image
        JOIN snapshot_item item ON item.image_id = image.id
        JOIN round trained ON trained.snapshot_id = item.snapshot_id
        JOIN line ON line.round_id = trained.id
        WHERE image.project_id = project.id AND image.state <> 'usable'  -- as the index image_unusable says
          AND image.state = 'removed') AS removed_images
FROM project
JOIN model ON model.project_id = project.id
LEFT JOIN model parent ON parent.id = model.parent_id
LEFT JOIN round ON round.id = model.round_id
LEFT JOIN principal submitter ON submitter.id = round.submitted_by
LEFT JOIN snapshot ON snapshot.id = round.snapshot_id
WHERE project.deleted_at IS NULL;

-- A round judges the model that it trained, and the serving model where that was not judged on these images.
CREATE OR REPLACE VIEW provenance.evaluation AS
SELECT project.name AS project, model.number AS model, model.name AS model_name, round.number AS round,
       evaluation.created_at,
       (SELECT value::bigint FROM provenance.message_numbers(result) WHERE field = 1) AS images,
       coalesce((SELECT value FROM provenance.message_numbers(result) WHERE field = 2), 0) AS ap,
       coalesce((SELECT value FROM provenance.message_numbers(result) WHERE field = 3), 0) AS ap50,
       coalesce((SELECT value FROM provenance.message_numbers(result) WHERE field = 4), 0) AS ap75,
       EXISTS (SELECT FROM provenance.message_numbers(result) WHERE field = 6) AS random_sample,
       CASE (SELECT value FROM provenance.message_numbers(gate) WHERE field = 8)
         WHEN 1 THEN 'first' WHEN 2 THEN 'passed' WHEN 3 THEN 'held' WHEN 4 THEN 'not judged'
       END AS gate
FROM project
JOIN model ON model.project_id = project.id
JOIN evaluation ON evaluation.model_id = model.id
JOIN round ON round.id = evaluation.round_id
WHERE project.deleted_at IS NULL;

CREATE OR REPLACE VIEW provenance.event AS
SELECT project.name AS project, event.id AS event_id, event.kind, event.created_at, author.name AS author,
       event.image_id, image.file_name, event.revision_id, revision.number AS revision,
       CASE event.kind WHEN 'revision_added' THEN event.before_id END AS truth_before_id,
       CASE event.kind WHEN 'revision_added' THEN event.after_id END AS truth_revision_id,
       event.state_before, event.state_after,
       (SELECT number FROM model WHERE event.kind = 'model_served' AND model.id = event.before_id)
         AS model_before,
       (SELECT number FROM model WHERE event.kind = 'model_served' AND model.id = event.after_id) AS model
FROM project
JOIN event ON event.project_id = project.id
LEFT JOIN principal author ON author.id = event.author_id
LEFT JOIN image ON image.id = event.image_id
LEFT JOIN label_revision revision ON revision.id = event.revision_id
WHERE project.deleted_at IS NULL AND image.state IS DISTINCT FROM 'removed';

COMMENT ON VIEW provenance.project IS 'Projects.';
COMMENT ON VIEW provenance.image IS 'Images, with who labelled them last.';
COMMENT ON VIEW provenance.revision IS
  'Label revisions: what somebody said an image holds, or that it was taken back.';
COMMENT ON VIEW provenance.revision_box IS 'Boxes of all revisions: the history of each box.';
COMMENT ON VIEW provenance.box IS 'Boxes of the truth: of each image''s revision that counts now.';
COMMENT ON VIEW provenance.box_from_prediction IS
  'Those boxes of the truth that were made from a predicted box that a task showed, each with that box.';
COMMENT ON VIEW provenance.shown_box IS 'Predicted boxes that tasks showed, each with what became of it.';
COMMENT ON VIEW provenance.withdrawn_label IS 'Revisions that were taken back.';
COMMENT ON VIEW provenance.withdrawal IS 'Calls of `loupe withdraw`, also those that were undone.';
COMMENT ON VIEW provenance.trained_on IS
  'Revisions that rounds trained on: one row for each round and image of its snapshot.';
COMMENT ON VIEW provenance.pseudo_label IS
  'Images with pseudo-labels: boxes that a round trained on though no person had confirmed them.';
COMMENT ON VIEW provenance.model_ancestor IS 'Each model with the models that its weights come from.';
COMMENT ON VIEW provenance.model IS 'Models, with what they were trained on.';
COMMENT ON VIEW provenance.evaluation IS
  'How good models were on the labelled holdout when a round judged them.';
COMMENT ON VIEW provenance.event IS
  'What happened: revisions, changes of images'' states, models that began to serve. Ask by event_id.';

-- A column means the same in all views, but for those that are named with their view.
DO $$
DECLARE
  said record;
BEGIN
  FOR said IN
    WITH common (name, text) AS (VALUES
      ('project', 'Name of the project'),
      ('image_id', 'Number of the image'),
      ('file_name', 'Name of the picture'),
      ('group_name', 'The group whose images share a side; NULL: none'),
      ('side', 'pool or holdout'),
      ('image_state', 'usable, set_aside (the picture can''t be used) or excluded (by a person)'),
      ('state_reason', 'Why the image is not usable; NULL while it is'),
      ('width', 'In pixels'),
      ('height', 'In pixels'),
      ('sha256', 'Of the picture''s bytes'),
      ('imported_at', 'When the picture came'),
      ('labelled', 'Whether the image has a truth'),
      ('truth_revision_id', 'revision_id of the image''s truth; NULL: it has none'),
      ('revision_id', 'Number of the revision among all'),
      ('revision', 'Number of the revision in its image, from 1'),
      ('revisions', 'How many revisions the image has'),
      ('source', 'task, import, reopen (an answer corrected), withdraw or restore (a withdrawal undone)'),
      ('standing', 'What the revision was when it was written: truth, late (kept beside the truth), '
        'withdrawn (it takes one back), restored (it gives back what was withdrawn) or opinion (a second '
        'person''s, kept beside the truth), or planted (an answer to a task with a planted error)'),
      ('is_truth', 'It is the image''s truth now'),
      ('is_withdrawn', 'It was taken back since, and that was not undone'),
      ('reviewer', 'Name of the token of who wrote the revision'),
      ('created_at', 'When the revision was written'),
      ('blind', 'The reviewer saw no predictions'),
      ('late', 'It came after its lease had ended, or after the truth had changed'),
      ('spent_ms', 'Time spent on the box, in milliseconds; NULL: not known'),
      ('image_spent_ms', 'Time spent on the image for this revision, in milliseconds'),
      ('client', 'The program that the reviewer used; empty: not known'),
      ('note', 'What the reviewer said of the image'),
      ('flags', 'Words for what the image is an example of'),
      ('based_on', 'Number of the revision that it corrects, takes back or gives back; NULL: the image had '
        'no truth'),
      ('boxes', 'How many boxes the revision holds'),
      ('task_id', 'The task that it answers; NULL: none'),
      ('task_kind', 'Why the task was served: ranked, reopen, class_added, review or assigned'),
      ('task_state', 'leased, answered, skipped, released or expired'),
      ('served_at', 'When the task was served'),
      ('shown_model', 'Number of the model whose boxes the task showed; NULL: none'),
      ('generation', 'Generation of the ranking that served the task'),
      ('position', 'Place in the ranking, from 0'),
      ('slice', 'Why the image was in the ranking: uncertain, rare, random or holdout'),
      ('image_score', 'The strategy''s score of the image'),
      ('probability', 'With which the image was drawn; NULL: it was not drawn at random'),
      ('ranked_model', 'Number of the model that the ranking was made from; NULL: none'),
      ('hash', 'Of the revision and all before it'),
      ('box_id', 'Identity of the box over the revisions of its image'),
      ('class', 'Name of the box''s class'),
      ('label', 'Number of the class in the project'),
      ('x1', 'Left side, in pixels'),
      ('y1', 'Upper side, in pixels'),
      ('x2', 'Right side, in pixels'),
      ('y2', 'Lower side, in pixels'),
      ('ignore', 'It is a region to ignore, neither an object nor background'),
      ('origin', 'How the box was made: drawn, accepted, adjusted, relabelled, copied or imported'),
      ('made_by', 'Who wrote the first revision that holds the box'),
      ('made_at', 'When that revision was written'),
      ('model', 'Number of the model in its project'),
      ('model_name', 'Name of the model'),
      ('score', 'Of the predicted box, 0 to 1, as the model gave it'),
      ('prediction_index', 'Place of the box in the model''s prediction, from 0'),
      ('predicted_class', 'Name of the class that the model predicted'),
      ('predicted_x1', 'Left side as predicted'),
      ('predicted_y1', 'Upper side as predicted'),
      ('predicted_x2', 'Right side as predicted'),
      ('predicted_y2', 'Lower side as predicted'),
      ('iou', 'Intersection over union of the box and the predicted box'),
      ('outcome', 'What became of the predicted box: accepted, accepted_at_once (with all that were left), '
        'adjusted, relabelled, rejected, dropped (left without a judgement) or hidden (by a threshold)'),
      ('answered_by', 'Who made the box from the predicted box'),
      ('answered_at', 'When that answer was written'),
      ('index', 'Place of the box in the task, from 0'),
      ('withdrawn_by', 'Name of the token of who took it back'),
      ('withdrawn_at', 'When it was taken back'),
      ('withdrawal', 'The withdrawal, for `loupe withdrawal undo`'),
      ('begins', 'Only labels that were written then or later; NULL: all'),
      ('ends', 'Only labels that were written before then; NULL: all'),
      ('labels', 'How many labels it took back'),
      ('undone_by', 'Name of the token of who undid it; NULL: it stands'),
      ('undone_at', 'When it was undone; NULL: it stands'),
      ('truth_revision', 'Number of the revision that is the image''s truth now; NULL: it has none'),
      ('round', 'Number of the round in its project'),
      ('snapshot_id', 'The labels that the round froze'),
      ('ignored_regions', 'Regions that the training left out'),
      ('ancestor', 'Number of the model itself or of one that its weights come from'),
      ('ancestor_name', 'Name of that model'),
      ('distance', '0: the model itself, 1: its parent, 2: the parent of that, and so on'),
      ('preset', 'The network'),
      ('state', 'candidate, serving, retired or held (it failed its gate)'),
      ('parent', 'Number of the model that it was trained from; NULL: none'),
      ('submitted_by', 'Name of the token of who asked for the round'),
      ('snapshot_images', 'Images that it was trained on'),
      ('snapshot_boxes', 'Boxes that it was trained on, without regions to ignore'),
      ('weights_sha256', 'Of the file of its weights'),
      ('withdrawn_labels', 'Labels that it or an ancestor was trained on and that were taken back since'),
      ('removed_images', 'Images that it or an ancestor was trained on and that were removed since'),
      ('images', 'Labelled images of the holdout that it was judged on'),
      ('ap', 'Average precision over IoU 0.5 to 0.95'),
      ('ap50', 'Average precision at IoU 0.5'),
      ('ap75', 'Average precision at IoU 0.75'),
      ('classes', 'Names of its classes, in order of their numbers; retired ones, too'),
      ('random_sample', 'The images are a random sample; otherwise they came with imported labels'),
      ('gate', 'What the gate said: first, passed, held or not judged; NULL: the round did not train it'),
      ('event_id', 'Number of the event among all; of an image''s events, later ones have higher numbers'),
      ('kind', 'revision_added, image_state_changed or model_served'),
      ('author', 'Name of the token of who caused it; NULL: the coordinator did'),
      ('truth_before_id', 'revision_id of the image''s truth before the revision; NULL: it had none'),
      ('state_before', 'The image''s state before; NULL: the event is about something else'),
      ('state_after', 'The image''s state since; NULL: the event is about something else'),
      ('model_before', 'Number of the model that served before; NULL: none')
    ), special (name, text) AS (VALUES
      ('project.created_at', 'When it was made'),
      ('image.revision', 'Number of the truth among the image''s revisions; NULL: it has none'),
      ('image.reviewer', 'Name of the token of who wrote the truth'),
      ('image.created_at', 'When the truth was written'),
      ('image.blind', 'Whoever wrote the truth saw no predictions'),
      ('revision.spent_ms', 'Time spent on the image, in milliseconds'),
      ('box_from_prediction.client', 'The program that the answer was made with; empty: not known'),
      ('box_from_prediction.image_spent_ms', 'Time spent on the image for that answer, in milliseconds'),
      ('box_from_prediction.task_id', 'The task that showed the predicted box'),
      ('shown_box.class', 'Name of the class that the model predicted; NULL: the project has no such class'),
      ('shown_box.label', 'Number of that class in the project'),
      ('shown_box.task_id', 'The task that showed it'),
      ('shown_box.reviewer', 'Name of the token of who had the task'),
      ('shown_box.outcome', 'As in box_from_prediction; NULL: the task was not answered'),
      ('shown_box.revision_id', 'The revision that answers the task; NULL: none'),
      ('shown_box.revision', 'Its number in its image'),
      ('shown_box.created_at', 'When it was written'),
      ('shown_box.is_withdrawn', 'The answer was taken back since'),
      ('shown_box.box_id', 'The box that was made from it; NULL: none'),
      ('shown_box.iou', 'Intersection over union with the box that was made from it; NULL: none'),
      ('withdrawal.withdrawn_by', 'Name of the token of who took the labels back'),
      ('withdrawal.withdrawn_at', 'When they were taken back'),
      ('withdrawal.reviewer', 'Only labels by this person; NULL: by all'),
      ('withdrawal.model', 'Only labels that hold a box as this model predicted it; NULL: all'),
      ('trained_on.model', 'Number of the model that the round trained; NULL: none yet'),
      ('trained_on.boxes', 'How many boxes the revision holds, without regions to ignore'),
      ('pseudo_label.model', 'Number of the model that the round trained; NULL: none yet'),
      ('pseudo_label.boxes', 'How many pseudo-labels the image had'),
      ('model.round', 'Number of the round that trained it; NULL: it was imported'),
      ('model.created_at', 'When it was trained or imported'),
      ('event.created_at', 'When it happened'),
      ('event.revision_id', 'The revision that was added; NULL: the event is about something else'),
      ('event.revision', 'Its number in its image'),
      ('event.truth_revision_id', 'revision_id of the image''s truth after the revision; NULL: it had none'),
      ('event.model', 'Number of the model that began to serve; NULL: the event is about something else'),
      ('evaluation.created_at', 'When it was judged'),
      ('evaluation.round', 'Number of the round that judged it')
    )
    SELECT table_name, column_name, coalesce(special.text, common.text) AS text
    FROM information_schema.columns
    LEFT JOIN common ON common.name = column_name
    LEFT JOIN special ON special.name = table_name || '.' || column_name
    WHERE table_schema = 'provenance'
  LOOP
    EXECUTE format('COMMENT ON COLUMN provenance.%I.%I IS %L', said.table_name, said.column_name, said.text);
  END LOOP;
END $$;
