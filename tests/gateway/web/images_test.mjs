// The grid of images: filters and orders in the address, many selected at once, and images that look alike.

import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import test, { after, before } from "node:test";
import { SCREENSHOTS, Workplace, loseAnswer, violationsOn } from "./annotate_page.mjs";
import { eventually, png, writePictures } from "./deployment.mjs";

const PICTURES = 90;
const MANY = 10_000; // rows without pictures of their own
const HOSTILE = '<img src=x onerror="document.title=1">.png';

const place = new Workplace();
const { deployment } = place;
const secrets = new Map(); // of annotators' tokens, by name
let requests = 0;

before(async () => {
  const folder = path.join(deployment.folder, "pictures");
  writePictures(folder, "part", PICTURES - 1, 32);
  fs.writeFileSync(path.join(folder, HOSTILE), png(48, 32, 77));
  place.createProject("parts", ["scratch", "dent"], folder);
  deployment.token("engineer", "emma");
  place.createProject("many", ["scratch"]);
  // The file names are those of many pictures, and the bytes those of none: the grid counts, the pictures fail.
  deployment.psql(`
    INSERT INTO image (project_id, sha256, file_name, width, height, size_bytes, media_type, sampling_key, side)
    SELECT id, sha256(number::text::bytea), 'many-' || lpad(number::text, 5, '0') || '.png', 32, 32, 10,
           'image/png', 0.9, 'pool'
    FROM project, generate_series(0, ${MANY - 1}) number WHERE name = 'many'`);
  place.createProject("empty", ["scratch"]);
  const tasks = (await ask("anna", "NextTasks", { project: "parts", count: 12 })).tasks;
  for (const [i, { taskId, lease }] of tasks.entries()) {
    const boxes = [{ label: 1 + (i % 2), box: { x1: 2, y1: 2, x2: 20, y2: 20 } }];
    await ask("anna", "Submit", { taskId, lease, boxes });
  }
  await place.open();
});
after(() => place.close());

function secretOf(name) {
  if (!secrets.has(name)) secrets.set(name, deployment.token("annotator", name));
  return secrets.get(name);
}

