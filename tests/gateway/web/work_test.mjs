// The page of a person's work: what they have done, what they hold, what waits to be sent, and how far the
// project is.

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
  openProject,
  press,
  rowsOn,
  submit,
} from "./annotate_page.mjs";
import { eventually, png, writePictures } from "./deployment.mjs";

const DAY = 24 * 3600_000; // milliseconds
const HOSTILE = '<img src=x onerror="document.title=1">.png';
const NOTE = "<b>two</b>\nor one?";

const place = new Workplace();
const { deployment } = place;
const secrets = new Map(); // of tokens, by name
let requests = 0;

before(async () => {
  const folder = path.join(deployment.folder, "pictures");
  writePictures(folder, "part", 5, 64);
  fs.writeFileSync(path.join(folder, HOSTILE), png(96, 64, 77));
  place.createProject("parts", ["scratch", "dent"], folder);
  for (const [project, count] of [["many", 25], ["spare", 12], ["one", 1]]) {
    const pictures = path.join(deployment.folder, project);
    writePictures(pictures, project, count, 32);
    place.createProject(project, ["scratch"], pictures);
  }
  place.createProject("empty", ["scratch"]);
  for (const name of ["anna", "bert", "carl", "dora", "emil", "fina"]) {
    secrets.set(name, deployment.token("annotator", name));
  }
  await place.open();
});
after(() => place.close());

