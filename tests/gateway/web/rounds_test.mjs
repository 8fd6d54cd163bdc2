// The pages of rounds: watched while a real worker trains, when the worker is killed, cancelled and failed,
// and what the model gets wrong. Numbers are those of `loupe round --json`.

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import test, { after, before } from "node:test";
import { SCREENSHOTS, Workplace, violationsOn } from "./annotate_page.mjs";
import { BIN, eventually } from "./deployment.mjs";

const PROJECT = "parts";
const RECIPE = `
detector { preset: "small" min_size: 64 max_size: 64 }
training { iterations: 16 batch_size: 2 checkpoint_interval: 4 }
gate { min_images: 1 }
ranking { budget: 10 }`;

const place = new Workplace();
const { deployment } = place;
const workers = new Set();
const secrets = {};

before(async () => {
  const folder = path.join(deployment.folder, "sample");
  execFileSync(path.join(BIN, "loupe-worker"), ["sample", "--out", folder, "--images", "60", "--seed", "5"]);
  const truth = JSON.parse(fs.readFileSync(path.join(folder, "annotations.json")));
  place.createProject(
    PROJECT,
    truth.categories.map((each) => each.name),
    undefined,
    0.4,
  );
  const names = truth.images.map((each) => each.file_name);
  importLabels(folder, names.slice(0, 40));
  place.importRest = () => importLabels(folder, names);
  for (const role of ["engineer", "annotator", "viewer", "worker"])
    secrets[role] = deployment.token(role, role);
  fs.writeFileSync(path.join(deployment.folder, "worker.token"), secrets.worker, { mode: 0o600 });
  place.createProject("empty", ["scratch"]);
  await place.open();
});
after(async () => {
  for (const worker of workers) worker.killAll("SIGKILL");
  await place.close();
});

function importLabels(folder, labelled) {
  const list = path.join(folder, "labelled.txt");
  fs.writeFileSync(list, labelled.join("\n"));
  const coco = path.join(folder, "annotations.json");
  deployment.loupe(
    "import",
    "--images",
    path.join(folder, "images"),
    "--coco",
    coco,
    "--labelled",
    `@${list}`,
    "--blind",
    "--project",
    PROJECT,
  );
}

// It ends with the test at the latest.
function startWorker(t) {
  const address = deployment.grpcUrl.replace("http://", "");
  const token = path.join(deployment.folder, "worker.token");
  const cache = path.join(deployment.folder, "cache");
  const words = ["run", "--server", address, "--token-file", token, "--device", "cpu", "--cache-dir", cache];
  const worker = spawn(path.join(BIN, "loupe-worker"), words, { stdio: "ignore", detached: true });
  worker.killAll = (signal) => process.kill(-worker.pid, signal);
  workers.add(worker);
  t.after(() => workers.has(worker) && stop(worker, "SIGKILL"));
  return worker;
}

async function stop(worker, signal = "SIGTERM") {
  const gone = new Promise((resolve) => worker.once("exit", resolve));
  worker.killAll(signal);
  await gone;
  workers.delete(worker);
}

