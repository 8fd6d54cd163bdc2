// What goes wrong around a person who labels: other people, classes that change, late answers, clocks that
// are wrong, a full disk, hostile texts. Nothing is lost, and the person is told.

import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import test, { after, before } from "node:test";
import {
  Workplace,
  fileOn,
  guessesOf,
  hasSent,
  isAtEnd,
  isBlind,
  isNext,
  isReady,
  keptOn,
  press,
  rowsOn,
  submit,
  submitOrEnd,
} from "./annotate_page.mjs";
import { eventually, png, writePictures } from "./deployment.mjs";

const place = new Workplace();
const { deployment } = place;
const HOLDOUT_IMAGES = 24;
let inHoldout; // names of files

before(async () => {
  place.createParts("parts", { images: 60 });
  place.createParts("shared", { images: 20, seed: 8 });
  const { truth } = place.createParts("judged", { images: HOLDOUT_IMAGES, seed: 9, holdout: 0.4 });
  place.predict("judged", guessesOf(truth), { blindEvery: 0 });
  const { images } = deployment.json("image", "list", "--project", "judged");
  inHoldout = new Set(images.filter((each) => each.side === "holdout").map((each) => each.file_name));
  await place.open();
});
after(() => place.close());

// A project with one grey picture.
function createTiny(project, classes = ["scratch", "dent"]) {
  const folder = path.join(deployment.folder, project);
  writePictures(folder, project, 1, 64);
  place.createProject(project, classes, folder);
  return `${project}-0000.png`;
}

// As if the person had gone for lunch with the page open.
async function endLeases(name) {
  deployment.psql(`UPDATE lease SET expires_at = now() - interval '1 second'
    FROM principal WHERE principal.id = holder_id AND principal.name = '${name}'`);
  await eventually("the coordinator has noticed", () => place.held(name) === 0, 60);
}

const nothingLeft = (page) => page.getByText(/^Nothing is left to label/).waitFor();

test("two people at once get no image twice, and all are answered", async (t) => {
  const pages = await Promise.all([place.annotate(t, "anna", "shared"), place.annotate(t, "bert", "shared")]);
  const label = async (page) => {
    const files = [];
    while (!(await isAtEnd(page))) {
      await press(page, "n", "n");
      files.push(await submitOrEnd(page));
    }
    await hasSent(page);
    return files;
  };
  const files = await Promise.all(pages.map(label));
  assert.equal(new Set(files.flat()).size, files.flat().length);
  assert.ok(
    files.every((each) => each.length > 2),
    `${files.map((each) => each.length)}`,
  );
  for (const [i, name] of ["anna", "bert"].entries()) {
    for (const file of files[i]) {
      assert.deepEqual(
        place.answersTo(file, "shared").map(({ author }) => author),
        [name],
      );
    }
  }
  await Promise.all(pages.map(nothingLeft));
  assert.equal(files.flat().length, 20);
  assert.equal(place.answers("shared"), 20);
});

test("a late answer is kept beside the truth, and the person is told", async (t) => {
  const file = createTiny("late");
  const page = await place.annotate(t, "carl", "late");
  await press(page, "n", "n", "ArrowRight");
  await endLeases("carl");
  const other = await place.annotate(t, "dora", "late");
  assert.equal(await fileOn(other), file);
  await press(other, "n", "n", "2", "Enter");
  await nothingLeft(other);
  await hasSent(other);
  await press(page, "Enter");
  await page
    .getByText(`Kept beside the truth, which had changed since the image was opened: ${file}.`)
    .waitFor();
  await hasSent(page);
  await page.getByRole("button", { name: "Understood" }).click();
  assert.equal(await page.getByText("Kept beside the truth").count(), 0);
  const found = place
    .answersTo(file, "late")
    .map(({ author, standing, boxes }) => [author, standing, boxes.length]);
  assert.deepEqual(found, [
    ["dora", "truth", 1],
    ["carl", "late", 1],
  ]);
});

test("an answer after the lease's end is the truth where nobody else has answered", async (t) => {
  const page = await place.annotate(t, "cleo", "parts");
  await press(page, "n", "n");
  await endLeases("cleo");
  const file = await submit(page);
  await hasSent(page);
  const [{ standing, author }] = place.answersTo(file, "parts");
  assert.deepEqual([standing, author], ["truth", "cleo"]);
  assert.equal(await page.getByText("Kept beside the truth").count(), 0);
});

