// The pages of reviewers: how they answer, alarms about them, pausing them, and how labels are checked.

import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import test, { after, before } from "node:test";
import { SCREENSHOTS, Workplace, violationsOn } from "./annotate_page.mjs";

const place = new Workplace();
const { deployment } = place;
const secrets = new Map(); // of tokens, by name
let base; // of the project's pages
let requests = 0;

// Half of the pictures are labelled, blind. Of the others a model predicts what is on them.
before(async () => {
  const { folder, truth } = place.createParts("parts", { images: 120 });
  const { images, annotations } = truth;
  const labelled = path.join(folder, "labelled.txt");
  fs.writeFileSync(labelled, images.filter((_, i) => i % 2 === 0).map(({ id }) => `${id}\n`).join(""));
  const coco = path.join(folder, "annotations.json");
  const words = ["--coco", coco, "--labelled", `@${labelled}`, "--blind", "--project", "parts"];
  deployment.loupe("import", "--images", path.join(folder, "images"), ...words);
  const predicted = images.map(({ id, file_name }) => [
    file_name,
    annotations
      .filter(({ image_id }) => image_id === id)
      .map(({ bbox: [x, y, width, height], category_id }, i) => [
        x, y, x + width, y + height, category_id, 0.9 - 0.05 * i,
      ]),
  ]);
  place.predict("parts", predicted);
  for (const name of ["anna", "bert"]) secrets.set(name, deployment.token("annotator", name));
  for (const role of ["engineer", "viewer"]) deployment.token(role, role);
  base = `${deployment.url}/#/p/parts`;
  await place.open();
});
after(() => place.close());