async function call(role, service, method, request) {
  const response = await fetch(`${deployment.url}/loupe.v1.${service}/${method}`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${secrets[role]}` },
    body: JSON.stringify({ project: PROJECT, ...request }),
  });
  const answer = await response.json();
  assert.equal(response.status, 200, JSON.stringify(answer));
  return answer;
}

let requests = 0;
const nextId = () => `rounds-${++requests}`;
const submitRound = async (recipe) =>
  (await call("engineer", "RoundService", "SubmitRound", { requestId: nextId(), recipe })).number;

async function open(t, role, address, options) {
  const page = await place.newPage(t, options);
  await place.logIn(page, role);
  await page.goto(`${deployment.url}/#/p/${PROJECT}${address}`);
  return page;
}

const shows = (page, text) => page.getByText(text).first().waitFor();
const region = (page, name) => page.getByRole("region", { name, exact: true });
const linesOf = (page) => region(page, "Log").getByRole("listitem").allInnerTexts();
const fixed = (value) => (value === null || value === -1 ? "–" : value.toFixed(3));

async function looks(page, name) {
  // Not networkidle: a round that runs is watched by a stream.
  await page.waitForFunction(() =>
    [...document.images].every((each) => each.complete || each.getBoundingClientRect().top > innerHeight),
  );
  await page.screenshot({ path: path.join(SCREENSHOTS, `${name}.png`), fullPage: true });
  const [wide, seen] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok(wide <= seen, `${name} is ${wide} pixels wide`);
  assert.deepEqual(await violationsOn(page), [], name);
}

test("a project without rounds says what to do", async (t) => {
  const page = await place.newPage(t);
  await place.logIn(page, "engineer");
  await page.goto(`${deployment.url}/#/p/empty/rounds`);
  await page.getByRole("link", { name: "Start a round" }).waitFor();
});

test("a round is watched from waiting for a worker to its verdict", async (t) => {
  const number = await submitRound(RECIPE);
  const page = await open(t, "engineer", `/rounds/${number}`);
  await shows(page, "No worker was heard of in the last minute.");
  await looks(page, "rounds-waits");
  const worker = startWorker(t);
  await shows(page, /of 16 iterations/);
  await region(page, "Training").waitFor();
  await page.getByText("done", { exact: true }).first().waitFor({ timeout: 40_000 });
  await region(page, "Verdict").waitFor();
  assert.deepEqual(page.problems, []);

  const round = deployment.json("round", "show", number, "--project", PROJECT);
  assert.equal(round.state, "done");
  const figure = (name) => region(page, "Verdict").locator(".figure", { hasText: name });
  await region(page, "By class").getByRole("table").waitFor();
  assert.match(await figure("mean over IoU").innerText(), new RegExp(fixed(round.evaluation.ap)));
  assert.match(
    await region(page, "Verdict").innerText(),
    new RegExp(`AP50\\s+${fixed(round.evaluation.ap50)}`),
  );
  assert.match(await region(page, "Verdict").innerText(), /no model served before it/);
  assert.match(await region(page, "Verdict").innerText(), new RegExp(`On ${round.evaluation.images} images`));
  const rows = await region(page, "By class").locator("tbody tr").allInnerTexts();
  for (const [i, each] of round.evaluation.per_class.entries()) {
    const [name, , ap50, , ap] = rows[i].split("\t").map((text) => text.trim());
    assert.deepEqual([name.replace(/^\S\s+/, ""), ap50, ap], [each.class, fixed(each.ap50), fixed(each.ap)]);
  }
  const lines = (await linesOf(page)).reverse().join("\n");
  for (const text of [
    "waiting",
    /worker \S+ took the training/,
    "checkpoint of iteration 4 saved",
    "evaluating",
    "predicting",
    "done",
  ]) {
    assert.match(lines, new RegExp(text));
  }
  assert.equal((await page.locator(".chart canvas").count()) >= 2, true);
  await stop(worker);
});

test("the list has what the command line lists", async (t) => {
  const page = await open(t, "viewer", "/rounds");
  const table = page.getByRole("table", { name: "Rounds" });
  await table.waitFor();
  const [{ rounds }] = [deployment.json("round", "list", "--project", PROJECT)];
  const rows = await table.locator("tbody tr").allInnerTexts();
  assert.equal(rows.length, rounds.length);
  const [number, state, model, ap50, , images, boxes] = rows[0].split("\t").map((text) => text.trim());
  const [first] = rounds;
  assert.deepEqual(
    [Number(number), state, Number(model), ap50, Number(images), Number(boxes)],
    [
      first.number,
      first.state,
      first.model,
      fixed(first.evaluation.ap50),
      first.snapshot_images,
      first.snapshot_boxes,
    ],
  );
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("button", { name: "CSV" }).click(),
  ]);
  const csv = fs.readFileSync(await download.path(), "utf8").split("\n");
  assert.match(csv[0], /^number,state,model,ap50,gate/);
  assert.match(
    csv[1],
    new RegExp(`^${first.number},done,${first.model},${first.evaluation.ap50}`.replaceAll(".", "\\.")),
  );
  assert.equal(await page.getByRole("link", { name: "New round" }).count(), 0, "a viewer starts none");
  await looks(page, "rounds-list");
});