// Calls LabelingService as this person.
async function call(name, method, request) {
  const response = await fetch(`${deployment.url}/loupe.v1.LabelingService/${method}`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${secrets.get(name)}` },
    body: JSON.stringify(request),
  });
  const answer = await response.json();
  assert.equal(response.status, 200, JSON.stringify(answer));
  return answer;
}

async function nextTasks(name, project, count) {
  return (await call(name, "NextTasks", { requestId: String(++requests), project, count })).tasks;
}

function answer(name, { taskId, lease }, labels, more = {}) {
  const boxes = labels.map((label, i) => ({ label, box: { x1: 1 + i, y1: 1, x2: 20 + i, y2: 20 } }));
  return call(name, "Submit", { requestId: String(++requests), taskId, lease, boxes, ...more });
}

async function openWork(t, name, project, options) {
  const page = await place.newPage(t, options);
  await place.logIn(page, name);
  await page.getByRole("link", { name: `Your work in ${project}`, exact: true }).click();
  await page.getByRole("heading", { name: `Your work in ${project}` }).waitFor();
  return page;
}

const section = (page, name) => page.getByRole("region", { name, exact: true });
const answersOn = (page) => section(page, "Your last answers").getByRole("listitem");
const waitingOn = (page) => section(page, "Only in this browser").getByRole("listitem");
const shows = (page, text) => page.getByText(text).waitFor();
const isRead = (page) => page.getByRole("heading", { name: "The project" }).waitFor();
const cellsOf = (page, row) =>
  page.getByRole("row").filter({ has: page.getByRole("rowheader", { name: row }) }).getByRole("cell");
const figures = async (page, row) => (await cellsOf(page, row).allTextContents()).join(", ");

test("a person sees what they have done, and opens an answer again", async (t) => {
  const tasks = await nextTasks("anna", "parts", 6);
  const hostile = tasks.find(({ image }) => image.fileName === HOSTILE);
  const [other] = tasks.filter((task) => task !== hostile);
  await answer("anna", other, [1], { spentMs: 5000 });
  await answer("anna", hostile, [1, 2], { spentMs: 65_000, note: NOTE, flags: ["unclear", "<i>"] });

  const page = await openWork(t, "anna", "parts");
  await isRead(page);
  assert.equal(await figures(page, "Today"), "2, 3, 1 min 10 s");
  assert.equal(await figures(page, "In all"), "2, 3, 1 min 10 s");
  await shows(page, "4 images are held for you.");
  assert.equal(await section(page, "Open tasks").getByRole("listitem").count(), 4);
  await shows(section(page, "The project"), "2 of 6 labelled, 4 left");
  // Counts of classes would tell what became the truth.
  assert.equal(await page.getByRole("table", { name: "Boxes by class" }).count(), 0);
  // The last answer comes first.
  assert.equal(await answersOn(page).count(), 2);
  const first = answersOn(page).first();
  const text = await first.innerText();
  const parts = [HOSTILE, " UTC · 2 boxes · 1 min 5 s", `Note: ${NOTE}`, "Flags: unclear, <i>"];
  for (const part of parts) assert.ok(text.includes(part), text);
  await page.waitForFunction(() => {
    const pictures = [...document.querySelectorAll(".thumbnail")];
    return pictures.length === 2 && pictures.every((each) => each.complete && each.naturalWidth > 0);
  });
  assert.equal(await page.title(), "parts · Your work · Loupe");
  assert.deepEqual(page.problems, []);

  await page.getByRole("link", { name: `Open ${HOSTILE} again` }).click();
  await page.locator(".file").getByText(HOSTILE).waitFor();
  await isReady(page);
  assert.equal(await rowsOn(page).count(), 2);
  await press(page, "n", "n", "Enter");
  await hasSent(page);
  await page.getByRole("link", { name: "Your work" }).click();
  await isRead(page);
  assert.match(await figures(page, "Today"), /^2, 4, /);
  assert.match(await first.innerText(), /3 boxes/);
  assert.equal(await answersOn(page).count(), 2);
  assert.deepEqual(page.problems, []);

  // On the next day it wasn't today.
  await page.clock.setFixedTime(Date.now() + DAY);
  await page.reload();
  await isRead(page);
  assert.equal(await figures(page, "Today"), "0, 0, 0 s");
  assert.match(await figures(page, "In all"), /^2, 4, /);
  assert.ok(!(await first.innerText()).includes("today"));
});

test("older answers come on demand, and the focus goes to them", async (t) => {
  const tasks = await nextTasks("bert", "many", 25);
  for (const task of tasks) await answer("bert", task, []);
  const page = await openWork(t, "bert", "many");
  await isRead(page);
  assert.equal(await answersOn(page).count(), 20);
  await page.getByRole("button", { name: "More" }).click();
  await answersOn(page).nth(24).waitFor();
  await page.waitForFunction(() => document.activeElement === document.querySelectorAll(".answers li")[20]);
  assert.equal(await page.getByRole("button", { name: "More" }).count(), 0);
  const files = await answersOn(page).locator(".name").allTextContents();
  assert.deepEqual(files, tasks.map(({ image }) => image.fileName).reverse());
});

test("an answer that came late says so", async (t) => {
  const [late] = await nextTasks("carl", "one", 1);
  deployment.psql(`UPDATE lease SET expires_at = now() - interval '1 second' WHERE task_id = ${late.taskId}`);
  let task;
  await eventually("the image is served again", async () => {
    return ([task] = await nextTasks("dora", "one", 1)).length > 0;
  });
  await answer("dora", task, [1]);
  await answer("carl", late, [1, 1]);
  const page = await openWork(t, "carl", "one");
  await shows(answersOn(page), "kept beside the truth: somebody else had answered meanwhile");
  assert.equal(await page.getByRole("link", { name: /^Open .* again$/ }).count(), 0);
  await shows(section(page, "The project"), "1 of 1 labelled, 0 left");
});

test("what waits while the coordinator is away is shown, and the figures come after it", async (t) => {
  t.after(() => deployment.up());
  const page = await place.newPage(t);
  await place.logIn(page, "emil");
  await openProject(page, "spare");
  const file = await fileOn(page);
  deployment.kill();
  await press(page, "n", "n", "Enter");
  await shows(page, "1 waiting to send · saved");
  await page.getByRole("link", { name: "Your work" }).click();
  assert.match(await waitingOn(page).innerText(), /1 box · spare · \d{4}-\d\d-\d\d \d\d:\d\d UTC/);
  await waitingOn(page).getByText(file).waitFor();
  await page.getByRole("button", { name: "Try again" }).waitFor();
  deployment.up();
  await hasSent(page);
  await isRead(page);
  assert.match(await figures(page, "Today"), /^1, 1, /);
  await answersOn(page).getByText(file).waitFor();
  assert.equal(await page.getByRole("button", { name: "Try again" }).count(), 0);
});

test("what was refused is sent again or discarded", async (t) => {
  const page = await place.newPage(t);
  await place.logIn(page, "emil");
  const body = JSON.stringify({ code: "invalid_argument", message: "box 0 <b>is bad</b>" });
  await page.route("**/loupe.v1.LabelingService/Submit", (route) => {
    return route.fulfill({ status: 400, contentType: "application/json", body });
  });
  await openProject(page, "spare");
  const files = [await submit(page), await submit(page)];
  await page.getByText("Not taken:").nth(1).waitFor();
  // It shows what belongs to other projects, too.
  await page.goto(`${deployment.url}/#/p/empty/work`);
  await page.getByText("0 waiting to send · saved · 2 not taken").waitFor();
  for (const file of files) {
    const row = waitingOn(page).filter({ hasText: `${file}0 boxes · spare` });
    await row.getByText("Not taken: box 0 <b>is bad</b>").waitFor();
  }
  await page.unroute("**/loupe.v1.LabelingService/Submit");
  await page.getByRole("button", { name: `Discard ${files[0]}` }).click();
  await waitingOn(page).nth(1).waitFor({ state: "detached" });
  await page.getByRole("button", { name: `Send ${files[1]} again` }).click();
  await waitingOn(page).first().waitFor({ state: "detached" });
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "0 waiting to send · saved");
  await page.goto(`${deployment.url}/#/p/spare/work`);
  await answersOn(page).getByText(files[1]).waitFor();
  assert.equal(await answersOn(page).getByText(files[0]).count(), 0);
});

