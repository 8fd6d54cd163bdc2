// A project's overview: its numbers are those of the command line, each part loads and fails by itself, and
// people see what their role may.

import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import test, { after, before } from "node:test";
import { SCREENSHOTS, Workplace, violationsOn } from "./annotate_page.mjs";
import { SOURCE, eventually } from "./deployment.mjs";

const place = new Workplace();
const { deployment } = place;
const CLASSES = Array.from({ length: 10 }, (_, i) => (i === 3 ? "=<b>dent</b>" : `class-${i}`));

// As after five rounds. The evaluation: of ten images, AP 0.5, AP50 0.6, AP75 0.5, on a random sample.
before(async () => {
  deployment.loupe("project", "create", "bench", "--classes", CLASSES.join(","));
  const fill = fs.readFileSync(path.join(SOURCE, "tests/bench/dashboards_fill.sql"), "utf8");
  deployment.psql(`\\set images 5000\n\\set rounds 5\n\\set recipe 'ranking { budget: 20 }'\n${fill}`);
  const double = (number, value) => {
    const bytes = Buffer.alloc(9, (number << 3) | 1);
    bytes.writeDoubleLE(value, 1);
    return bytes.toString("hex");
  };
  const evaluation = `080a${double(2, 0.5)}${double(3, 0.6)}${double(4, 0.5)}3001`;
  deployment.psql(`INSERT INTO evaluation (model_id, round_id, result)
    SELECT id, round_id, decode('${evaluation}', 'hex') FROM model`);
  place.createProject("empty", ["scratch"]);
  for (const role of ["engineer", "viewer", "annotator"]) deployment.token(role, role);
  await place.open();
});
after(() => place.close());

async function open(t, name, address, options) {
  const page = await place.newPage(t, options);
  await place.logIn(page, name);
  await page.goto(`${deployment.url}/${address}`);
  return page;
}

const part = (page, name) => page.getByRole("region", { name, exact: true });
const isLoaded = (page) =>
  eventually("every part is loaded", () =>
    page.evaluate(() => {
      const parts = [...document.querySelectorAll(".part")];
      return parts.length > 1 && parts.every((each) => each.ariaBusy !== "true");
    }),
  );

async function downloaded(page, region, format) {
  const coming = page.waitForEvent("download");
  await part(page, region).getByRole("button", { name: format }).click();
  return fs.readFileSync(await (await coming).path(), "utf8");
}
const jsonOf = async (page, region) => JSON.parse(await downloaded(page, region, "JSON"));

// The figures of a part by their names: what stands on the page, with the interval.
const figuresIn = async (region) =>
  Object.fromEntries(
    await region
      .locator(".figure")
      .evaluateAll((all) =>
        all.map((each) => [
          each.children[0].textContent,
          each.children[1].textContent.trim().replace(/\s+/g, " "),
        ]),
      ),
  );
const count = (value) => Math.round(value).toLocaleString("en-US");
const withInterval = ({ value, low, high }, show) =>
  low === undefined ? show(value) : `${show(value)} ${show(low)} to ${show(high)}`;
const score = (value) => value.toFixed(3);
const gain = (value) =>
  Number(score(value)) === 0 ? "no change" : `${value < 0 ? "−" : "+"}${score(Math.abs(value))} AP50`;

