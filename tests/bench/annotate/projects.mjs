// Projects to measure on, and the way into their annotation page.

import fs from "node:fs";
import path from "node:path";
import { logIn } from "./tab.mjs";

// A project with no holdout, and these files in its pool.
export function createProject(deployment, project, classes, files) {
  const holdout = ["--holdout-fraction", "0"];
  deployment.loupe("project", "create", project, "--classes", classes.join(","), ...holdout, "--seed", "1");
  importFiles(deployment, project, files);
}

function importFiles(deployment, project, files) {
  const folder = path.join(deployment.folder, project);
  fs.mkdirSync(folder);
  for (const file of files) fs.linkSync(file, path.join(folder, path.basename(file)));
  deployment.loupe("import", "--images", folder, "--project", project);
}

// A made-up model serves, without a round. It has seen the same boxes in each picture, on a grid that fills
// it: `columns` times `rows` of two classes, with scores from 0.95 down to 0.35, and a little off in the
// mirrored picture, so that each side of a box is drawn by itself.
export function predict(deployment, project, columns, rows) {
  const count = columns * rows;
  const corners = (left, top, right, bottom) => `
    (SELECT array_agg(corner::real ORDER BY n, place)
     FROM generate_series(0, ${count - 1}) n,
          unnest(ARRAY[(n % ${columns} + ${left}) * width / ${columns}.0,
                       (n / ${columns} + ${top}) * height / ${rows}.0,
                       (n % ${columns} + ${right}) * width / ${columns}.0,
                       (n / ${columns} + ${bottom}) * height / ${rows}.0])
          WITH ORDINALITY corner (corner, place))`;
  const labels = `(SELECT array_agg((1 + n % 2)::smallint) FROM generate_series(1, ${count}) n)`;
  const reals = (value) => `(SELECT array_agg((${value})::real) FROM generate_series(1, ${count}) n)`;
  const scores = reals(`0.95 - 0.6 * n / ${count}`);
  deployment.psql(`
    INSERT INTO model (project_id, number, name, preset, state, weights_sha256, weights_bytes)
    SELECT id, 1, 'made-up', 'small', 'serving', sha256('made-up'), 1 FROM project WHERE name = '${project}';
    INSERT INTO prediction (model_id, image_id, corners, labels, scores, runner_up_labels, runner_up_scores,
                            background_scores, agreements, embedding, max_foreground_score, partner_corners)
    SELECT model.id, image.id, ${corners(0.2, 0.2, 0.8, 0.8)}, ${labels}, ${scores},
           ${labels}, ${reals(0)}, ${reals(0)}, '{}', '', 0.9, ${corners(0.3, 0.2, 0.8, 0.7)}
    FROM model JOIN project ON project.id = model.project_id AND project.name = '${project}'
         JOIN image ON image.project_id = project.id;
    UPDATE ranking SET model_id = model.id FROM model JOIN project ON project.id = model.project_id
    WHERE ranking.project_id = project.id AND project.name = '${project}';
    UPDATE ranking_entry SET blind = false FROM ranking JOIN project ON project.id = ranking.project_id
    WHERE ranking_id = ranking.id AND project.name = '${project}'`);
}

// The cookie of a new annotator's session.
export function annotator(deployment, name) {
  return logIn(deployment.url, deployment.token("annotator", name));
}

export const pageOf = (deployment, project) => `${deployment.url}/#/p/${project}/annotate`;

// In the page: the file that is shown; empty: none.
export const fileShown = () => document.querySelector(".file")?.textContent ?? "";
// In the page: whether an image is shown, with all that belongs to it.
export const isShown = () =>
  [".stage :is(img, canvas)", ".file"].every((part) => document.querySelector(part));
// In the page: where the picture is on the screen.
export function pictureOnScreen() {
  const { x, y, width, height } = document.querySelector(".stage :is(img, canvas)").getBoundingClientRect();
  return { x, y, width, height };
}

// In the page: the corners of the selected box, in pixels of the image.
export function selectedBox() {
  const box = document.querySelector(".overlay g.selected")?.getBBox();
  return box ? [box.x, box.y, box.x + box.width, box.y + box.height] : null;
}
