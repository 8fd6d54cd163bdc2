// A person labels pictures in a browser, by the keyboard alone, and nothing of it is lost: not by a reload,
// nor when the coordinator is killed.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import test, { after, before } from "node:test";
import { chromium } from "playwright-core";
import { BIN, Deployment, eventually, writePictures } from "./deployment.mjs";

const CHROMIUM = "/usr/bin/chromium";
const SCREENSHOTS = process.cwd();
const WAIT = 10_000; // milliseconds
const IMAGES = 60; // enough for all tests: tabs that are closed hold some for ten minutes

const deployment = new Deployment();
const { url } = deployment;
const folder = path.join(deployment.folder, "parts");
let browser;

before(async () => {
  execFileSync(path.join(BIN, "loupe-worker"), [
    "sample",
    "--out",
    folder,
    "--images",
    IMAGES,
    "--seed",
    "7",
  ]);
  const truth = JSON.parse(fs.readFileSync(path.join(folder, "annotations.json")));
  const classes = truth.categories.map((each) => each.name).join(",");
  for (const project of ["parts", "empty"]) {
    deployment.loupe(
      "project",
      "create",
      project,
      "--classes",
      classes,
      "--holdout-fraction",
      "0",
      "--seed",
      "3",
    );
  }
  const guidelines = path.join(deployment.folder, "guidelines.md");
  fs.writeFileSync(guidelines, "Draw tight boxes.\n\n<b>No</b> shadows.\n");
  deployment.loupe("project", "guidelines", "--set", guidelines, "--project", "parts");
  deployment.loupe("import", "--images", path.join(folder, "images"), "--project", "parts");
  predict(truth);
  const args = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"];
  browser = await chromium.launch({ executablePath: CHROMIUM, headless: true, args });
});
after(async () => {
  await browser?.close();
  deployment.down();
});

// A made-up model serves, without a round: it sees what is there, not quite where it is, with scores that
// fall; and one box more that isn't there.
function predict({ images, annotations }) {
  const real = (numbers) => `'{${numbers.join(",")}}'::real[]`;
  const rows = images.map(({ id, file_name: name, width, height }) => {
    const boxes = annotations.filter((each) => each.image_id === id);
    const corners = boxes.map(({ bbox: [x, y, w, h] }) => [
      x,
      y,
      Math.min(x + w, width),
      Math.min(y + h, height),
    ]);
    corners.push([4, 4, 24, 20]);
    const labels = [...boxes.map((each) => each.category_id), 1];
    const scores = labels.map((_, i) => (0.95 / (1 + 0.4 * i)).toFixed(3));
    // The same boxes in the mirrored picture, a little off: their sides are not equally certain.
    const partners = corners.map(([x1, y1, x2, y2]) => [
      x1 + (x2 - x1) * 0.6,
      y1,
      x2,
      y2 - (y2 - y1) * 0.3,
    ]);
    const none = real(scores.map(() => 0));
    const classes = `'{${labels.join(",")}}'::smallint[]`;
    return `((SELECT id FROM image WHERE file_name = '${name}'), ${real(corners.flat())},
      ${classes}, ${real(scores)}, ${classes}, ${none}, ${none},
      ${real(partners.flat())})`;
  });
  deployment.psql(`
    INSERT INTO model (project_id, number, name, preset, state, weights_sha256, weights_bytes)
    SELECT id, 1, 'made-up', 'small', 'serving', sha256('made-up'), 1 FROM project WHERE name = 'parts';
    INSERT INTO prediction (model_id, image_id, corners, labels, scores, runner_up_labels, runner_up_scores,
                            background_scores, agreements, embedding, max_foreground_score, partner_corners)
    SELECT model.id, row.image, row.corners, row.labels, row.scores, row.others, row.zeros, row.more,
           '{}', '', 0.9, row.partners
    FROM model, (VALUES ${rows.join(",\n")})
         AS row (image, corners, labels, scores, others, zeros, more, partners);
    UPDATE ranking SET model_id = model.id FROM model WHERE ranking.project_id = model.project_id;
    UPDATE ranking_entry SET blind = position % 5 = 4`);
}

async function newPage(t, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  t.after(() => context.close());
  context.setDefaultTimeout(WAIT);
  const page = await context.newPage();
  page.problems = [];
  page.on("pageerror", (error) => page.problems.push(String(error)));
  page.on("console", (message) => {
    if (/Content Security Policy/.test(message.text())) page.problems.push(message.text());
  });
  return page;
}