test("tasks that are given back when the annotation page is left aren't listed", async (t) => {
  const page = await place.newPage(t);
  await page.route("**/loupe.v1.LabelingService/Release", async (route) => {
    await new Promise((resolve) => setTimeout(resolve, 500));
    await route.continue();
  });
  await place.logIn(page, "fina");
  await openProject(page, "spare");
  await page.getByRole("link", { name: "Your work" }).click();
  await shows(page, "No image is held for you.");
});

test("who has done nothing yet is led to the first image", async (t) => {
  const page = await openWork(t, "fina", "spare");
  await shows(page, "You have sent no answer in spare yet.");
  await page.getByRole("link", { name: "Label the first image" }).click();
  await isReady(page);
});

test("the list of projects says how far they are", async (t) => {
  const page = await place.newPage(t);
  await place.logIn(page, "anna");
  const row = (name) => section(page, "Projects").getByRole("listitem").filter({ hasText: name });
  await row("one").getByText("1 of 1 labelled").waitFor();
  await row("many").getByText("25 of 25 labelled").waitFor();
  await row("empty").getByText("no pictures yet").waitFor();
});

test("an engineer sees pool and holdout apart, an annotator doesn't", async (t) => {
  const engineer = await openWork(t, "admin", "parts");
  await shows(engineer, "Pool: 2 of 6. Holdout: 0 of 0.");
  const annotator = await openWork(t, "anna", "parts");
  await isRead(annotator);
  assert.equal(await annotator.getByText("Holdout").count(), 0);
});

test("a viewer reads why the page has nothing for them", async (t) => {
  deployment.token("viewer", "vera");
  const page = await place.newPage(t);
  await place.logIn(page, "vera");
  await shows(page, "25 of 25 labelled");
  assert.equal(await page.getByRole("link", { name: /^Your work/ }).count(), 0);
  await page.goto(`${deployment.url}/#/p/parts/work`);
  await shows(page, "Only annotators, engineers and admins label. Your token has the role viewer");
  await page.getByRole("link", { name: "All projects" }).click();
  await page.getByRole("heading", { name: "Projects" }).waitFor();
});

test("a project that isn't there is an error with a way out", async (t) => {
  const page = await place.newPage(t);
  await place.logIn(page, "anna");
  await page.goto(`${deployment.url}/#/p/nowhere/work`);
  await page.getByRole("alert").getByText("nowhere").waitFor();
  await page.getByRole("button", { name: "Try again" }).waitFor();
  await page.getByRole("link", { name: "All projects" }).waitFor();
});

for (const colorScheme of ["light", "dark"]) {
  for (const width of [1920, 1280, 390]) {
    test(`the page fits ${width} pixels, ${colorScheme}`, async (t) => {
      const viewport = { width, height: width > 1280 ? 1080 : 800 };
      const page = await openWork(t, "anna", "parts", { colorScheme, viewport });
      await isRead(page);
      await page.waitForLoadState("networkidle"); // The thumbnails are there.
      const file = `work-${colorScheme}-${width}.png`;
      await page.screenshot({ path: path.join(SCREENSHOTS, file), fullPage: true });
      const widest = await page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(widest <= width, `it is ${widest} pixels wide`);
    });
  }
}
