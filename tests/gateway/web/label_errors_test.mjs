// Likely errors in labels: the list of them, and how people mend and keep what a round has found.

import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import test, { after, before } from "node:test";
import {
  SCREENSHOTS,
  Workplace,
  fileOn,
  hasSent,
  isReady,
  press,
  submit,
  violationsOn,
} from "./annotate_page.mjs";

const place = new Workplace();
const { deployment } = place;
const errors = []; // as { image, kind, wrong, proposed, logOdds }: what label_error will hold
const secrets = {}; // of tokens, by name
let first; // the image that has an error of each kind
let base; // of the project's pages
let requests = 0;

const shot = (page, name) => page.screenshot({ path: path.join(SCREENSHOTS, `label-errors-${name}.png`) });
const asBox = ({ bbox: [x, y, width, height], category_id: label }) => [x, y, x + width, y + height, label];

// Spoils labels, and keeps in `errors` what a search would say of them.
function spoil({ images, annotations }) {
  const boxesOf = ({ id }) => annotations.filter(({ image_id }) => image_id === id);
  const [most, second, third] = [...images].sort((a, b) => boxesOf(b).length - boxesOf(a).length);
  first = most.file_name;
  const say = (image, kind, wrong, proposed) => {
    const logOdds = 4 - 0.4 * errors.length;
    errors.push({ image: image.file_name, kind, logOdds, wrong: wrong && asBox(wrong), proposed });
  };
  const forget = (image, box) => {
    annotations.splice(annotations.indexOf(box), 1);
    say(image, "missing", null, asBox(box));
  };
  const shift = (image, box) => {
    const is = asBox(box);
    box.bbox[0] += box.bbox[0] < 64 ? 9 : -9;
    say(image, "moved", box, is);
  };
  const confuse = (image, box) => {
    const is = asBox(box);
    box.category_id = (box.category_id % 5) + 1;
    say(image, "wrong_class", box, is);
  };
  const invent = (image) => {
    const box = { id: 1000 + image.id, image_id: image.id, category_id: 2, bbox: [3, 3, 20, 14] };
    annotations.push({ ...box, area: 280, iscrowd: 0 });
    say(image, "invented", box, null);
  };
  const [a, b, c, d] = boxesOf(most);
  forget(most, a);
  shift(most, b);
  confuse(most, c);
  invent(most);
  say(most, "invented", d, null); // wrongly
  shift(second, boxesOf(second)[0]);
  confuse(third, boxesOf(third)[0]);
}

before(async () => {
  const { folder, truth } = place.createParts("parts", { images: 12 });
  spoil(truth);
  const coco = path.join(folder, "spoilt.json");
  fs.writeFileSync(coco, JSON.stringify(truth));
  const labelled = path.join(folder, "labelled.txt");
  fs.writeFileSync(labelled, truth.images.map(({ file_name }) => `${file_name}\n`).join(""));
  const words = ["--coco", coco, "--labelled", `@${labelled}`, "--blind", "--project", "parts"];
  deployment.loupe("import", "--images", path.join(folder, "images"), ...words);
  const roles = { engineer: "engineer", viewer: "viewer", anna: "annotator", bert: "annotator" };
  for (const [name, role] of Object.entries(roles)) secrets[name] = deployment.token(role, name);
  base = `${deployment.url}/#/p/parts`;
  await place.open();
});
after(() => place.close());

// A round that has found the errors.
function search() {
  const none = new Map(errors.map(({ image }) => [image, []]));
  place.predict("parts", none);
  deployment.psql(`
    WITH made AS (INSERT INTO snapshot (project_id) SELECT id FROM project RETURNING id)
    INSERT INTO round (project_id, number, state, recipe, snapshot_id, submitted_by, model_id, checking_at,
                       ended_at)
    SELECT project_id, 1, 'done', 'label_errors { folds: 3 }', made.id, 1, model.id, now(), now()
    FROM made, model;
    INSERT INTO job (round_id, kind, state, fold, images, ended_at)
    SELECT id, 'find_label_errors', 'done', 1, 12, now() FROM round;
    ${errors.map(inserted).join(";\n")}`);
}