async function logIn(page, name) {
  await page.goto(deployment.loupe("token", "link", name).trim());
  await page.getByRole("heading", { name: "Projects" }).waitFor();
}

async function openProject(page, project) {
  await page.getByRole("link", { name: `Label ${project}` }).click();
  await isReady(page);
}

const isReady = (page) => page.locator(".stage .picture img").waitFor();
const hasSent = (page) => page.getByText("0 waiting to send · saved").waitFor();
const fileOn = (page) => page.locator(".file").textContent();
const rowsOn = (page) => page.getByRole("region", { name: /^Boxes/ }).getByRole("listitem");

async function press(page, ...keys) {
  for (const key of keys) await page.keyboard.press(key);
}

// How many pictures the page has fetched.
const picturesOn = (page) =>
  page.evaluate(() => {
    const fetched = performance.getEntriesByType("resource").map((each) => each.name);
    return new Set(fetched.filter((name) => name.includes("/images/"))).size;
  });

// Submits, and waits for the next image.
async function submit(page) {
  const file = await fileOn(page);
  await page.keyboard.press("Enter");
  await page.waitForFunction((before) => {
    const now = document.querySelector(".file")?.textContent;
    return now && now !== before;
  }, file);
  return file;
}

function answerTo(file) {
  const { revisions } = deployment.json("provenance", "image", file, "--project", "parts");
  return revisions;
}

const kill = () => process.kill(parseInt(deployment.read("server.pid"), 10), "SIGKILL");
const held = (name) => count(`lease JOIN principal ON principal.id = holder_id WHERE name = '${name}'`);
const count = (sql) => Number(deployment.psql(`SELECT count(*) FROM ${sql}`));

test("ten images are labelled by the keyboard alone, while page and coordinator come and go", async (t) => {
  t.after(() => deployment.loupe("up", "--no-worker"));
  deployment.token("annotator", "anna");
  const page = await newPage(t);
  await logIn(page, "anna");
  await page.getByRole("link", { name: "Label parts" }).focus();
  await press(page, "Enter");
  await isReady(page);

  // What is done to each image, and the origins that its boxes have then.
  const done = new Map();
  const acceptOneRejectOne = async () => {
    // The first press selects the least certain box, which isn't there.
    await press(page, "x", "x", "a");
    return { origins: ["accepted"], outcomes: { rejected: 1 } };
  };
  const draw = async () => {
    await press(page, "n", "n", "2", "ArrowRight", "Shift+ArrowDown", "Control+ArrowRight");
    return { origins: ["drawn"] };
  };
  const move = async () => {
    await press(page, "Tab", "Shift+ArrowRight");
    return { origins: ["adjusted"] };
  };
  const relabel = async () => {
    const before = await rowsOn(page).first().locator(".name").textContent();
    await press(page, "Tab", before === "scratch" ? "2" : "1");
    return { origins: ["relabelled"] };
  };
  const acceptAll = async () => {
    await press(page, "Shift+A");
    return { allAccepted: true };
  };
  const nothing = async () => ({ origins: [] });
  const undone = async () => {
    await press(page, "Tab", "Delete", "Control+Z", "Shift+A", "u", "Control+Y");
    return { allAccepted: true };
  };
  const ways = [acceptOneRejectOne, draw, move, relabel, acceptAll, nothing, undone];

  for (let i = 0; done.size < 10; ++i) {
    const isBlind = await page.getByText("Blind: draw what you see").isVisible();
    const way = isBlind ? draw : ways[i % ways.length];
    const expected = await way();
    if (done.size === 3) {
      // The draft outlives the page.
      const [file, rows] = [await fileOn(page), await rowsOn(page).allTextContents()];
      await page.reload();
      await isReady(page);
      assert.equal(await fileOn(page), file);
      assert.deepEqual(await rowsOn(page).allTextContents(), rows);
    }
    if (done.size === 6) {
      await hasSent(page);
      // The reload came at the fourth image: since then four were shown, and two are fetched ahead; more, where
      // tasks that were given back at the reload had gone to others in between.
      await eventually("pictures are fetched ahead", async () => (await picturesOn(page)) >= 6);
      kill();
    }
    if (done.size === 8) {
      await page.getByText(/^2 waiting to send · saved/).waitFor();
      deployment.loupe("up", "--no-worker");
      await hasSent(page);
    }
    done.set(await submit(page), expected);
  }
  await hasSent(page);

  assert.equal(done.size, 10);
  assert.equal(count("label_revision"), 10);
  for (const [file, { origins, outcomes, allAccepted }] of done) {
    const revisions = answerTo(file);
    assert.equal(revisions.length, 1, file);
    const [{ boxes, shown_boxes: shown, author, client, spent_ms: spent }] = revisions;
    assert.equal(author, "anna");
    assert.match(client, /^page, Chrom/);
    assert.ok(spent > 0 && spent < 60_000, `${file}: ${spent} ms`);
    if (allAccepted) {
      assert.equal(boxes.length, shown.length);
      assert.ok(
        boxes.every((box) => box.origin === "accepted"),
        file,
      );
    } else {
      assert.deepEqual(
        boxes.map((box) => box.origin),
        origins,
        file,
      );
    }
    for (const [outcome, times] of Object.entries(outcomes ?? {})) {
      assert.equal(shown.filter((each) => each.outcome === outcome).length, times, file);
    }
  }
  assert.deepEqual(page.problems, []);
});