test("an answer with a class that was retired meanwhile is refused, and sent with another", async (t) => {
  const file = createTiny("retired");
  const page = await place.annotate(t, "emil", "retired");
  await press(page, "n", "n", "2");
  deployment.loupe("class", "retire", "dent", "--project", "retired");
  await press(page, "Enter");
  await page.getByText(`Not taken: ${file}, 1 box.`).waitFor();
  await hasSent(page);
  assert.equal(place.answers("retired"), 0);
  await page.reload(); // It is still there, and the page has heard of the class.
  await page.getByText(`Not taken: ${file}, 1 box.`).waitFor();
  await page.getByRole("button", { name: "Open" }).click();
  await isReady(page);
  assert.equal(await page.getByRole("region", { name: "Classes" }).getByText("dent").count(), 0);
  assert.match(await rowsOn(page).first().textContent(), /dent/);
  await press(page, "Tab", "1", "Enter");
  await hasSent(page);
  await eventually("it is stored", () => place.answers("retired") === 1);
  assert.equal(await page.getByText("Not taken").count(), 0);
  assert.deepEqual(
    place.boxesOf(file, "retired").map(([, , , , label]) => label),
    [1],
  );
});

test("an image that is opened while the next one is on its way stays, and that one comes after it", async (t) => {
  const folder = path.join(deployment.folder, "slow");
  writePictures(folder, "slow", 4, 64);
  place.createProject("slow", ["scratch"], folder);
  const page = await place.annotate(t, "ella", "slow");
  await press(page, "n", "n");
  const answered = await submit(page);
  await hasSent(page);
  let isAsked;
  let answer;
  const asked = new Promise((resolve) => (isAsked = resolve));
  const mayAnswer = new Promise((resolve) => (answer = resolve));
  await page.route("**/loupe.v1.LabelingService/NextTasks", async (route) => {
    isAsked();
    await mayAnswer;
    await route.continue();
  });
  await page.reload();
  await asked;
  await press(page, "Backspace");
  await isReady(page);
  assert.equal(await fileOn(page), answered);
  const arrived = page.waitForResponse("**/loupe.v1.LabelingService/NextTasks");
  answer();
  await (await arrived).finished();
  await page.unroute("**/loupe.v1.LabelingService/NextTasks");
  await press(page, "n", "n", "ArrowRight"); // Whatever comes now, the page has heard of it.
  assert.equal(await fileOn(page), answered);
  await submit(page);
  await press(page, "n", "n");
  const next = await submit(page);
  assert.notEqual(next, answered);
  await hasSent(page);
  assert.deepEqual([answered, next].map((file) => place.answersTo(file, "slow").length), [2, 1]);
});

test("a class that was renamed or added meanwhile is there without a reload", async (t) => {
  const folder = path.join(deployment.folder, "renamed");
  writePictures(folder, "renamed", 4, 64);
  place.createProject("renamed", ["scratch", "dent"], folder);
  const page = await place.annotate(t, "frida", "renamed");
  await press(page, "n", "n", "2");
  deployment.loupe("class", "rename", "dent", "bump", "--project", "renamed");
  deployment.loupe("class", "add", "pore", "--project", "renamed");
  const file = await submit(page);
  await hasSent(page);
  // The page asks how far the project is after an answer, and hears of the classes.
  const panel = page.getByRole("region", { name: "Classes" });
  await panel.getByText("bump").waitFor();
  await panel.getByText("pore").waitFor();
  await press(page, "n", "n", "3");
  const next = await submit(page);
  await hasSent(page);
  const names = (name) =>
    place
      .answersTo(name, "renamed")
      .at(-1)
      .boxes.map((box) => box.class);
  assert.deepEqual([names(file), names(next)], [["bump"], ["pore"]]);
});

// Shifts what the page holds for the time, by `window.shift` milliseconds. What measures spans stays right.
function shiftClock() {
  const Real = Date;
  window.shift = 0;
  window.Date = class extends Real {
    constructor(...words) {
      super(...(words.length > 0 ? words : [Real.now() + window.shift]));
    }
    static now() {
      return Real.now() + window.shift;
    }
  };
}

