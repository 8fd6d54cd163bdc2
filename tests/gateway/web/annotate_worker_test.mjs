// A round with a real worker ends while a person labels: from then on the page shows the new model's boxes.

import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import test, { after, before } from "node:test";
import { Workplace, fileOn, hasSent, isAtEnd, press, rowsOn, submit, submitOrEnd } from "./annotate_page.mjs";
import { eventually } from "./deployment.mjs";

const IMAGES = 60;
const LABELLED = 44; // by an import
// So short a training finds most of what is there, and some that isn't. Nothing is blind.
const RECIPE = `
detector { preset: "small" min_size: 96 max_size: 96 }
training { iterations: 130 batch_size: 4 }
ranking { budget: 10 random_share: 0 uncertain_blind_share: 0 }
seed: 1
`;

const place = new Workplace({ worker: true });
const { deployment } = place;
let truth;

before(async () => {
  const folder = path.join(deployment.folder, "parts");
  ({ truth } = place.createParts("parts", { images: IMAGES }));
  const labelled = path.join(deployment.folder, "labelled.txt");
  const names = truth.images.slice(-LABELLED).map((each) => each.file_name);
  fs.writeFileSync(labelled, `${names.join("\n")}\n`);
  const images = path.join(folder, "images");
  const coco = path.join(folder, "annotations.json");
  const words = ["--images", images, "--coco", coco, "--only", `@${labelled}`, "--labelled", `@${labelled}`];
  deployment.loupe("import", ...words, "--project", "parts");
  place.setBlind("parts", 0);
  await place.open();
});
after(() => place.close());

const truthOf = (file) => {
  const { id } = truth.images.find((each) => each.file_name === file);
  const boxes = truth.annotations.filter((each) => each.image_id === id);
  return boxes.map(({ bbox: [x, y, w, h], category_id: label }) => ({
    corners: [x, y, x + w, y + h],
    label,
  }));
};

// Puts a box where a thing is, by the keyboard alone.
async function drawByKeys(page, { corners: [x1, y1, x2, y2], label }) {
  await press(page, "Escape", "n", "n", String(label));
  const line = page.locator(".overlay g.selected .line");
  const [left, top, right, bottom] = (await line.first().getAttribute("d")).match(/-?[\d.]+/g).map(Number);
  const go = async (by, less, more, prefix) => {
    const key = by < 0 ? less : more;
    const steps = Math.abs(Math.round(by));
    for (let i = 0; i < Math.floor(steps / 10); ++i) await press(page, `${prefix}Shift+${key}`);
    for (let i = 0; i < steps % 10; ++i) await press(page, `${prefix}${key}`);
  };
  await go(x2 - x1 - (right - left), "ArrowLeft", "ArrowRight", "Control+");
  await go(y2 - y1 - (bottom - top), "ArrowUp", "ArrowDown", "Control+");
  await go(x1 - left, "ArrowLeft", "ArrowRight", "");
  await go(y1 - top, "ArrowUp", "ArrowDown", "");
}

test("labels, a round, and the new model's boxes in the open page", async (t) => {
  const page = await place.annotate(t, "anna", "parts");
  const files = [];
  for (let i = 0; i < 3; ++i) {
    const boxes = truthOf(await fileOn(page));
    for (const box of boxes) await drawByKeys(page, box);
    const file = await submit(page);
    await hasSent(page);
    const [{ boxes: found }] = place.answersTo(file, "parts");
    const isNear = ({ box, label }, wanted) =>
      label === wanted.label && box.every((value, k) => Math.abs(value - wanted.corners[k]) <= 2);
    assert.ok(
      found.every((each, k) => isNear(each, boxes[k])),
      `${file}: ${JSON.stringify([found, boxes])}`,
    );
    files.push(file);
  }

  await eventually("tasks are leased ahead", () => place.held("anna") === 3);
  const recipe = path.join(deployment.folder, "recipe.textproto");
  fs.writeFileSync(recipe, RECIPE);
  deployment.loupe("round", "submit", "--recipe", recipe, "--watch", "--project", "parts");
  const generations = (state) =>
    deployment.psql(`SELECT generation FROM task JOIN ranking ON ranking.id = ranking_id
      JOIN principal ON principal.id = principal_id
      WHERE principal.name = 'anna' AND task.state = '${state}' ORDER BY 1`);
  assert.equal(generations("leased"), "0\n0\n0");

  // The work in hand stays; what was fetched ahead is given back for what the new model finds worth a look.
  await press(page, "n", "n");
  files.push(await submit(page));
  await eventually("tasks of the new ranking are leased", () => generations("leased") === "0\n1\n1");
  assert.equal(generations("released"), "0");
  files.push(await submit(page));
  await hasSent(page);

  // An image on which the model has found two things at least.
  const predicted = rowsOn(page).filter({ has: page.locator(".predicted") });
  while ((await predicted.count()) < 2) files.push(await submit(page));
  const count = await predicted.count();
  assert.equal(await page.locator(".overlay g.predicted").count(), count);
  await press(page, "x", "x", "a");
  const judged = await submit(page);
  files.push(judged);
  await hasSent(page);
  const [answer] = place.answersTo(judged, "parts");
  const outcomes = answer.shown_boxes.map(({ outcome }) => outcome).sort();
  const dropped = Array.from({ length: count - 2 }, () => "dropped");
  assert.deepEqual(outcomes, ["accepted", ...dropped, "rejected"]);
  assert.deepEqual(
    answer.boxes.map(({ origin }) => origin),
    ["accepted"],
  );
  assert.equal(answer.reason.generation, 1);
  assert.equal(answer.shown_model, 1);
  assert.equal(answer.blind, false);

  // What was given back comes again: none is lost.
  while (!(await isAtEnd(page))) {
    await press(page, "Shift+A");
    files.push(await submitOrEnd(page));
  }
  await page.getByText("Nothing is left to label in parts. Thank you.").waitFor();
  await hasSent(page);
  assert.equal(new Set(files).size, files.length);
  assert.equal(files.length, IMAGES - LABELLED);
  deployment.loupe("provenance", "verify", "--project", "parts");
  assert.deepEqual(page.problems, []);
});