test("a draft is restored in the tab that had it, and two tabs have different tasks", async (t) => {
  deployment.token("annotator", "bert");
  const page = await newPage(t);
  await logIn(page, "bert");
  await openProject(page, "parts");
  await press(page, "n", "n");
  const other = await page.context().newPage();
  await other.goto(page.url());
  await isReady(other);
  assert.notEqual(await fileOn(other), await fileOn(page));
  const file = await fileOn(page);
  await page.close();
  await other.reload(); // Now nobody has the draft.
  await isReady(other);
  assert.equal(await fileOn(other), file);
  await other.getByText("drawn").waitFor();
  await submit(other);
  await hasSent(other);
  assert.deepEqual(
    answerTo(file).map(({ boxes }) => boxes.length),
    [1],
  );
});

test("tasks that nobody has begun are given back when the page is left", async (t) => {
  deployment.token("annotator", "carl");
  const page = await newPage(t);
  await logIn(page, "carl");
  await openProject(page, "parts");
  await eventually("tasks are leased ahead", () => held("carl") === 3);
  await page.getByRole("link", { name: "All projects" }).click();
  await eventually("they are given back", () => held("carl") === 0);
});

test("an answer waits while the session has ended, and is sent after the log-in", async (t) => {
  const secret = deployment.token("annotator", "dora");
  const page = await newPage(t);
  await logIn(page, "dora");
  await openProject(page, "parts");
  const file = await fileOn(page);
  deployment.psql("UPDATE session SET expires_at = now() - interval '1 second'");
  await page.waitForTimeout(1200); // Within a second nobody is asked again.
  await press(page, "n", "n", "Enter");
  await page.getByLabel("Token").fill(secret);
  await page.getByRole("button", { name: "Log in" }).click();
  await isReady(page);
  await hasSent(page);
  assert.deepEqual(
    answerTo(file).map(({ author, boxes }) => [author, boxes.length]),
    [["dora", 1]],
  );
});

test("the last answer is opened again and corrected", async (t) => {
  deployment.token("annotator", "emil");
  const page = await newPage(t);
  await logIn(page, "emil");
  await openProject(page, "parts");
  await press(page, "n", "n");
  const file = await submit(page);
  const next = await fileOn(page);
  await press(page, "Backspace");
  await page.locator(".file").getByText(file).waitFor();
  await press(page, "Tab", "3");
  await submit(page);
  assert.equal(await fileOn(page), next);
  await hasSent(page);
  assert.deepEqual(
    answerTo(file).map(({ source, boxes }) => [source, boxes[0].label]),
    [
      ["task", 1],
      ["reopen", 3],
    ],
  );
});

test("a browser that keeps nothing says so, and work goes on", async (t) => {
  deployment.token("annotator", "gesa");
  const page = await newPage(t);
  await page.addInitScript(() => {
    IDBFactory.prototype.open = () => {
      throw new DOMException("no space", "QuotaExceededError");
    };
  });
  await logIn(page, "gesa");
  await openProject(page, "parts");
  await page.getByText("This browser keeps nothing (QuotaExceededError)").waitFor();
  await press(page, "n", "n");
  const file = await submit(page);
  await page.getByText("0 waiting to send · not saved").waitFor();
  assert.deepEqual(
    answerTo(file).map(({ boxes }) => boxes.length),
    [1],
  );
});