test("numbers are those of the command line", async (t) => {
  const page = await open(t, "engineer", "#/p/bench");
  await isLoaded(page);
  const cli = (...words) => deployment.json(...words, "--project", "bench");

  const status = cli("status");
  await part(page, "The project")
    .getByText(`${count(status.labelled)} of ${count(status.images)}`)
    .waitFor();
  const rows = Object.fromEntries(
    (await jsonOf(page, "The project")).map(({ name, value }) => [name, value]),
  );
  for (const name of [
    "images",
    "labelled",
    "pool_images",
    "pool_labelled",
    "holdout_images",
    "holdout_labelled",
    "holdout_not_blind",
    "queue_length",
    "open_leases",
    "images_set_aside",
    "images_excluded",
    "images_removed",
  ]) {
    assert.equal(rows[name], status[name], name);
  }
  assert.ok(status.images_excluded > 0 && status.queue_length > 0);
  for (const { name, boxes } of status.classes) assert.equal(rows[`boxes of ${name}`], boxes, name);
  const excluded = part(page, "The project").getByRole("link", { name: "Excluded" });
  assert.match(await excluded.getAttribute("href"), /^#\/p\/bench\/images\?/);

  const curve = cli("curve");
  assert.equal(curve.points.length, 5);
  assert.deepEqual(await jsonOf(page, "Go on or stop"), curve.points);
  const last = curve.points.at(-1);
  const shown = await figuresIn(part(page, "Go on or stop"));
  assert.equal(
    shown["AP50 of round 5"],
    withInterval({ value: last.ap50, low: last.ap50_low, high: last.ap50_high }, score),
  );
  assert.ok(curve.by_images.forecasts.length > 2);
  const [now, ...later] = curve.by_images.forecasts;
  for (const { at, ap50, ap50_low, ap50_high } of later) {
    assert.equal(shown[`Forecast: ${at}`], gain(ap50 - now.ap50));
    const told = `from ${score(now.ap50)} to ${score(ap50)} (${score(ap50_low)} to ${score(ap50_high)})`;
    await part(page, "Go on or stop").getByText(told).first().waitFor();
  }
  for (const { text } of curve.reasons) await part(page, "Go on or stop").getByText(text).waitFor();

  const estimates = cli("estimate");
  const all = await figuresIn(part(page, "Estimates from the random slice"));
  assert.equal(all.Precision, withInterval(estimates.all_classes.precision, score));
  assert.equal(all.Recall, withInterval(estimates.all_classes.recall, score));
  assert.equal(all["Boxes left"], withInterval(estimates.all_classes.boxes_left, count));
  const perClass = await jsonOf(page, "Estimates from the random slice");
  assert.deepEqual(
    perClass.map((each) => [each.class, each.precision, each.precision_low, each.boxes_left]),
    estimates.classes.map((each) => {
      return [each.class, each.precision?.value, each.precision?.low, each.boxes_left?.value];
    }),
  );

  const check = cli("check");
  for (const finding of check.findings) {
    await part(page, "Do the labels represent the pool?").getByText(finding).waitFor();
  }
  assert.deepEqual(
    (await jsonOf(page, "Do the labels represent the pool?")).map((each) => [
      each.class,
      each.boxes,
      each.thin,
    ]),
    check.classes.map((each) => [each.class, each.boxes, each.thin]),
  );

  for (const by of ["week", "day"]) {
    const { periods } = deployment.json("provenance", "stats", "--by", by, "--project", "bench");
    await part(page, "Labels over time")
      .getByRole("button", { name: `By ${by}` })
      .click();
    await eventually(`the address says ${by}`, () => by === "week" || page.url().endsWith("?per=day"));
    await isLoaded(page);
    assert.deepEqual(
      (await jsonOf(page, "Labels over time")).map(({ begins, drawn, accepted, imported }) => {
        return [Date.parse(begins), drawn, accepted, imported];
      }),
      periods.map(({ begins, truth: { origins } }) => {
        return [Date.parse(begins), origins.drawn ?? 0, origins.accepted ?? 0, origins.imported ?? 0];
      }),
    );
  }

  const round = deployment.json("round", "show", "5", "--project", "bench");
  assert.equal(round.state, "done");
  const link = part(page, "Latest round").getByRole("link", { name: "Round 5" });
  assert.equal(await link.getAttribute("href"), "#/p/bench/rounds/5");
  for (const name of ["gpu-1", "gpu-2"]) await part(page, "Workers").getByText(name).waitFor();
  assert.deepEqual(page.problems, []);
});

test("a name is text, and no formula in a file", async (t) => {
  const page = await open(t, "viewer", "#/p/bench");
  await isLoaded(page);
  assert.equal(await page.locator(".overview b").count(), 0);
  await part(page, "The project").getByText("=<b>dent</b>").waitFor();
  const csv = await downloaded(page, "Do the labels represent the pool?", "CSV");
  assert.match(csv, /^class,boxes,expected_boxes,/);
  assert.match(csv, /\n'=<b>dent<\/b>,\d+,/);
});

test("a choice is part of the address, and a link leads to the same view", async (t) => {
  const page = await open(t, "viewer", "#/p/bench?by=seconds");
  await isLoaded(page);
  const { forecasts } = deployment.json("curve", "--project", "bench").by_seconds;
  const next = forecasts.find(({ at }) => at === "next round");
  const shown = await figuresIn(part(page, "Go on or stop"));
  assert.equal(shown["Forecast: next round"], gain(next.ap50 - forecasts[0].ap50));
  await page.getByRole("button", { name: "By images" }).click();
  await page.waitForURL(/\?by=images$/);
  await page.getByRole("button", { name: "By day" }).click();
  await page.waitForURL(/\?by=images&per=day$/);
  await page.reload();
  await isLoaded(page);
  assert.equal(await page.getByRole("button", { name: "By day" }).getAttribute("aria-pressed"), "true");
});

test("the chart is read by keyboard and as a table", async (t) => {
  const page = await open(t, "viewer", "#/p/bench");
  await isLoaded(page);
  const advice = part(page, "Go on or stop");
  const chart = advice.getByRole("application");
  await chart.focus();
  await page.keyboard.press("Home");
  const [first, second] = deployment.json("curve", "--project", "bench").points;
  await advice
    .getByRole("status")
    .getByText(`${count(first.images)}, round ${first.round} · Rounds (90 % interval) ${score(first.ap50)}`)
    .waitFor();
  await page.keyboard.press("ArrowRight");
  await advice.getByRole("status").getByText(score(second.ap50)).waitFor();
  await advice.getByText("As a table").click();
  await advice
    .getByRole("row")
    .filter({ hasText: score(first.ap50) })
    .first()
    .waitFor();
});

test("a part that fails says so, and the others stand", async (t) => {
  const page = await place.newPage(t);
  await place.logIn(page, "viewer");
  await page.route("**/loupe.v1.InsightService/GetCurve", (route) => route.abort());
  await page.goto(`${deployment.url}/#/p/bench`);
  await isLoaded(page);
  await part(page, "Go on or stop").getByText("The coordinator can't be reached").waitFor();
  await part(page, "The project").getByText("Waiting in the queue").waitFor();
  await page.unroute("**/loupe.v1.InsightService/GetCurve");
  await part(page, "Go on or stop").getByRole("button", { name: "Try again" }).click();
  await part(page, "Go on or stop")
    .getByText(/labelling|Too early/)
    .first()
    .waitFor();
});

test("what takes long moves nothing when it comes", async (t) => {
  for (const viewport of [
    { width: 1280, height: 800 },
    { width: 1920, height: 1080 },
  ]) {
    const page = await place.newPage(t, { viewport });
    await place.logIn(page, "viewer");
    let letGo;
    const isHeld = new Promise((resolve) => (letGo = resolve));
    await page.route("**/loupe.v1.InsightService/*", (route) => isHeld.then(() => route.continue()));
    await page.goto(`${deployment.url}/#/p/bench`);
    await part(page, "Labels over time").getByRole("button", { name: "CSV" }).waitFor();
    await part(page, "The project").getByRole("button", { name: "CSV" }).waitFor();
    const tops = () =>
      page.evaluate(() =>
        [...document.querySelectorAll(".part")]
          .slice(0, 3)
          .map((each) => Math.round(each.getBoundingClientRect().top)),
      );
    const before = await tops();
    letGo();
    await isLoaded(page);
    assert.deepEqual(await tops(), before, `${viewport.width} pixels wide`);
  }
});

test("an empty project says what to do", async (t) => {
  const page = await open(t, "engineer", "#/p/empty");
  await isLoaded(page);
  const links = {
    "The project": ["Import pictures", "#/p/empty/setup?part=import"],
    "Latest round": ["Start one", "#/p/empty/rounds/new"],
    "Labels over time": ["Label the first one", "#/p/empty/annotate"],
    "Go on or stop": ["See the rounds", "#/p/empty/rounds"],
  };
  for (const [region, [name, address]] of Object.entries(links)) {
    assert.equal(await part(page, region).getByRole("link", { name }).getAttribute("href"), address);
  }
  await part(page, "Estimates from the random slice").getByText("No figures yet").waitFor();
  assert.deepEqual(page.problems, []);
});

test("a viewer sees the figures and no engineer's actions", async (t) => {
  const page = await open(t, "viewer", "#/p/bench");
  await isLoaded(page);
  assert.equal(await page.getByRole("link", { name: "New round" }).count(), 0);
  assert.equal(await page.getByRole("link", { name: "Label", exact: true }).count(), 0);
  await part(page, "The project").getByRole("link", { name: "Holdout", exact: true }).waitFor();
});

test("an annotator sees no sides, and is told why", async (t) => {
  const page = await open(t, "annotator", "#/p/bench");
  await isLoaded(page);
  await page.getByText("are for engineers and viewers").waitFor();
  await part(page, "The project").getByText("Waiting in the queue").waitFor();
  assert.equal(await page.getByText("Holdout").count(), 0);
  assert.equal(await part(page, "Go on or stop").count(), 0);
  assert.equal(await part(page, "Workers").count(), 0);
  assert.deepEqual(page.problems, []);
});

test("a project that is gone leads back", async (t) => {
  const page = await open(t, "viewer", "#/p/nothing");
  await page.getByRole("alert").getByText("There is no project nothing.").waitFor();
  await page.getByRole("link", { name: "All projects" }).click();
  await page.getByRole("link", { name: "bench", exact: true }).click();
  await page.getByRole("heading", { name: "bench" }).waitFor();
});

test("the page where people label loads none of the dashboards", async (t) => {
  const page = await place.newPage(t);
  const scripts = [];
  page.on(
    "request",
    (request) => request.url().endsWith(".js") && scripts.push(path.basename(request.url())),
  );
  await place.logIn(page, "annotator");
  await page.goto(`${deployment.url}/#/p/bench/annotate`);
  await page.locator(".stage").waitFor();
  assert.ok(scripts.some((name) => name.startsWith("index-")));
  assert.ok(!scripts.some((name) => name.startsWith("dashboards-")), scripts.join());
});

for (const colorScheme of ["light", "dark"]) {
  test(`it looks right, and axe finds nothing serious: ${colorScheme}`, async (t) => {
    const sizes = [
      [1280, 800],
      [1920, 1080],
      [390, 800],
    ];
    for (const [width, height] of sizes) {
      const page = await open(t, "admin", "#/p/bench", { colorScheme, viewport: { width, height } });
      await isLoaded(page);
      const file = `overview-${colorScheme}-${width}.png`;
      await page.screenshot({ path: path.join(SCREENSHOTS, file), fullPage: true });
      const widest = await page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(widest <= width, `${widest} pixels wide`);
      if (width === 1280) assert.deepEqual(await violationsOn(page), []);
    }
  });
}