test("a clock that is wrong, and jumps, harms nothing", async (t) => {
  const years = (count) => count * 365 * 24 * 3600_000;
  deployment.token("annotator", "gesa");
  const page = await place.newPage(t);
  await page.addInitScript(shiftClock);
  await place.logIn(page, "gesa");
  await place.goTo(page, "parts");
  await isReady(page);
  const done = [];
  for (const shift of [years(-40), years(20), 0, years(5), -years(1)]) {
    await page.evaluate((by) => (window.shift = by), shift);
    await press(page, "n", "n");
    done.push(await submit(page));
  }
  await hasSent(page);
  // Answers that wait go out in order, and the draft outlives the page.
  await page.evaluate((by) => (window.shift = by), years(30));
  await press(page, "n", "n", "ArrowRight");
  const file = await fileOn(page);
  await eventually("it is on the disk", async () => (await keptOn(page, file)) === 1);
  await page.reload();
  await isReady(page);
  assert.equal(await fileOn(page), file);
  done.push(await submit(page));
  await hasSent(page);
  for (const each of done) {
    const [{ spent_ms: spent, boxes }, ...more] = place.answersTo(each, "parts");
    assert.deepEqual([boxes.length, more.length], [1, 0]);
    assert.ok(spent > 0 && spent < 60_000, `${each}: ${spent} ms`);
  }
});

test("time on image and boxes is measured; pauses count for 20 seconds at most", async (t) => {
  deployment.token("annotator", "hugo");
  const page = await place.newPage(t);
  await page.clock.install();
  await place.logIn(page, "hugo");
  await place.goTo(page, "parts");
  await isReady(page);
  const file = await fileOn(page);
  await press(page, "n", "n"); // The first box is selected.
  await page.clock.fastForward(5_000);
  await press(page, "ArrowRight");
  await page.clock.fastForward(30 * 60_000); // lunch
  await press(page, "ArrowRight", "Escape", "n", "n");
  await page.clock.fastForward(8_000);
  await press(page, "ArrowDown", "Enter");
  await isNext(page, file);
  await hasSent(page);
  const [{ spent_ms: spent }] = place.answersTo(file, "parts");
  const onBoxes = deployment
    .psql(
      `SELECT label_box.spent_ms FROM label_box JOIN label_revision ON label_revision.id = revision_id
      JOIN image ON image.id = image_id JOIN project ON project.id = project_id
      WHERE file_name = '${file}' AND project.name = 'parts' ORDER BY ordinal`,
    )
    .split("\n")
    .map(Number);
  const isAbout = (found, seconds) => found >= seconds * 1000 && found < seconds * 1000 + 4000;
  assert.ok(isAbout(onBoxes[0], 25), `${onBoxes}`);
  assert.ok(isAbout(onBoxes[1], 8), `${onBoxes}`);
  assert.ok(isAbout(spent, 33), `${spent}`);
});

test("a browser that keeps nothing says so, and work goes on", async (t) => {
  deployment.token("annotator", "ilse");
  const page = await place.newPage(t);
  await page.addInitScript(() => {
    IDBFactory.prototype.open = () => {
      throw new DOMException("no space", "QuotaExceededError");
    };
  });
  await place.logIn(page, "ilse");
  await place.goTo(page, "parts");
  await isReady(page);
  await page.getByText("This browser keeps nothing (QuotaExceededError)").waitFor();
  await press(page, "n", "n");
  const file = await submit(page);
  await page.getByText("0 waiting to send · not saved").waitFor();
  assert.deepEqual(
    place.answersTo(file, "parts").map(({ boxes }) => boxes.length),
    [1],
  );
});

test("a disk that is full from some moment on is told, and nothing of that tab is lost", async (t) => {
  deployment.token("annotator", "jana");
  const page = await place.newPageOnDisk(t);
  const devtools = await page.context().newCDPSession(page);
  const { origin } = new URL(deployment.url);
  await devtools.send("Storage.overrideQuotaForOrigin", { origin, quotaSize: 100_000 });
  await place.logIn(page, "jana");
  await place.goTo(page, "parts");
  await isReady(page);
  await press(page, "n", "n");
  const file = await fileOn(page);
  await eventually("it is on the disk", async () => (await keptOn(page, file)) === 1);
  const warning = page.getByText(/^This browser keeps nothing \(QuotaExceededError\)/);
  let steps = 0;
  for (; steps < 300 && !(await warning.isVisible()); ++steps) {
    await press(page, steps % 2 === 0 ? "ArrowRight" : "ArrowLeft");
  }
  await warning.waitFor();
  if (steps % 2 === 1) await press(page, "ArrowLeft");
  await press(page, "ArrowRight", "ArrowRight", "ArrowRight");
  assert.equal(await submit(page), file);
  await press(page, "n", "n");
  const next = await submit(page);
  await page.getByText("0 waiting to send · not saved").waitFor();
  const boxes = [file, next].map((each) => place.boxesOf(each, "parts"));
  assert.deepEqual(
    boxes.map((each) => each.length),
    [1, 1],
  );
  assert.equal(boxes[0][0][0], boxes[1][0][0] + 3);
});