test("Enter that is held down submits one image", async (t) => {
  deployment.token("annotator", "hugo");
  const page = await newPage(t);
  await logIn(page, "hugo");
  await openProject(page, "parts");
  const before = count("label_revision");
  await page.keyboard.down("Enter");
  for (let i = 0; i < 5; ++i) await page.keyboard.down("Enter"); // Repeats, as of a key that is held
  await page.keyboard.up("Enter");
  await hasSent(page);
  await eventually("it is stored", () => count("label_revision") > before);
  assert.equal(count("label_revision"), before + 1);
});

test("guidelines and names are shown as they were written", async (t) => {
  deployment.token("annotator", "ilse");
  const page = await newPage(t);
  await logIn(page, "ilse");
  await openProject(page, "parts");
  await page.getByText("Guidelines").click();
  await page.getByText("<b>No</b> shadows.").waitFor();
});

// Where a point of the image is on the screen.
async function onScreen(page, x, y) {
  return page.locator(".picture img").evaluate(
    (image, [x, y]) => {
      const { left, top, width, height } = image.getBoundingClientRect();
      return [left + (x * width) / image.width, top + (y * height) / image.height];
    },
    [x, y],
  );
}

// Waits until the `place`-th box that isn't only predicted is selected.
const isSelected = (page, place) =>
  page.waitForFunction((at) => {
    const row = document.querySelectorAll(".row:has(.number.confirmed)")[at];
    return row?.getAttribute("aria-pressed") === "true";
  }, place);

async function drag(page, from, to) {
  await page.mouse.move(...(await onScreen(page, ...from)));
  await page.mouse.down();
  await page.mouse.move(...(await onScreen(page, ...to)), { steps: 4 });
  await page.mouse.up();
}

test("boxes that the mouse draws, moves and resizes are the same at every zoom", async (t) => {
  deployment.token("annotator", "jana");
  const page = await newPage(t, { deviceScaleFactor: 2 });
  await logIn(page, "jana");
  await openProject(page, "parts");
  await drag(page, [10, 20], [50, 60]);
  await page.mouse.move(...(await onScreen(page, 64, 64)));
  await page.mouse.wheel(0, -300);
  await page.waitForTimeout(100); // The next frame shows it.
  await press(page, "Escape");
  await drag(page, [60, 50], [100, 90]);
  await press(page, "n"); // Within the box, which would move otherwise.
  await drag(page, [70, 60], [80, 70]);
  await drag(page, [75, 65], [77, 66]); // moves it by 2, 1
  await drag(page, [82, 71], [86, 75]); // its corner by 4, 4
  await press(page, "Escape");
  await page.mouse.click(...(await onScreen(page, 75, 65))); // the smallest
  await isSelected(page, 2);
  await press(page, "2");
  const below = await onScreen(page, 75, 65);
  await page.keyboard.down("Alt");
  await page.mouse.click(...below);
  await page.keyboard.up("Alt");
  await isSelected(page, 1);
  await press(page, "3");
  const file = await submit(page);
  await hasSent(page);
  const [{ boxes }] = answerTo(file);
  const found = boxes.map(({ box, label }) => [...box.map(Math.round), label]);
  assert.deepEqual(found, [
    [10, 20, 50, 60, 1],
    [60, 50, 100, 90, 3],
    [72, 61, 86, 75, 2],
  ]);
});

test("a finger pans, two fingers zoom, a tap selects", async (t) => {
  deployment.token("annotator", "kurt");
  const page = await newPage(t, { hasTouch: true });
  await logIn(page, "kurt");
  await openProject(page, "parts");
  await press(page, "n", "n", "Escape");
  const devtools = await page.context().newCDPSession(page);
  const touch = (type, ...points) =>
    devtools.send("Input.dispatchTouchEvent", {
      type,
      touchPoints: points.map(([x, y], id) => ({ x, y, id })),
    });
  const width = () => page.locator(".picture img").evaluate((image) => image.getBoundingClientRect().width);
  const left = () => page.locator(".picture img").evaluate((image) => image.getBoundingClientRect().left);
  const [x, y] = await onScreen(page, 64, 64);
  await touch("touchStart", [x, y]);
  await touch("touchEnd");
  await page.locator(".boxes [aria-pressed=true]").waitFor();
  const start = await left();
  await touch("touchStart", [x, y]);
  for (let i = 1; i <= 5; ++i) await touch("touchMove", [x + 10 * i, y]);
  await touch("touchEnd");
  await eventually("the image has moved", async () => Math.abs((await left()) - start - 50) < 2);
  assert.equal(await rowsOn(page).filter({ hasText: "drawn" }).count(), 1);
  const before = await width();
  await touch("touchStart", [x, y], [x + 50, y]);
  for (let i = 1; i <= 5; ++i) await touch("touchMove", [x, y], [x + 50 + 10 * i, y]);
  await touch("touchEnd");
  await eventually("the image has grown", async () => Math.abs((await width()) / before - 2) < 0.05);
});