function inserted({ image, kind, wrong, proposed, logOdds }) {
  const box = wrong
    ? `(SELECT box_id FROM label_box WHERE revision_id = head_revision_id
        AND (round(x1), round(y1), label) = (${wrong[0]}, ${wrong[1]}, ${wrong[4]}))`
    : "NULL";
  const corners = proposed ? `ARRAY[${proposed.slice(0, 4).join(", ")}]::real[]` : "NULL";
  return `
    INSERT INTO label_error (round_id, image_id, revision_id, kind, box_id, corners, label, log_odds)
    SELECT round.id, image.id, head_revision_id, '${kind}', ${box}, ${corners}, ${proposed?.[4] ?? "NULL"}, ${logOdds}
    FROM round, image WHERE file_name = '${image}'`;
}

async function askFor(file) {
  const id = deployment.psql(`SELECT id FROM image WHERE file_name = '${file}'`);
  const response = await fetch(`${deployment.url}/loupe.v1.LabelingService/RequestReviews`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${secrets.engineer}` },
    body: JSON.stringify({ requestId: String(++requests), project: "parts", imageIds: [id] }),
  });
  assert.equal(response.status, 200, await response.text());
}

async function openAs(t, name, address, options) {
  const page = await place.newPage(t, options);
  await place.logIn(page, name);
  await page.goto(address);
  return page;
}

// The boxes of the truth, by id: [x1, y1, x2, y2, label], rounded.
function truthOf(file) {
  const rows = deployment.psql(`
    SELECT box_id, round(x1), round(y1), round(x2), round(y2), label
    FROM label_box JOIN image ON head_revision_id = revision_id WHERE file_name = '${file}'`);
  return new Map(rows.split("\n").map((row) => row.split("|").map(Number)).map(([id, ...box]) => [id, box]));
}

const decisions = () =>
  deployment.psql("SELECT kind, mended FROM label_error WHERE mended IS NOT NULL ORDER BY log_odds DESC");
const likely = (page) => page.getByRole("region", { name: "Likely errors" });
const says = (page, text) => likely(page).getByRole("status").filter({ hasText: text }).waitFor();

test("where no round has searched, the page says how", async (t) => {
  const page = await openAs(t, "engineer", `${base}/reviewers`);
  await page.getByRole("link", { name: "Label errors" }).click();
  await page.getByText("No round has searched the labels for errors yet.").waitFor();
  assert.equal(await page.getByLabel("line of the recipe").first().inputValue(), "label_errors { folds: 3 }");
  await shot(page, "none");
  assert.deepEqual(await violationsOn(page), []);
  await page.getByRole("link", { name: "Start a round with this line" }).click();
  await page.getByText("label_errors {").waitFor();
  search();
});

test("an annotator mends an error of each kind by the key, and keeps a label", async (t) => {
  await askFor(first);
  const before = truthOf(first);
  const idOf = ({ wrong }) => [...before].find(([, box]) => box.join() === wrong.map(Math.round).join())[0];
  const page = await openAs(t, "anna", `${base}/annotate`);
  await isReady(page);
  assert.equal(await fileOn(page), first);
  const said = [
    "1 of 5: Something is missing here: ",
    "2 of 5: The box of ",
    "3 of 5: ",
    "4 of 5: Nothing seems to be here, but a box of pit, odds 16 to 1",
    "5 of 5: Nothing seems to be here",
  ];
  for (const [i, text] of said.entries()) {
    await says(page, text);
    await shot(page, `task-${i + 1}`);
    if (i < 4) await press(page, "Shift+M");
    if (i === 0) {
      await says(page, said[1]);
      await press(page, "u");
      await says(page, said[0]);
      await press(page, "Shift+M");
    }
  }
  assert.deepEqual(await violationsOn(page), []);
  await press(page, "Shift+K");
  await says(page, "All 5 are decided: Enter submits.");
  await page.reload();
  await isReady(page);
  await says(page, "All 5 are decided: Enter submits.");
  await shot(page, "decided");
  await press(page, "Enter");
  await hasSent(page);

  const [missing, moved, confused, invented] = errors;
  const expected = new Map(before);
  expected.set(idOf(moved), moved.proposed);
  expected.set(idOf(confused), [...confused.wrong.slice(0, 4), confused.proposed[4]]);
  expected.delete(idOf(invented));
  const now = truthOf(first);
  const [added] = [...now].filter(([id]) => !before.has(id));
  assert.deepEqual(added[1], missing.proposed);
  now.delete(added[0]);
  const sorted = (boxes) => [...boxes].sort(([a], [b]) => a - b);
  assert.deepEqual(sorted(now), sorted(expected));
  assert.equal(decisions(), "missing|t\nmoved|t\nwrong_class|t\ninvented|t\ninvented|f");
});

test("an engineer sees what is open, opens one, and asks for reviews of the others", async (t) => {
  const page = await openAs(t, "engineer", `${base}/label-errors`);
  await page.getByText("Round 1 searched the labels: 2 likely errors are open, 4 mended and 1 kept.").waitFor();
  await shot(page, "list");
  assert.deepEqual(await violationsOn(page), []);
  const rows = page.getByRole("main").getByRole("listitem").filter({ has: page.getByText("labelled by") });
  assert.equal(await rows.count(), 2);
  await rows.first().getByText("lies beside its thing").waitFor();
  await page.getByRole("button", { name: "Ask for reviews of 2 images on this page" }).click();
  await page.getByText("Somebody else will look at 2 images.").waitFor();
  assert.equal(await page.getByText("in review").count(), 2);
  await page.reload();
  await page.getByText("in review").nth(1).waitFor();
  assert.equal(await page.getByRole("button", { name: /^Ask for reviews/ }).count(), 0);

  await rows.first().getByRole("link", { name: "Open" }).click();
  await isReady(page);
  await says(page, "1 of 1: The box of ");
  await likely(page).getByRole("button", { name: "keep it" }).click();
  await says(page, "It is decided: Enter submits.");
  await press(page, "Enter");
  await hasSent(page);
  assert.equal(decisions().split("\n").at(-1), "moved|f");
  // What comes next is for bert.
  const released = page.waitForResponse("**/loupe.v1.LabelingService/Release");
  await isReady(page);
  await page.goto(`${base}/label-errors`);
  await released;
  await page.getByText("1 likely error is open, 4 mended and 2 kept.").waitFor();
});

test("without the panel the buttons are below the image", async (t) => {
  const page = await openAs(t, "bert", `${base}/annotate`, {
    viewport: { width: 390, height: 844 },
    colorScheme: "dark",
  });
  await isReady(page);
  // The one that the engineer has decided is still to be reviewed.
  if ((await fileOn(page)) !== errors.at(-1).image) await submit(page);
  await page.getByRole("status").filter({ hasText: "1 of 1: " }).waitFor();
  await shot(page, "phone");
  await page.getByRole("button", { name: "change class" }).click();
  await page.getByRole("status").filter({ hasText: "It is decided: Enter submits." }).waitFor();
});

test("a viewer sees the errors, and no buttons; annotators don't see them", async (t) => {
  const page = await openAs(t, "viewer", `${base}/label-errors`, {
    viewport: { width: 600, height: 800 },
    colorScheme: "dark",
  });
  await page.getByText("1 likely error is open, 4 mended and 2 kept.").waitFor();
  await shot(page, "viewer");
  assert.deepEqual(await violationsOn(page), []);
  assert.equal(await page.getByRole("button", { name: /reviews/ }).count(), 0);
  assert.equal(await page.getByRole("link", { name: /^Open/ }).count(), 0);
  await page.getByRole("link", { name: "Round 1" }).click();
  await page.getByRole("list", { name: "Steps" }).getByText("checking").waitFor();
  const theirs = await openAs(t, "anna", `${base}/label-errors`);
  await theirs.getByText("What seems wrong with labels would bias who reviews them").waitFor();
});