async function call(name, method, request) {
  const response = await fetch(`${deployment.url}/loupe.v1.LabelingService/${method}`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${secrets.get(name)}` },
    body: JSON.stringify({ requestId: String(++requests), ...request }),
  });
  const answer = await response.json();
  assert.equal(response.status, 200, JSON.stringify(answer));
  return answer;
}

// Accepts all that is shown.
async function acceptNext(name) {
  const { tasks } = await call(name, "NextTasks", { project: "parts", count: 1 });
  const [{ taskId, lease, predictions = [] }] = tasks;
  const boxes = predictions.map(({ box, label, index = 0 }) => ({ box, label, predictedIndex: index }));
  await call(name, "Submit", { taskId, lease, boxes, spentMs: 4000 });
}

async function openAs(t, name, address) {
  const page = await place.newPage(t);
  await place.logIn(page, name);
  await page.goto(address);
  return page;
}

function cellsOf(page, name) {
  const header = page.getByRole("rowheader", { name, exact: true });
  return page.getByRole("row").filter({ has: header }).getByRole("cell");
}
const shot = (page, name) => page.screenshot({ path: path.join(SCREENSHOTS, `${name}.png`), fullPage: true });

test("an engineer says on the page how labels are checked", async (t) => {
  const page = await openAs(t, "engineer", `${base}/reviewers`);
  await page.getByText("Nobody has answered a task of the ranking yet.").waitFor();
  await page.getByLabel("% of an annotator's assisted tasks have a planted error").fill("5");
  await page.getByLabel("% of the pool's answers are given to a second person").fill("2.5");
  await page.getByLabel("An alarm pauses the person").check();
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Saved.").waitFor();
  const project = deployment.json("project", "show", "parts");
  assert.equal(project.planted_share, 0.05);
  assert.equal(project.overlap_share, 0.025);
  assert.equal(project.pause_on_alarm, true);
  assert.equal(project.reveal_planted, false);
  assert.deepEqual(await violationsOn(page), []);
});

test("who leaves planted errors in is found, and paused by the alarm", async (t) => {
  deployment.psql("ALTER TABLE project DROP CONSTRAINT project_planted_share");
  deployment.psql("UPDATE project SET planted_share = 0.9, overlap_share = 0");
  const planted = () => Number(deployment.psql("SELECT count(*) FROM planted_error"));
  while (planted() < 12) await acceptNext("anna");

  const page = await openAs(t, "viewer", `${base}/reviewers`);
  const cells = cellsOf(page, "anna");
  const refresh = () => page.getByRole("button", { name: "Refresh" }).last().click();
  await refresh();
  await cells.filter({ hasText: "leaves planted errors in" }).waitFor();
  assert.match((await cells.allTextContents()).join(), /[0-8] of 12/);
  assert.equal(await page.getByRole("heading", { name: "How labels are checked" }).count(), 0);
  await page.getByRole("rowheader").getByRole("link", { name: "anna" }).click();
  await page.getByRole("heading", { name: "anna", exact: true }).waitFor();
  await page.getByText("too few").waitFor();
  const effect = page.getByRole("table").getByText("leaves planted errors in");
  for (let tries = 0; tries < 40 && (await effect.count()) === 0; ++tries) {
    await refresh();
    await page.waitForTimeout(500);
  }
  await effect.waitFor();
  await shot(page, "reviewer");
  assert.deepEqual(await violationsOn(page), []);
  await page.goto(`${base}/reviewers`);
  await cells.filter({ hasText: "paused" }).waitFor();
  await shot(page, "reviewers");

  const theirs = await openAs(t, "anna", `${base}/annotate`);
  const told = theirs.getByRole("alert").filter({ hasText: "no more tasks of this project" });
  await told.getByText("errors that were planted among the shown boxes were left in").waitFor();
  await shot(theirs, "reviewer-paused");
});

test("an engineer gives tasks again, and pauses by hand with a reason", async (t) => {
  const page = await openAs(t, "engineer", `${base}/reviewers/anna`);
  await page.getByText(/Paused since .* by an alarm/).waitFor();
  await page.getByRole("button", { name: "Give tasks again" }).click();
  await page.getByLabel("Pause, and say why").waitFor();
  deployment.psql("UPDATE project SET planted_share = 0");
  await acceptNext("anna");
  await page.getByLabel("Pause, and say why").fill("Boxes are too large.");
  await page.getByRole("button", { name: "Pause", exact: true }).click();
  await page.getByText("by engineer: “Boxes are too large.”").waitFor();
  const theirs = await openAs(t, "anna", `${base}/annotate`);
  await theirs.getByRole("alert").filter({ hasText: "Boxes are too large." }).waitFor();
  await page.getByRole("button", { name: "Give tasks again" }).click();
  await page.getByLabel("Pause, and say why").waitFor();
  await theirs.getByRole("button", { name: "Try again" }).click();
  await theirs.getByRole("button", { name: "Submit" }).first().waitFor();
});

test("where the project says so, people see what was planted; annotators don't see others", async (t) => {
  deployment.loupe("project", "quality-control", "--reveal-planted", "--project", "parts");
  const page = await openAs(t, "anna", `${base}/work`);
  await page.getByText("a planted error, which you left in: not a label").first().waitFor();
  await page.goto(`${base}/reviewers`);
  await page.getByText("These pages tell how everybody answers").waitFor();
});

// Of two images: bert answers blind after anna, and sees one box elsewhere.
test("an engineer decides between two answers", async (t) => {
  deployment.psql(`ALTER TABLE project DROP CONSTRAINT project_overlap_share;
                   UPDATE project SET overlap_share = 1;
                   UPDATE task_request SET state = 'cancelled', ended_at = now() WHERE kind = 'review'`);
  for (let i = 0; i < 2; ++i) await acceptNext("anna");
  for (let i = 0; i < 2; ++i) {
    const { tasks } = await call("bert", "NextTasks", { project: "parts", count: 1 });
    const [{ taskId, lease, blind }] = tasks;
    assert.equal(blind, true);
    const boxes = [{ box: { x1: 2 + i, y1: 3, x2: 20, y2: 24 }, label: 1 }];
    await call("bert", "Submit", { taskId, lease, boxes });
  }
  const page = await openAs(t, "engineer", `${base}/reviewers`);
  await page.getByRole("link", { name: "Disagreements" }).click();
  await page.getByText("On 2 images two people see different things.").waitFor();
  await shot(page, "disagreements");
  assert.deepEqual(await violationsOn(page), []);
  const rows = page.getByRole("main").getByRole("listitem");
  const names = await rows.getByRole("link").filter({ hasText: "." }).allTextContents();
  await rows.nth(0).getByRole("button", { name: "Take the second" }).click();
  await rows.nth(0).getByText("bert's answer is the truth.").waitFor();
  await rows.nth(1).getByRole("button", { name: "Take the first" }).click();
  await rows.nth(1).getByText("anna's answer is the truth.").waitFor();
  for (const [name, taken] of [[names[0], 1], [names[1], 0]]) {
    const { revisions } = deployment.json("provenance", "image", name);
    const cornersOf = ({ boxes }) => boxes.map(({ x1, y1, x2, y2 }) => [x1, y1, x2, y2]);
    assert.equal(revisions.length, 3);
    assert.equal(revisions[2].standing, "truth");
    assert.equal(revisions[2].author, "engineer");
    assert.deepEqual(cornersOf(revisions[2]), cornersOf(revisions[taken]));
  }
  await page.reload();
  await page.getByText("No two answers to an image differ").waitFor();
});