test("a picture that can't be shown is skipped for that reason", async (t) => {
  deployment.token("annotator", "frida");
  const page = await newPage(t);
  await logIn(page, "frida");
  let broken = "";
  await page.route("**/images/**", (route) => {
    broken ||= route.request().url();
    return route.request().url() === broken
      ? route.fulfill({ status: 200, body: "no picture" })
      : route.continue();
  });
  await page.getByRole("link", { name: "Label parts" }).click();
  await page.getByText("can't be shown").waitFor();
  await page.getByRole("button", { name: "Skip it for that reason" }).click();
  await isReady(page);
  await hasSent(page);
  const reason = deployment.psql("SELECT skip_reason FROM task WHERE state = 'skipped'");
  assert.match(reason, /^picture can't be shown/);
});

test("a viewer, and who has nothing to label, reads what to do next", async (t) => {
  deployment.token("viewer", "vera");
  const page = await newPage(t);
  await logIn(page, "vera");
  assert.equal(await page.getByRole("link", { name: /^Label/ }).count(), 0);
  await page.goto(`${url}/#/p/parts/annotate`);
  await page.getByText("Ask an admin for one with the role annotator").waitFor();

  const admin = await newPage(t);
  await logIn(admin, "admin");
  await admin.getByRole("link", { name: "Label empty" }).click();
  await admin.getByText("empty has no pictures yet").waitFor();
});

test("what was drawn on a skipped image is there when it is taken up again", async (t) => {
  const pictures = path.join(deployment.folder, "one");
  writePictures(pictures, "one", 1, 64);
  deployment.loupe("project", "create", "tiny", "--classes", "a", "--holdout-fraction", "0");
  deployment.loupe("import", "--images", pictures, "--project", "tiny");
  deployment.token("annotator", "lena");
  const page = await newPage(t);
  await logIn(page, "lena");
  await openProject(page, "tiny");
  await press(page, "n", "n", "s");
  await page.getByText("Only images that you have skipped are left: 1.").waitFor();
  await page.getByRole("button", { name: "Take them up again" }).click();
  await isReady(page);
  assert.deepEqual(await rowsOn(page).allTextContents(), ["●adrawn"]);
  await press(page, "Enter");
  await page.getByText("Nothing is left to label in tiny. Thank you.").waitFor();
  await hasSent(page);
  await page.screenshot({ path: path.join(SCREENSHOTS, "annotate-done-light.png") });
});

for (const colorScheme of ["light", "dark"]) {
  test(`the page looks right, ${colorScheme}`, async (t) => {
    const page = await newPage(t, { colorScheme });
    const shoot = async (name) => {
      const file = `annotate-${name}-${colorScheme}.png`;
      await page.screenshot({ path: path.join(SCREENSHOTS, file) });
    };
    await logIn(page, "admin");
    await openProject(page, "parts");
    while (await page.getByText("Blind: draw what you see").isVisible()) await submit(page);
    await press(page, "Tab");
    await shoot("task");
    const stage = await page.locator(".stage").boundingBox();
    const at = (x, y) => [stage.x + stage.width * x, stage.y + stage.height * y];
    await press(page, "n");
    await page.mouse.move(...at(0.3, 0.2));
    await page.mouse.down();
    await page.mouse.move(...at(0.6, 0.7), { steps: 5 });
    await shoot("drawing");
    await page.mouse.up();
    await shoot("drawn");
    await press(page, "?");
    await page.getByRole("heading", { name: "Keys" }).waitFor();
    await shoot("keys");
    await press(page, "Escape");
    await page.goto(`${url}/#/p/empty/annotate`);
    await page.getByText("has no pictures yet").waitFor();
    await shoot("empty");
    assert.deepEqual(page.problems, []);
  });
}
