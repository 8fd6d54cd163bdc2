// An image's history as a picture that can be walked, and the queue: what pages show is what `loupe` prints.

import assert from "node:assert/strict";
import path from "node:path";
import test, { after, before } from "node:test";
import { SCREENSHOTS, Workplace, guessesOf, press, violationsOn } from "./annotate_page.mjs";

const NOTE = '<img src=x onerror="document.title=1"> worn?';
const REVISIONS = 50;
const BOXES = 500;

const place = new Workplace();
const { deployment } = place;
const secrets = new Map(); // of tokens, by name
let requests = 0;
let image; // with a history: its id

before(async () => {
  const { truth } = place.createParts("parts", { images: 24, holdout: 0.25 });
  place.predict("parts", guessesOf(truth));
  place.createProject("empty", ["scratch"]);
  for (const [name, role] of [
    ["anna", "annotator"],
    ["eve", "engineer"],
    ["vic", "viewer"],
  ]) {
    secrets.set(name, deployment.token(role, name));
  }
  image = await makeHistory();
  await place.open();
});
after(() => place.close());

// Calls a method as this person.
async function call(name, service, method, request) {
  const response = await fetch(`${deployment.url}/loupe.v1.${service}/${method}`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${secrets.get(name)}` },
    body: JSON.stringify(request),
  });
  const answer = await response.json();
  assert.equal(response.status, 200, JSON.stringify(answer));
  return answer;
}

function label(name, method, request) {
  return call(name, "LabelingService", method, { requestId: String(++requests), ...request });
}

async function nextTasks(name, count) {
  return (await label(name, "NextTasks", { project: "parts", count })).tasks;
}

function submit(name, { taskId, lease }, boxes, more = {}) {
  return label(name, "Submit", { taskId, lease, boxes, ...more });
}

// Opens the image's answer again; `change` makes the new boxes from those there are.
async function correct(name, imageId, change) {
  const task = await label(name, "OpenTask", { project: "parts", imageId });
  const boxes = task.boxes.map(({ box, label, boxId }) => ({ box, label, boxId }));
  return submit(name, task, change(boxes), { spentMs: 65_000 });
}

// An image that anna labelled with a model's boxes and eve corrected, which was withdrawn and given back.
async function makeHistory() {
  const tasks = await nextTasks("anna", 8);
  const task = tasks.find(({ predictions }) => predictions.length > 2);
  const [first, second, ...others] = task.predictions;
  const boxes = [
    { box: first.box, label: first.label, predictedIndex: first.index },
    { box: { ...second.box, x2: second.box.x2 - 2 }, label: second.label, predictedIndex: second.index },
    { box: { x1: 60, y1: 70, x2: 110, y2: 100 }, label: 2 },
  ];
  const more = {
    rejected: [others[0].index],
    note: NOTE,
    flags: ["unclear"],
    client: "a test",
    spentMs: 8200,
  };
  await submit("anna", task, boxes, more);
  await correct("eve", task.image.id, ([kept, moved]) => [
    { ...kept, label: 3 },
    { ...moved, box: { ...moved.box, y2: moved.box.y2 - 3 } },
    { box: { x1: 5, y1: 90, x2: 30, y2: 120 }, label: 1 },
  ]);
  deployment.loupe("withdraw", "--reviewer", "eve", "--project", "parts");
  const [{ withdrawal }] = deployment.json("withdrawal", "list", "--project", "parts").withdrawals;
  deployment.loupe("withdrawal", "undo", String(withdrawal), "--project", "parts");
  return task.image.id;
}

const provenance = (...words) => deployment.json("provenance", ...words, "--project", "parts");
const region = (page, name) => page.getByRole("region", { name, exact: true });
const rowsIn = (page, name) => region(page, name).getByRole("listitem");
const queryOf = (page) => new URLSearchParams(new URL(page.url()).hash.split("?")[1]);

async function openPage(t, name, address, options) {
  if (!secrets.has(name)) secrets.set(name, deployment.adminToken);
  const page = await place.newPage(t, options);
  await page.request.post(`${deployment.url}/session`, { data: { token: secrets.get(name) } });
  await page.goto(`${deployment.url}/#/p/parts/${address}`);
  return page;
}

const isAtRevision = (page, number) => page.getByRole("heading", { name: `Revision ${number} of` }).waitFor();
const isInAddress = (page, name, value) =>
  page.waitForFunction(
    ([key, wanted]) => new URLSearchParams(location.hash.split("?")[1]).get(key) === wanted,
    [name, value],
  );

test("the revisions can be walked, and tell what `loupe provenance image` does", async (t) => {
  const { revisions } = provenance("image", image);
  assert.deepEqual(
    revisions.map(({ source }) => source),
    ["task", "reopen", "withdraw", "restore"],
  );
  const page = await openPage(t, "eve", `images/${image}`);
  await isAtRevision(page, 4);
  await page.getByText("admin gave back revision 2").waitFor();
  const steps = page.getByRole("list", { name: "Revisions" }).getByRole("button");
  assert.deepEqual(await steps.locator(".name").allTextContents(), [
    "1 · anna",
    "2 · eve",
    "3 · admin",
    "4 · admin",
  ]);
  assert.match(await steps.nth(1).innerText(), /truth now/);

  await press(page, "Home");
  await isAtRevision(page, 1);
  const told = region(page, "Revision 1");
  const [first] = revisions;
  const text = await told.innerText();
  const { generation, position, probability } = first.reason;
  for (const part of [
    "anna labelled it.",
    "It is no longer the truth.",
    `Drawn at random, with probability ${probability.toFixed(4)}.`,
    `Ranking ${generation}, position ${position + 1}.`,
    `${first.shown_boxes.length} boxes of model ${first.shown_model}`,
    "8 s",
    NOTE,
    "unclear",
    "a test",
    "Changed: 3 added",
  ]) {
    assert.ok(text.includes(part), `${part} in ${text}`);
  }
  // The first row of the label's boxes, then those that were shown.
  const rows = await rowsIn(page, "Revision 1").allInnerTexts();
  const boxRows = first.boxes.map((box) => `${box.class}\n` + `added · ${box.origin}`);
  const outcomes = {
    accepted: "accepted as it was shown",
    adjusted: "its sides were moved",
    rejected: "rejected",
    dropped: "left untouched: it counts as wrong",
  };
  const shownRows = first.shown_boxes.map(
    (box) => `${box.class} ${box.score.toFixed(3)}\n${outcomes[box.outcome]}`,
  );
  const plain = (row) => row.split("\n").slice(1).join("\n"); // Without the swatch.
  assert.deepEqual(rows.map(plain), [...boxRows, ...shownRows]);
  assert.deepEqual(new Set(first.shown_boxes.map(({ outcome }) => outcome)).has("rejected"), true);

  await press(page, "ArrowRight");
  await isAtRevision(page, 2);
  await isInAddress(page, "revision", "2");
  const changes = await rowsIn(page, "Revision 2").allInnerTexts();
  assert.equal(changes.length, 4);
  assert.match(changes[0], new RegExp(`${first.boxes[0].class} before`));
  assert.match(changes[1], /moved \(IoU 0\.\d\d\d\)/);
  assert.match(changes[2], /added · drawn/);
  assert.match(changes[3], /removed · drawn/);
  await press(page, "ArrowRight");
  await page
    .getByText("admin took back revision 2, by withdrawal 1. Revision 1 was the truth again.")
    .waitFor();

  // It is a permalink.
  await isInAddress(page, "revision", "3");
  await page.reload();
  await isAtRevision(page, 3);
  const { file_name: file } = provenance("image", image).image;
  assert.equal(await page.title(), `parts · ${file} · Loupe`);
  assert.deepEqual(page.problems, []);
});

test("a box has its life, by the keyboard and as `loupe provenance box` tells it", async (t) => {
  const page = await openPage(t, "vic", `images/${image}?revision=1`);
  await isAtRevision(page, 1);
  await page.locator(".stage").focus();
  await press(page, "Tab");
  const [box] = provenance("image", image).revisions[0].boxes;
  await isInAddress(page, "box", String(box.box_id));
  const life = provenance("box", box.box_id);
  const source = life.revisions[0].made_from;
  const told = region(page, `Box ${box.box_id}`);
  await told.getByText("It is in the truth now. No model learned from it.").waitFor();
  assert.equal(await told.getByRole("button", { name: /^Revision/ }).count(), life.revisions.length);
  const text = await told.innerText();
  const made = `Made from a box of model ${source.model}: ${source.class}, score ${source.score.toFixed(3)}; accepted as it was shown, overlap (IoU) ${source.iou.toFixed(3)}.`;
  assert.ok(text.includes(made), text);
  await press(page, "Tab", "Tab");
  await region(page, `Box ${provenance("image", image).revisions[0].boxes[2].box_id}`).waitFor();
  await press(page, "Tab");
  assert.equal(
    await page.evaluate(() => document.activeElement.tagName),
    "BUTTON",
    "Tab leaves behind the last box",
  );
  await press(page, "Escape");
  await page.waitForFunction(() => !location.hash.includes("box="));

  // A click takes the smallest box there; the removed one stands in the next revision, too.
  await page.goto(`${deployment.url}/#/p/parts/images/${image}?revision=2`);
  await isAtRevision(page, 2);
  const gone = provenance("image", image).revisions[0].boxes[2];
  await region(page, "Revision 2")
    .getByRole("button", { name: /removed/ })
    .click();
  await region(page, `Box ${gone.box_id}`).getByText("It is not in the truth now.").waitFor();
  assert.deepEqual(page.problems, []);
});

test("any model's predictions can be laid over it", async (t) => {
  const page = await openPage(t, "vic", `images/${image}`);
  const predictions = region(page, "Predictions");
  await predictions.getByLabel("Model").selectOption("1");
  const answer = await call("vic", "InsightService", "GetPrediction", {
    project: "parts",
    imageId: image,
    model: "1",
  });
  const shown = answer.boxes.filter(({ score }) => score >= 0.3).length;
  await predictions.getByText(`predicts ${shown} boxes with a score of at least 0.30`).waitFor();
  assert.equal(await rowsIn(page, "Predictions").count(), shown);
  await predictions.getByLabel(/^Score from/).fill("0.9");
  await predictions.getByText("predicts 1 box with a score of at least 0.90").waitFor();
  await isInAddress(page, "score", "0.9");
  await page.reload();
  await predictions.getByText("predicts 1 box with a score of at least 0.90").waitFor();
  assert.deepEqual(page.problems, []);
});

test("an engineer corrects, excludes and takes back; a viewer doesn't", async (t) => {
  const page = await openPage(t, "eve", `images/${image}`);
  await page.route("**/RequestReviews", (route) => route.abort(), { times: 1 });
  await page.getByRole("button", { name: "Ask for a second look" }).click();
  await page.getByText("The coordinator can't be reached").waitFor();
  await page.getByRole("button", { name: "Ask for a second look" }).click();
  await page.getByText("Somebody else will look at it.").waitFor();
  await page.getByRole("button", { name: "Exclude…" }).click();
  await page.getByLabel("Why?").fill("blurred <b>");
  await page.getByRole("button", { name: "Exclude", exact: true }).click();
  await page.getByText("excluded: blurred <b>").waitFor();
  assert.equal(provenance("image", image).image.state_reason, "blurred <b>");
  assert.equal(await page.getByRole("link", { name: "Correct it" }).count(), 0);
  await page.getByRole("button", { name: "Take it back into use" }).click();
  // The page that opens holds no image: the test of the queue counts what is held.
  await page.route(/\/(NextTasks|OpenTask)$/, (route) => route.abort());
  await page.getByRole("link", { name: "Correct it" }).click();
  await page.waitForURL(/annotate\?open=/);

  const other = await openPage(t, "vic", `images/${image}`);
  await isAtRevision(other, 4);
  for (const name of ["Correct it", "Ask for a second look", "Exclude…", "Take it back into use"]) {
    assert.equal(await other.getByText(name).count(), 0, name);
  }
});

test("permalinks to what is gone say so and lead back", async (t) => {
  const page = await openPage(t, "eve", "images/999999");
  await page.getByText("The project has no image 999999.").waitFor();
  for (const [query, text] of [
    ["revision=99", "The image has no revision 99: it has 4."],
    ["box=999999", "There is no box 999999."],
    ["model=7", 'there is no model "7"'],
  ]) {
    await page.goto(`${deployment.url}/#/p/parts/images/${image}?${query}`);
    await page.getByText(text).waitFor();
  }
  await page.goto(`${deployment.url}/#/p/parts/images/none`);
  await page.getByText("The project has no image none.").waitFor();

  const [{ image: removed }] = deployment.json("queue", "--project", "parts").entries.slice(-1);
  deployment.loupe(
    "image",
    "remove",
    removed.file_name,
    "--reason",
    "shows a person",
    "--yes",
    "--project",
    "parts",
  );
  await page.goto(`${deployment.url}/#/p/parts/images/${removed.id}`);
  await page.getByText("The picture was removed").waitFor();
  await page.getByText("removed: shows a person").waitFor();

  secrets.set("annotator", secrets.get("anna"));
  secrets.set("worker", deployment.token("worker", "wilma"));
  for (const role of ["annotator", "worker"]) {
    const page = await openPage(t, role, `images/${image}`);
    for (const address of [`images/${image}`, "queue", "images?side=pool"]) {
      await page.goto(`${deployment.url}/#/p/parts/${address}`);
      await page.getByText(/only viewers, engineers and admins see (it|them)\./).waitFor();
      const words = `Your token has the role ${role}. Ask an admin for one with the role viewer.`;
      await page.getByText(words).waitFor();
      assert.equal(await page.locator("main :is(button, select, input)").count(), 0, address);
    }
  }
});

test("fifty revisions of 500 boxes are walked quickly", async (t) => {
  const [task] = await nextTasks("eve", 1);
  const side = 128 / 23;
  const boxes = Array.from({ length: BOXES }, (_, i) => {
    const [x1, y1] = [(i % 23) * side, Math.floor(i / 23) * side];
    return { label: 1 + (i % 4), box: { x1, y1, x2: x1 + 5, y2: y1 + 5 } };
  });
  await submit("eve", task, boxes);
  const { id } = task.image;
  for (let number = 2; number <= REVISIONS; ++number) {
    await correct("eve", id, (all) =>
      all.map((each, i) =>
        i % 7 === number % 7 ? { ...each, box: { ...each.box, x1: each.box.x1 + 0.25 } } : each,
      ),
    );
  }
  const page = await openPage(t, "eve", `images/${id}`);
  await isAtRevision(page, REVISIONS);
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable", { timeDomain: "threadTicks" });
  const busy = async () => {
    const { metrics } = await session.send("Performance.getMetrics");
    return 1000 * metrics.find(({ name }) => name === "TaskDuration").value;
  };
  const begin = await busy();
  for (let number = REVISIONS - 1; number >= 1; --number) {
    await press(page, "ArrowLeft");
    await isAtRevision(page, number);
  }
  const each = (await busy()) - begin;
  t.diagnostic(`${(each / (REVISIONS - 1)).toFixed(1)} ms of the page's thread a step`);
  assert.ok(each / (REVISIONS - 1) < 50, `${each / (REVISIONS - 1)} ms a step`);
  assert.deepEqual(page.problems, []);
});

test("the queue is what `loupe queue` prints, by slice and by class", async (t) => {
  const { entries } = deployment.json("queue", "--limit", "1000", "--project", "parts");
  const waiting = entries.filter(({ state }) => state !== "answered");
  const held = entries.filter(({ state }) => state === "leased");
  assert.equal(held.length, 7, "anna has them");
  const page = await openPage(t, "vic", "queue");
  const cards = rowsIn(page, "Next").filter({ has: page.getByRole("link") });
  const files = async () => cards.locator(".name").allTextContents();
  const isShown = (count) =>
    page.waitForFunction(
      (n) => document.querySelectorAll("[aria-label=Next] .cards > li").length === n,
      count,
    );
  await isShown(Math.min(waiting.length, 24));
  assert.deepEqual(
    await files(),
    waiting.slice(0, 24).map(({ image: { file_name: file } }) => file),
  );
  const [head] = waiting;
  const text = await cards.first().innerText();
  for (const part of [
    head.reason.slice,
    `Ranking ${head.reason.generation}, position ${head.reason.position + 1}.`,
    `${head.held_by} has it until`,
    ...head.predicted.map((each) => `${each.class} ${each.score.toFixed(3)}`),
  ]) {
    assert.ok(text.includes(part), `${part} in ${text}`);
  }
  const left = await region(page, "Waiting").locator(".figure").allInnerTexts();
  const slices = [...new Set(waiting.map(({ reason }) => reason.slice))].sort();
  const countOf = (slice) => waiting.filter(({ reason }) => reason.slice === slice).length;
  assert.deepEqual(
    left.map((each) => each.split("\n").slice(0, 2).join(" ")),
    slices.map((slice) => `${slice} ${countOf(slice)}`),
  );
  await region(page, "Worked on now").getByText("7 images are worked on now").waitFor();
  assert.equal(await region(page, "Worked on now").getByRole("row").count(), 8);

  await page.getByLabel("Slice").selectOption("holdout");
  await isShown(countOf("holdout"));
  assert.equal(queryOf(page).get("slice"), "holdout");
  await page.getByLabel("Slice").selectOption("");
  const { class: className } = head.predicted.at(-1) ?? { class: "scratch" };
  const ofClass = waiting.filter(({ predicted }) => predicted.some((each) => each.class === className));
  await page.getByLabel("Predicted class").selectOption(className);
  await isShown(Math.min(ofClass.length, 24));
  assert.deepEqual(
    await files(),
    ofClass.slice(0, 24).map(({ image: { file_name: file } }) => file),
  );
  await page.goto(`${deployment.url}/#/p/parts/queue?slice=rare`);
  await page.getByText("No such image waits.").waitFor();
  await page.getByRole("link", { name: "Show all that wait" }).click();
  await isShown(Math.min(waiting.length, 24));
  await page.goto(`${deployment.url}/#/p/empty/queue`);
  await page.getByText("Nothing waits in the ranking.").waitFor();

  // What is asked for comes first.
  const asked = region(page, "Before the ranking");
  deployment.loupe("class", "add", "burr", "--project", "parts");
  await page.goto(`${deployment.url}/#/p/parts/queue`);
  await asked.getByText("To be looked at for burr.").first().waitFor();
  await asked.getByText("A second look, by somebody else than its author.").waitFor();
  assert.deepEqual(page.problems, []);
});

test("the pages look as they should, and axe finds nothing serious", async (t) => {
  const [{ box_id: box }] = provenance("image", image).revisions[0].boxes;
  for (const [width, height, colorScheme] of [
    [1280, 800, "light"],
    [1280, 800, "dark"],
    [1920, 1080, "dark"],
    [390, 844, "light"],
  ]) {
    const page = await openPage(t, "eve", "queue", { colorScheme, viewport: { width, height } });
    const look = async (name) => {
      const wide = await page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(wide <= width, `${name} is ${wide} pixels wide of ${width}`);
      const file = path.join(SCREENSHOTS, `${name}-${width}-${colorScheme}.png`);
      await page.screenshot({ path: file, fullPage: true });
      if (width === 1280) assert.deepEqual(await violationsOn(page), []);
    };
    await page.locator(".cards img").first().waitFor();
    await look("queue");
    await page.goto(`${deployment.url}/#/p/parts/images/${image}?revision=2&box=${box}&model=1`);
    await region(page, `Box ${box}`).getByText("Made from a box").waitFor();
    await region(page, "Predictions").getByText("predicts").waitFor();
    await look("history");
    assert.deepEqual(page.problems, []);
  }
});