test("scripts in names, notes, flags and guidelines stay text", async (t) => {
  const hostile = (mark) => `<img src=x onerror="window.hacked='${mark}'">`;
  const folder = path.join(deployment.folder, "hostile");
  fs.mkdirSync(folder);
  for (const i of [0, 1, 2])
    fs.writeFileSync(path.join(folder, `${i} ${hostile("file")}.png`), png(64, 64, i + 1));
  place.createProject("hostile", [hostile("class"), "plain"], folder);
  const guidelines = path.join(deployment.folder, "hostile.md");
  fs.writeFileSync(guidelines, `Draw tight boxes.\n\n<b>No</b> shadows. ${hostile("guidelines")}\n`);
  deployment.loupe("project", "guidelines", "--set", guidelines, "--project", "hostile");
  const page = await place.annotate(t, "kurt", "hostile");
  await page.getByText("Guidelines", { exact: true }).click();
  await page.getByText(`<b>No</b> shadows. ${hostile("guidelines")}`).waitFor();
  await press(page, "Escape", "n", "n", "m");
  await page.keyboard.type(hostile("note"));
  await page.getByLabel("Add a flag").fill(hostile("flag").slice(0, 50));
  await press(page, "Enter", "Escape");
  await page.locator(".flags").getByText(hostile("flag").slice(0, 50)).waitFor();
  await page.keyboard.down("l"); // names on the picture
  await page.locator(".overlay").getByText(hostile("class")).waitFor();
  await page.keyboard.up("l");
  await press(page, "/");
  await page.keyboard.type(hostile("class"));
  await press(page, "Enter");
  const file = await submit(page);
  assert.match(file, /onerror/);
  await page.getByLabel("Reason for skipping").fill(hostile("reason"));
  await press(page, "Enter");
  await isNext(page, file);
  await press(page, "Backspace");
  await page.locator(".file").getByText(file).waitFor();
  assert.equal(await page.locator(".note").inputValue(), hostile("note"));
  await page.getByRole("link", { name: "Your work" }).click();
  await page.getByRole("heading", { name: "Your work in hostile" }).waitFor();
  await page.getByText(file).first().waitFor();
  await page.getByRole("link", { name: "All projects" }).click();
  await page.getByText(hostile("class")).first().waitFor();
  assert.equal(await page.evaluate(() => window.hacked), undefined);
  assert.deepEqual(page.problems, []);
});

test("no image of the holdout is ever opened with predictions in view", async (t) => {
  assert.ok(inHoldout.size > 3 && inHoldout.size < HOLDOUT_IMAGES - 3, `${inHoldout.size}`);
  const page = await place.annotate(t, "lena", "judged");
  const last = [];
  for (let i = 0; i < HOLDOUT_IMAGES; ++i) {
    const file = await fileOn(page);
    const isHidden = inHoldout.has(file);
    assert.equal(await isBlind(page), isHidden, file);
    const predicted = rowsOn(page).filter({ has: page.locator(".predicted") });
    assert.equal((await predicted.count()) > 0, !isHidden, file);
    assert.equal((await page.locator(".overlay g.predicted").count()) > 0, !isHidden, file);
    await press(page, "Shift+A", "n", "n");
    last.push(await submitOrEnd(page));
  }
  await nothingLeft(page);
  await hasSent(page);
  // Nor when an answer is opened again, by whoever it is.
  const blind = last.filter((file) => inHoldout.has(file)).at(-1);
  const id = deployment.psql(`SELECT image.id FROM image JOIN project ON project.id = project_id
    WHERE file_name = '${blind}' AND project.name = 'judged'`);
  for (const name of ["lena", "admin"]) {
    const again = await place.newPage(t);
    await place.logIn(again, name);
    await place.goTo(again, "judged", `?open=${id}`);
    await again.locator(".file").getByText(blind).waitFor();
    await again.getByText("Blind: draw what you see").waitFor();
    assert.equal(await again.locator(".overlay g.predicted").count(), 0);
    assert.equal(await rowsOn(again).count(), 1);
    await again.getByRole("link", { name: "All projects" }).click();
    await eventually("it is given back", () => place.held(name) === 0);
  }
  for (const file of inHoldout) {
    const [{ shown_boxes: shown, blind: wasBlind }] = place.answersTo(file, "judged");
    assert.deepEqual([shown, wasBlind], [[], true], file);
  }
});