test("a cell of the confusion matrix leads to its boxes, and to a second look", async (t) => {
  place.importRest();
  const page = await open(t, "engineer", "/rounds/1");
  const matrix = region(page, "Confusion matrix");
  await matrix.getByRole("table").waitFor();
  await matrix.getByLabel("Boxes count from score").fill("0.05");
  const [counted] = await Promise.all([
    page.waitForResponse(/GetModelQuality/),
    matrix.getByLabel("Boxes count from score").press("Tab"),
  ]);
  assert.equal((await counted.json()).scoreThreshold, 0.05);
  assert.match(page.url(), /threshold=0\.05/);
  await eventually("the matrix has boxes", async () => (await matrix.getByRole("link").count()) > 0);
  const cell = matrix.getByRole("link").first();
  const boxes = Number((await cell.innerText()).replace(/\D/g, ""));
  await cell.click();
  const list = region(page, "Boxes");
  await list.locator(".matches li").first().waitFor();
  await eventually("the list has as many as the cell", async () =>
    new RegExp(` ${boxes} on \\d+ holdout and 0 pool images`).test(await list.innerText()),
  );
  assert.equal(await list.locator(".matches li").count(), Math.min(boxes, 24));
  await page.reload();
  await list.locator(".matches li").first().waitFor();
  assert.equal(await list.locator(".matches li").count(), Math.min(boxes, 24), "the address keeps the view");
  const first = list.locator(".matches li").first();
  const href = await first.getByRole("link").getAttribute("href");
  assert.match(href, /#\/p\/parts\/images\/\d+\?.*model=1/);
  await first.getByRole("button", { name: "Ask for a second look" }).click();
  await first.getByText("Somebody else will look at it").waitFor();
  const imageId = /images\/(\d+)/.exec(href)[1];
  const { tasks } = await call("annotator", "LabelingService", "NextTasks", {
    requestId: nextId(),
    count: 1,
  });
  assert.equal(tasks[0].image.id, imageId);
  assert.equal(tasks[0].blind, true);
  assert.deepEqual(tasks[0].boxes ?? [], [], "the second person doesn't see what the first one drew");
  await page.reload();
  await first.getByText("Somebody else will look at it").waitFor();

  await holdsCounts(page, list);
  await list.getByLabel("Images").selectOption("pool");
  await list.getByRole("link", { name: /Missed/ }).click();
  await list.getByRole("link", { name: "Correct it" }).first().waitFor();
  assert.match(
    await list.getByRole("link", { name: "Correct it" }).first().getAttribute("href"),
    /annotate\?open=\d+/,
  );
  for (const [colorScheme, width] of [
    ["light", 1280],
    ["dark", 1280],
    ["light", 1920],
    ["dark", 390],
  ]) {
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize({ width, height: 800 });
    await looks(page, `rounds-done-${colorScheme}-${width}`);
  }
  assert.deepEqual(page.problems, []);
});

// An answer about the pool that comes when the holdout is asked for again doesn't change what the list says.
async function holdsCounts(page, list) {
  const counts = async () => / \d+ on \d+ holdout and \d+ pool images/.exec(await list.innerText())?.[0];
  const before = await counts();
  let release;
  const held = new Promise((resolve) => (release = resolve));
  await page.route("**/ListBoxMatches", async (route) => {
    const response = await route.fetch();
    if (route.request().postDataJSON().side === "POOL") await held;
    await route.fulfill({ response });
  });
  await list.getByLabel("Images").selectOption("pool");
  await list.getByText("Loading…").waitFor();
  await list.getByLabel("Images").selectOption("holdout");
  await eventually("the counts of the holdout", async () => (await counts()) === before);
  const late = page.waitForResponse((each) => each.request().postDataJSON()?.side === "POOL");
  release();
  await (await late).finished();
  await page.evaluate(() => new Promise(requestAnimationFrame));
  assert.equal(await counts(), before);
  await page.unroute("**/ListBoxMatches");
}

test("a killed worker's training goes on with another one, and is cancelled on the page", async (t) => {
  const number = await submitRound(RECIPE.replace("iterations: 16", "iterations: 4000"));
  const page = await open(t, "engineer", `/rounds/${number}`);
  const killed = startWorker(t);
  await shows(page, /checkpoint of iteration \d+ saved/);
  await stop(killed, "SIGKILL");
  deployment.psql("UPDATE lease SET expires_at = now() - interval '1 second' WHERE purpose = 'job'");
  const next = startWorker(t);
  await shows(page, /was not heard of for a minute: the training is free/);
  await shows(page, /took the training, from the checkpoint of iteration \d+/);
  await shows(page, /taken up again from the checkpoint/);
  await looks(page, "rounds-runs");
  await page.getByRole("button", { name: "Cancel…" }).click();
  await page.getByRole("button", { name: "Keep it running" }).click();
  await page.getByRole("button", { name: "Cancel…" }).click();
  await page.getByRole("button", { name: "Cancel the round" }).click();
  await shows(page, "Cancelled.");
  assert.equal(deployment.json("round", "show", number, "--project", PROJECT).state, "cancelled");
  assert.equal(await page.getByRole("button", { name: "Cancel…" }).count(), 0);
  await eventually("the log ends with it", async () => /cancelled/.test((await linesOf(page))[0]));
  await stop(next, "SIGKILL");
});

test("a round whose workers are lost again and again fails, and says what to do", async (t) => {
  const number = await submitRound(RECIPE);
  const page = await open(t, "engineer", `/rounds/${number}`);
  await shows(page, /heard of in the last minute|begins when/);
  await eventually(
    "the job is there",
    () => place.count("job WHERE state = 'waiting' AND kind = 'train'") === 1,
  );
  deployment.psql("UPDATE job SET attempts = 5 WHERE state = 'waiting'");
  await shows(page, /Failed: a train job was lost 5 times/);
  const again = page.getByRole("link", { name: "Start it again with this recipe" });
  assert.match(await again.getAttribute("href"), new RegExp(`#/p/parts/rounds/new\\?from=${number}`));
  await looks(page, "rounds-failed");
});

test("who may not change rounds sees no way to, and a round that isn't there leads back", async (t) => {
  const number = await submitRound(RECIPE);
  for (const role of ["viewer", "annotator"]) {
    const page = await open(t, role, `/rounds/${number}`);
    await page.getByRole("list", { name: "Steps" }).waitFor();
    assert.equal(await page.getByRole("button", { name: "Cancel…" }).count(), 0, role);
    if (role === "viewer") await region(page, "Log").waitFor();
    else assert.equal(await region(page, "Log").count(), 0);
    assert.deepEqual(page.problems, []);
  }
  let answers = 0;
  const page = await open(t, "viewer", "/rounds");
  await page.route("**/WatchRound", (route) =>
    ++answers === 1 ? route.fulfill({ status: 502, body: "<h1>Bad gateway</h1>" }) : route.continue(),
  );
  await page.goto(`${deployment.url}/#/p/${PROJECT}/rounds/${number}`);
  await page.getByRole("alert").getByText("HTTP status 502").waitFor();
  await page.getByRole("button", { name: "Try again" }).waitFor();
  await page.getByRole("list", { name: "Steps" }).waitFor();
  assert.equal(await page.getByRole("alert").count(), 0);
  await page.goto(`${deployment.url}/#/p/${PROJECT}/rounds/99`);
  await page.getByText("There is no round 99").waitFor();
  await page.getByRole("link", { name: "All rounds" }).click();
  await page.getByRole("table", { name: "Rounds" }).waitFor();
  await page.goto(`${deployment.url}/#/p/${PROJECT}/rounds/nonsense`);
  await page.getByText("There is no round nonsense").waitFor();
  await call("engineer", "RoundService", "CancelRound", { requestId: nextId(), number });
});