// Calls LabelingService as this annotator.
async function ask(name, method, request) {
  const response = await fetch(`${deployment.url}/loupe.v1.LabelingService/${method}`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${secretOf(name)}` },
    body: JSON.stringify({ requestId: `ask-${++requests}`, ...request }),
  });
  const answer = await response.json();
  assert.equal(response.status, 200, JSON.stringify(answer));
  return answer;
}

async function openImages(t, project, query = "", { role = "engineer", ...options } = {}) {
  const page = await place.newPage(t, options);
  const data = { token: deployment.token(role, `${role}-${++requests}`) };
  const made = await page.request.post(`${deployment.url}/session`, { data });
  assert.ok(made.ok(), await made.text());
  await page.goto(`${deployment.url}/#/p/${project}/images${query}`);
  await page.getByRole("heading", { name: /^Images/, level: 2 }).waitFor();
  return page;
}

const tiles = (page) => page.getByRole("gridcell");
const bar = (page) => page.getByRole("region", { name: "Selected images" });
const shows = (page, text) => page.getByText(text).first().waitFor();
const selected = (page) => page.locator('[role="gridcell"][aria-selected="true"]');
const focused = (page) => page.evaluate(() => document.activeElement.querySelector(".file")?.textContent ?? "");
const fileOf = (page, place) => tiles(page).nth(place).locator(".file").textContent();
const number = (sql) => Number(deployment.psql(sql));

test("images are found by filters that stand in the address", async (t) => {
  const page = await openImages(t, "parts");
  await shows(page, `${PICTURES} images.`);
  await page.screenshot({ path: path.join(SCREENSHOTS, "images.png") });
  await page.getByLabel("Add a filter").selectOption({ label: "Labels" });
  await page.getByLabel("Labels", { exact: true }).selectOption({ label: "labelled" });
  await shows(page, /^12 images\.$/);
  await page.getByLabel("Add a filter").selectOption({ label: "Class" });
  await page.getByLabel("Class", { exact: true }).selectOption({ label: "dent" });
  await shows(page, /^6 images\.$/);
  assert.equal(await tiles(page).count(), 6);
  assert.match(page.url(), /\?labelled=yes&class=dent$/);
  // Boxes of the labels come after the pictures.
  await page.waitForFunction(() => document.querySelectorAll(".tile rect").length === 6);

  // The address alone leads to the same view, also after going back and forth.
  await page.reload();
  await shows(page, /^6 images\.$/);
  await page.goBack();
  await shows(page, /^12 images\.$/);
  await page.getByRole("button", { name: "Drop the filter: labelled" }).click();
  await shows(page, `${PICTURES} images.`);

  await page.getByLabel("Order").selectOption({ label: "by file name, Z to A" });
  await page.getByRole("gridcell", { name: /^part-0088/ }).waitFor();
  assert.equal(await fileOf(page, 0), "part-0088.png");
  await page.getByLabel("Go to").fill("part-005");
  await page.getByLabel("Go to").press("Enter");
  await shows(page, /^10 images\.$/);
  assert.equal(await fileOf(page, 0), "part-0050.png");
  await page.getByLabel("Go to").fill("part-0053.png");
  await page.getByLabel("Go to").press("Enter");
  await page.getByRole("heading", { name: "part-0053.png" }).waitFor();
  await page.goBack();
  await page.getByLabel("Go to").fill("#7");
  await page.getByLabel("Go to").press("Enter");
  await page.waitForURL(/#\/p\/parts\/images\/7$/);
  assert.notEqual(await page.title(), "1");
});

test("filters that match nothing are named, with a way to drop each", async (t) => {
  const page = await openImages(t, "parts", "?labelled=no&class=dent");
  const empty = page.locator(".empty");
  await empty.getByText("No image matches all of these.").waitFor();
  await empty.getByRole("button", { name: "Drop the filter: not labelled" }).click();
  await shows(page, /^6 images\.$/);
  await page.goto(`${deployment.url}/#/p/parts/images?class=gone`);
  await page.getByRole("alert").getByText("gone").waitFor();
  await page.getByRole("button", { name: "Drop the filter: with gone" }).click();
  await shows(page, `${PICTURES} images.`);
  await page.goto(`${deployment.url}/#/p/empty/images`);
  await page.getByRole("link", { name: "Import pictures" }).waitFor();
});

test("a value that is none is told, and nothing is asked with it", async (t) => {
  const page = await openImages(t, "parts", "?side=xyz&labelled=yes");
  await page.getByRole("alert").getByText("side is “xyz”. It must be pool or holdout.").waitFor();
  assert.equal(await tiles(page).count(), 0);
  await page.getByRole("link", { name: "Show the page without it" }).click();
  await shows(page, /^12 images\.$/);
  assert.match(page.url(), /images\?labelled=yes$/);
  // A refusal of the coordinator doesn't change by asking again.
  await page.goto(`${deployment.url}/#/p/parts/images?from=2026-12-01&to=2026-01-01`);
  await page.getByRole("alert").waitFor();
  assert.equal(await page.getByRole("button", { name: "Try again" }).count(), 0);
});

test("an answer to an earlier question changes nothing", async (t) => {
  const page = await openImages(t, "many");
  await shows(page, /^10,000 images\.$/);
  let release;
  const held = new Promise((resolve) => (release = resolve));
  await page.route("**/SearchImages", async (route) => {
    const answer = await route.fetch();
    if (route.request().postDataJSON().filter.fileName) await held;
    await route.fulfill({ response: answer });
  });
  await page.evaluate(() => (location.hash += "?file=many-0000"));
  await page.getByText("Loading…").waitFor();
  await page.evaluate(() => (location.hash = location.hash.split("?")[0]));
  await shows(page, /^10,000 images\.$/);
  const late = page.waitForResponse((response) => response.request().postDataJSON()?.filter?.fileName);
  release();
  await (await late).finished();
  await page.evaluate(() => new Promise(requestAnimationFrame));
  await shows(page, /^10,000 images\.$/);
});

test("10,000 images are scrolled with few of them in the page, and by keys", async (t) => {
  const page = await openImages(t, "many");
  await shows(page, /^10,000 images\.$/);
  let most = 0;
  const began = Date.now();
  await tiles(page).first().focus();
  while (!(await focused(page)).startsWith("many-09999")) {
    const rows = await page.getByRole("grid").getAttribute("aria-rowcount");
    await page.keyboard.press("End");
    most = Math.max(most, await tiles(page).count());
    await page.waitForFunction(
      (before) =>
        document.querySelector('[role="grid"]').ariaRowCount !== before ||
        document.activeElement.textContent.startsWith("many-09999"),
      rows,
    );
  }
  const seconds = (Date.now() - began) / 1000;
  assert.ok(most < 150, `${most} tiles at once`);
  t.diagnostic(`to the end of 10,000 in ${seconds.toFixed(1)} s, at most ${most} tiles in the page`);
  await page.keyboard.press("Home");
  await page.waitForFunction(() => document.activeElement.textContent.startsWith("many-00000"));
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("ArrowDown");
  const columns = Number(await page.getByRole("grid").getAttribute("aria-colcount"));
  assert.ok((await focused(page)).startsWith(`many-${String(1 + columns).padStart(5, "0")}`));
  await page.keyboard.press("Enter");
  await page.waitForURL(/#\/p\/many\/images\/\d+$/);
});

test("many are excluded at once, and that is undone", async (t) => {
  const page = await openImages(t, "parts", "?labelled=no&order=name");
  await tiles(page).first().waitFor();
  await tiles(page).nth(0).focus();
  await page.keyboard.press("Space");
  await page.keyboard.press("Shift+ArrowRight");
  await page.keyboard.press("Shift+ArrowRight");
  await selected(page).nth(2).waitFor();
  assert.equal(await selected(page).count(), 3);
  await tiles(page).nth(5).click({ modifiers: ["Control"] });
  await bar(page).getByText("4 images selected").waitFor();
  await page.screenshot({ path: path.join(SCREENSHOTS, "images_selected.png") });
  assert.deepEqual(await violationsOn(page), []);
  // One of them is excluded meanwhile by somebody else.
  const taken = await fileOf(page, 5);
  deployment.loupe("image", "exclude", taken, "--reason", "dark", "--project", "parts");
  await bar(page).getByRole("button", { name: "Exclude…" }).click();
  await page.keyboard.type("<b>blurred</b>");
  await page.keyboard.press("Enter");
  await bar(page).getByText("3 images excluded.").waitFor();
  await bar(page).getByText("is excluded or set aside").waitFor();
  assert.equal(number("SELECT count(*) FROM image WHERE state_reason = '<b>blurred</b>'"), 3);
  await bar(page).getByRole("button", { name: "Undo" }).click();
  await bar(page).getByText("3 images in use again.").waitFor();
  assert.equal(number("SELECT count(*) FROM image WHERE state = 'excluded'"), 1, "not the other's");
  await bar(page).getByRole("button", { name: "Close the message" }).click();
  assert.equal(await bar(page).count(), 0);

  await page.goto(`${deployment.url}/#/p/parts/images?state=excluded`);
  await shows(page, /^1 image\.$/);
  await tiles(page).first().locator(".tick").click();
  assert.equal(await bar(page).getByRole("button", { name: "Exclude…" }).count(), 0);
  await bar(page).getByRole("button", { name: "Restore" }).click();
  await bar(page).getByText("1 image in use again.").waitFor();
  assert.equal(number("SELECT count(*) FROM image WHERE state = 'excluded'"), 0);
});

test("back and reload lead to the same rows", async (t) => {
  const page = await openImages(t, "many", "?order=name");
  await tiles(page).first().waitFor();
  const scrolled = () => page.evaluate(() => scrollY);
  await page.mouse.move(600, 400);
  await eventually("more than the first page is read", async () => {
    await page.mouse.wheel(0, 1500);
    return (await scrolled()) > 6000;
  });
  await eventually("the place is kept", () => page.evaluate(() => history.state?.grid?.tile > 100));
  await eventually("the place is the last one", async () => {
    const before = JSON.stringify(await page.evaluate(() => history.state));
    await page.waitForTimeout(300);
    return before === JSON.stringify(await page.evaluate(() => history.state));
  });
  const place = await scrolled();
  await page.evaluate(() => {
    const isInSight = (link) => link.getBoundingClientRect().top > 200;
    [...document.querySelectorAll('a[href*="/images/"]')].find(isInSight).click();
  });
  await page.waitForURL(/images\/\d+$/);
  await page.goBack();
  await eventually("the same rows after going back", async () => (await scrolled()) === place);
  await page.reload();
  await eventually("the same rows after loading again", async () => (await scrolled()) === place);
});

test("after a lost answer the same button tells what was done, and undoes it", async (t) => {
  const page = await openImages(t, "parts", "?labelled=no&order=name");
  await tiles(page).first().locator(".tick").click();
  await bar(page).getByRole("button", { name: "Exclude…" }).click();
  await bar(page).getByLabel("Why").fill("blurred");
  await loseAnswer(page, "ExcludeImages");
  const exclude = bar(page).getByRole("button", { name: "Exclude", exact: true });
  await exclude.click();
  await bar(page).getByText("The coordinator can't be reached").waitFor();
  assert.equal(number("SELECT count(*) FROM image WHERE state_reason = 'blurred'"), 1);
  await exclude.click();
  await bar(page).getByText("1 image excluded.").waitFor();
  await bar(page).getByRole("button", { name: "Undo" }).click();
  await bar(page).getByText("1 image in use again.").waitFor();
});

test("images are sent to review and given to a person, who gets them", async (t) => {
  const page = await openImages(t, "parts", "?labelled=yes&class=scratch");
  await tiles(page).first().waitFor();
  const name = await fileOf(page, 0);
  await tiles(page).first().locator(".tick").click();
  await bar(page).getByRole("button", { name: "Send to review…" }).click();
  await bar(page).getByLabel("Why").fill("is it tight?");
  await bar(page).getByRole("button", { name: "Send to review", exact: true }).click();
  await bar(page).getByText("1 image will be looked at by somebody else.").waitFor();
  const [own] = (await ask("anna", "NextTasks", { project: "parts", count: 1 })).tasks;
  assert.notEqual(own.image.fileName, name, "not to the author");
  const [look] = (await ask("bert", "NextTasks", { project: "parts", count: 1 })).tasks;
  assert.equal(look.image.fileName, name);
  assert.equal(look.requestReason, "is it tight?");

  await page.goto(`${deployment.url}/#/p/parts/images?labelled=no&order=name`);
  await page.getByRole("gridcell", { name: /no label/ }).first().waitFor();
  const given = await fileOf(page, 2);
  await tiles(page).nth(2).locator(".tick").click();
  await bar(page).getByRole("button", { name: "Assign…" }).click();
  await bar(page).getByLabel("Whose they are").fill("nobody");
  await bar(page).getByRole("button", { name: "Assign", exact: true }).click();
  await bar(page).getByRole("alert").getByText("nobody").waitFor();
  secretOf("carl");
  await bar(page).getByLabel("Whose they are").fill("carl");
  await bar(page).getByRole("button", { name: "Assign", exact: true }).click();
  await bar(page).getByText("1 image given to carl.").waitFor();
  const [task] = (await ask("carl", "NextTasks", { project: "parts", count: 1 })).tasks;
  assert.equal(task.image.fileName, given);
  await bar(page).getByRole("button", { name: "Undo" }).click();
  await bar(page).getByText("nobody is asked about 1 image any more.").waitFor();
  // The filter knows what is still asked for.
  await page.goto(`${deployment.url}/#/p/parts/images?asked=yes`);
  await shows(page, /^1 image\.$/);
});

test("a selection is saved as CSV, JSON and COCO", async (t) => {
  const page = await openImages(t, "parts", "?order=name");
  await tiles(page).first().waitFor();
  await tiles(page).first().focus();
  await page.keyboard.press("Control+a");
  await bar(page).getByText(`${PICTURES} images selected`).waitFor();
  const saved = async (name) => {
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      bar(page).getByRole("button", { name, exact: true }).click(),
    ]);
    return fs.readFileSync(await download.path(), "utf8");
  };
  assert.match(await saved("CSV"), /^id,file_name,side,/);
  const listed = JSON.parse(await saved("JSON"));
  assert.equal(listed.length, PICTURES);
  assert.ok(listed.some(({ file_name }) => file_name === HOSTILE));
  const coco = JSON.parse(await saved("COCO"));
  assert.equal(coco.images.length, 12);
  assert.equal(coco.annotations.length, 12);
  assert.deepEqual(coco.annotations[0].bbox, [2, 2, 18, 18]);
  await bar(page).getByText(`${PICTURES - 12} images without labels in use are not in the file.`).waitFor();
});

test("images that look alike are found", async (t) => {
  const id = deployment.psql(`
    SELECT min(image.id) FROM image JOIN project ON project.id = project_id WHERE name = 'parts'`);
  const page = await openImages(t, "parts", `?like=${id}`);
  await page.getByRole("alert").getByText("no model serves yet").waitFor();
  // The embedding of image n is (1, n / 1024): numbers near to each other look alike.
  deployment.psql(`
    INSERT INTO model (project_id, number, name, preset, state, weights_sha256, weights_bytes)
    SELECT id, 1, 'made-up', 'small', 'serving', sha256('made-up'), 1 FROM project WHERE name = 'parts';
    INSERT INTO prediction (model_id, image_id, corners, labels, scores, runner_up_labels, runner_up_scores,
                            background_scores, agreements, embedding, max_foreground_score)
    SELECT model.id, image.id, '{}', '{}', '{}', '{}', '{}', '{}', '{}',
           set_byte(set_byte('\\x003c0000'::bytea, 2, 0), 3, 32 + (image.id - ${id})::int / 4), 0
    FROM project JOIN model ON model.project_id = project.id JOIN image ON image.project_id = project.id
    WHERE project.name = 'parts'`);
  await page.reload();
  await shows(page, "The most similar images of the pool");
  await eventually("the search is prepared", async () => (await tiles(page).count()) >= 20);
  const alike = await tiles(page).evaluateAll((all) => all.map((each) => /alike ([\d.]+)/.exec(each.textContent)[1]));
  assert.deepEqual(alike, [...alike].sort().reverse());
  await page.getByRole("link", { name: "All images" }).click();
  await shows(page, `${PICTURES} images.`);
});

test("a viewer looks and exports, and finds nothing to change", async (t) => {
  const page = await openImages(t, "parts", "", { role: "viewer", colorScheme: "dark" });
  await tiles(page).first().locator(".tick").click();
  await bar(page).getByText("1 image selected").waitFor();
  const buttons = await bar(page).getByRole("button").allTextContents();
  assert.deepEqual(buttons, ["CSV", "JSON", "COCO", "Clear"]);
  await bar(page).getByRole("link", { name: "More like this" }).waitFor();
  await page.screenshot({ path: path.join(SCREENSHOTS, "images_dark.png") });
  assert.deepEqual(await violationsOn(page), []);
});
