// What a person does with mouse and keys on the annotation page, and what is stored of it.

import assert from "node:assert/strict";
import path from "node:path";
import test, { after, before } from "node:test";
import {
  Workplace,
  click,
  drag,
  fileOn,
  guessesOf,
  hasSent,
  isBlind,
  isNext,
  isReady,
  isSelected,
  keptOn,
  onScreen,
  point,
  press,
  rowsOn,
  selectedOn,
  submit,
} from "./annotate_page.mjs";
import { eventually } from "./deployment.mjs";

const place = new Workplace();
const { deployment } = place;
const MANY_CLASSES = Array.from({ length: 14 }, (_, i) => `kind ${String.fromCharCode(97 + i)}`);

before(async () => {
  await place.open();
  place.createParts("plain", { images: 60 });
  const { folder, truth } = place.createParts("guessed", { images: 30, seed: 8 });
  place.predict("guessed", guessesOf(truth), { blindEvery: 3 });
  place.createProject("many", MANY_CLASSES, path.join(folder, "images"));
  // Two pictures of one scene, as taken a moment apart.
  const scene = [
    [20, 30, 60, 40, "#202020"],
    [120, 40, 30, 90, "#f0f0f0"],
    [60, 140, 110, 30, "#404040"],
  ];
  const twins = [11, 12].map((seed) => ({
    file: `t${seed}.jpg`,
    width: 192,
    height: 192,
    shapes: scene,
    seed,
  }));
  await place.paint(path.join(deployment.folder, "twins"), twins);
  place.createProject("twins", ["a", "b", "c"], path.join(deployment.folder, "twins"));
  place.setBlind("twins", 0);
});
after(() => place.close());

// Submits, and returns what is stored.
async function stored(page, project) {
  const file = await submit(page);
  await hasSent(page);
  return place.boxesOf(file, project);
}

// Goes on to an image that is blind, or that isn't, and has so many boxes.
async function goOn(page, wanted, boxes = 0) {
  while ((await isBlind(page)) !== wanted || (await rowsOn(page).count()) < boxes) await submit(page);
}

const drawnBoxes = (page) => rowsOn(page).filter({ hasText: "drawn" });
const notices = (page, text) => page.locator(".notice").getByText(text).waitFor();

test("many boxes are selected, moved, given a class and deleted at once", async (t) => {
  const page = await place.annotate(t, "anna", "plain");
  const corners = [
    [10, 20, 30, 40],
    [50, 20, 70, 40],
    [90, 90, 110, 110],
  ];
  for (const [x1, y1, x2, y2] of corners) {
    await press(page, "Escape", "n");
    await drag(page, [x1, y1], [x2, y2]);
  }
  await press(page, "Escape");
  const areSelected = (count) =>
    eventually(`${count} are selected`, async () => (await selectedOn(page)) === count);

  await page.keyboard.down("Shift");
  await drag(page, [5, 15], [75, 45]);
  await areSelected(2);
  await click(page, 100, 100);
  await areSelected(3);
  await click(page, 20, 30); // takes it out
  await page.keyboard.up("Shift");
  await areSelected(2);
  await press(page, "ArrowRight", "ArrowRight", "ArrowRight", "2");

  await press(page, "b");
  await drag(page, [80, 80], [120, 120]); // the third one
  await areSelected(1);
  await press(page, "Delete");
  await press(page, "Control+A");
  await areSelected(2);
  await press(page, "j", "ArrowDown", "j", "ArrowRight");
  await drag(page, [20, 40], [25, 42]);
  assert.deepEqual(await stored(page, "plain"), [
    [16, 32, 36, 52, 1, "drawn"],
    [59, 32, 79, 52, 2, "drawn"],
  ]);
});

test("one undo takes back what was done to many boxes", async (t) => {
  const page = await place.annotate(t, "abel", "guessed");
  await goOn(page, false);
  const before = await rowsOn(page).allTextContents();
  await press(page, "Control+A", "ArrowDown", "Control+A", "2", "Control+A", "Delete");
  assert.equal(await rowsOn(page).count(), 0);
  await press(page, "u", "u", "u");
  assert.deepEqual(await rowsOn(page).allTextContents(), before);
});

test("Tab goes to the predicted boxes that are left, and walks the others when none is", async (t) => {
  const page = await place.annotate(t, "alma", "guessed");
  while ((await isBlind(page)) || (await rowsOn(page).count()) < 3) await submit(page);
  const states = rowsOn(page).locator(".number");
  const [first, second, third] = await states.allTextContents();
  const boxes = await states.count();
  const selected = page.locator(".boxes [aria-pressed=true]");
  const isOn = (state) => selected.getByText(state, { exact: true }).waitFor();
  await press(page, "Tab");
  await isOn(first);
  await press(page, "ArrowRight");
  await isOn("from the model");
  await press(page, "Tab");
  await isOn(second);
  await press(page, "n", "n");
  await isOn("drawn");
  await press(page, "Tab");
  await isOn(second);
  await press(page, "1", "2"); // One of them is another class.
  await press(page, "Tab");
  await isOn(third);
  await press(page, "Shift+Tab");
  await isOn("drawn");

  await press(page, "Shift+A", "Escape");
  const walked = new Set();
  for (let i = 0; i <= boxes; ++i) {
    await press(page, "Tab");
    const rows = page.locator(".boxes .row");
    walked.add(await rows.evaluateAll((all) => all.findIndex((row) => row.ariaPressed === "true")));
  }
  assert.equal(walked.size, boxes + 1);
});

test("two clicks draw a box", async (t) => {
  const page = await place.annotate(t, "bert", "plain");
  await press(page, "n");
  await click(page, 50, 60);
  await point(page, 30, 30);
  assert.equal(await rowsOn(page).count(), 0);
  await click(page, 10, 20);
  await isSelected(page, 0);
  await press(page, "n");
  await click(page, 80, 80);
  await press(page, "Escape"); // lets go of the first corner
  await press(page, "Escape", "n");
  await click(page, 100, 100);
  await click(page, 120, 127);
  await isSelected(page, 1);
  assert.deepEqual(await stored(page, "plain"), [
    [10, 20, 50, 60, 1, "drawn"],
    [100, 100, 120, 127, 1, "drawn"],
  ]);
});

test("four points that reach farthest draw a box, in any order", async (t) => {
  const page = await place.annotate(t, "carl", "plain");
  await press(page, "e");
  for (const at of [
    [60, 40],
    [30, 10],
    [25, 70],
  ])
    await click(page, ...at);
  assert.equal(await rowsOn(page).count(), 0);
  await click(page, 12, 35);
  await isSelected(page, 0);
  await press(page, "e");
  await click(page, 100, 100);
  await click(page, 120, 110);
  await press(page, "Escape");
  assert.deepEqual(await stored(page, "plain"), [[12, 10, 60, 70, 1, "drawn"]]);
});

test("the nearest corner follows pointer and arrows until it is put, or let go", async (t) => {
  const page = await place.annotate(t, "dora", "plain");
  await drag(page, [10, 20], [50, 60]);
  await isSelected(page, 0);
  await point(page, 53, 63);
  await press(page, "g");
  await point(page, 70, 75);
  await click(page, 70, 75); // puts it: [10, 20, 70, 75]
  await press(page, "Escape");
  await point(page, 12, 22);
  await press(page, "g", "ArrowRight", "ArrowRight", "Shift+ArrowDown", "Enter"); // [12, 30, 70, 75]
  await point(page, 68, 28);
  await press(page, "g", "ArrowLeft", "g"); // [12, 30, 69, 75]
  await press(page, "g");
  await point(page, 100, 10);
  await press(page, "Escape"); // as it was
  assert.equal(await drawnBoxes(page).count(), 1);
  await press(page, "u", "Control+Y");
  assert.deepEqual(await stored(page, "plain"), [[12, 30, 69, 75, 1, "drawn"]]);
});

test("a duplicate has the class of the original, and lies where there is room", async (t) => {
  const page = await place.annotate(t, "emil", "plain");
  await drag(page, [10, 20], [50, 60]);
  await press(page, "2", "d", "Escape", "n");
  await drag(page, [90, 90], [120, 122]);
  await press(page, "3", "d");
  assert.deepEqual(await stored(page, "plain"), [
    [10, 20, 50, 60, 2, "drawn"],
    [22, 32, 62, 72, 2, "drawn"],
    [90, 90, 120, 122, 3, "drawn"],
    [78, 78, 108, 110, 3, "drawn"],
  ]);
});

test("boxes of the last image are copied where this one looks almost the same", async (t) => {
  const page = await place.annotate(t, "frida", "twins");
  await drag(page, [20, 30], [80, 70]);
  await press(page, "Escape", "n");
  await drag(page, [120, 40], [150, 130]);
  await press(page, "2");
  await submit(page);
  const copy = page.getByRole("button", { name: "copy 2 of the last image" });
  await copy.waitFor();
  assert.ok(await copy.isEnabled());
  await press(page, "k");
  assert.equal(await rowsOn(page).filter({ hasText: "copied" }).count(), 2);
  assert.equal(await selectedOn(page), 2);
  await press(page, "k"); // They are there already.
  assert.equal(await rowsOn(page).count(), 2);
  assert.ok(await copy.isDisabled());
  await press(page, "u");
  assert.ok(await copy.isEnabled());
  await copy.click();
  assert.ok(await copy.isDisabled());
  await press(page, "Escape", "Tab", "ArrowRight"); // A copied box that is moved is a copied one.
  const file = await fileOn(page);
  await press(page, "Enter");
  await page.getByText("Nothing is left to label in twins").waitFor();
  await hasSent(page);
  assert.deepEqual(place.boxesOf(file, "twins"), [
    [21, 30, 81, 70, 1, "copied"],
    [120, 40, 150, 130, 2, "copied"],
  ]);
});

test("nothing is copied to another scene, or to a blind image", async (t) => {
  const page = await place.annotate(t, "fritz", "guessed");
  await goOn(page, false);
  await press(page, "n", "n");
  while (!(await isBlind(page))) {
    await submit(page);
    if (await isBlind(page)) break;
    await press(page, "k");
    await notices(page, "This image doesn't look like the last one");
    await press(page, "n", "n");
  }
  await press(page, "k");
  await notices(page, "Nothing is copied to a blind image.");
  assert.equal(await rowsOn(page).count(), 0);
});

test("one of more than ten classes is found by its name", async (t) => {
  const page = await place.annotate(t, "gesa", "many");
  await press(page, "n", "n", "/");
  await page.keyboard.type("KIND L");
  await press(page, "Enter");
  await page.locator(".stage:focus").waitFor();
  await press(page, "ArrowUp", "Escape", "n", "n"); // The next one has the same class.
  await press(page, "/");
  await page.keyboard.type("nothing like it");
  await page.getByText("No class has this in its name.").waitFor();
  await press(page, "Escape");
  assert.equal(await page.getByRole("region", { name: "Classes" }).getByRole("listitem").count(), 14);
  const boxes = await stored(page, "many");
  assert.deepEqual(
    boxes.map(([, , , , label]) => label),
    [12, 12],
  );
});

test("on a narrow screen a list gives boxes their class", async (t) => {
  const screen = { viewport: { width: 390, height: 844 }, hasTouch: true };
  const page = await place.annotate(t, "gitta", "plain", screen);
  const choice = page.getByRole("combobox", { name: "Class", exact: true });
  const shown = () => choice.evaluate((list) => list.selectedOptions[0].text);
  const [first, second, third] = await choice.locator("option").allTextContents();
  assert.equal(await shown(), first);
  assert.ok((await choice.boundingBox()).height >= 44);
  await press(page, "n", "n");
  await choice.selectOption(second);
  await page.locator(".stage:focus").waitFor();
  await press(page, "Escape", "n", "n", "ArrowUp"); // The next one has the same class.
  assert.equal(await shown(), second);
  await choice.selectOption(third);
  await press(page, "Control+A");
  assert.equal(await shown(), "several");
  await press(page, "Escape");
  assert.equal(await shown(), third);
  await page.setViewportSize({ width: 1280, height: 800 });
  await choice.waitFor({ state: "hidden" });
  const boxes = await stored(page, "plain");
  assert.deepEqual(
    boxes.map(([, , , , label]) => label),
    [2, 3],
  );
});

test("note and flags are stored with the answer, and there when it is opened again", async (t) => {
  const page = await place.annotate(t, "hugo", "plain");
  await press(page, "m");
  await page.locator(".note:focus").waitFor();
  await page.keyboard.type("a");
  await press(page, "Backspace"); // Whoever empties the note goes on writing.
  await page.keyboard.type("blurred at the rim; a, x and Enter are letters here");
  const flag = page.getByLabel("Add a flag");
  for (const text of ["unclear", "rim", "unclear"]) {
    await flag.fill(text);
    await press(page, "Enter");
  }
  await page.getByRole("button", { name: "Remove the flag rim" }).click();
  await page.locator(".stage:focus").waitFor();
  const file = await submit(page);
  assert.equal(await page.locator(".note").inputValue(), "");
  await press(page, "Backspace");
  await page.locator(".file").getByText(file).waitFor();
  assert.equal(
    await page.locator(".note").inputValue(),
    "blurred at the rim; a, x and Enter are letters here",
  );
  await page.getByLabel("Add a flag").fill("seen twice");
  await press(page, "Enter", "Escape");
  await submit(page);
  await hasSent(page);
  const note = "blurred at the rim; a, x and Enter are letters here";
  assert.deepEqual(
    place.answersTo(file, "plain").map((each) => [each.note, each.flags]),
    [
      [note, ["unclear"]],
      [note, ["unclear", "seen twice"]],
    ],
  );
});

test("a note alone is work: it outlives the page", async (t) => {
  const page = await place.annotate(t, "hans", "plain");
  const file = await fileOn(page);
  await press(page, "m");
  await page.locator(".note:focus").waitFor();
  await page.keyboard.type("look again");
  await eventually("it is on the disk", async () => (await keptOn(page, file)) >= 0);
  await page.reload();
  await isReady(page);
  assert.equal(await fileOn(page), file);
  assert.equal(await page.locator(".note").inputValue(), "look again");
});

test("the crosshair follows the pointer, and stays off once it was put off", async (t) => {
  const page = await place.annotate(t, "ilse", "plain");
  const line = page.locator(".crosshair .across");
  await point(page, 40, 40);
  await line.waitFor();
  const [, y] = await onScreen(page, 40, 40);
  await eventually("it is at the pointer", async () => Math.abs((await line.boundingBox()).y - y) < 2);
  await press(page, "c");
  await line.waitFor({ state: "hidden" });
  await page.reload();
  await isReady(page);
  await point(page, 50, 50);
  await point(page, 60, 60);
  await line.waitFor({ state: "hidden" });
  await press(page, "c");
  await point(page, 70, 70);
  await line.waitFor();
});

test("the picture stays where it is when notices and buttons come and go", async (t) => {
  const page = await place.annotate(t, "ingo", "guessed");
  await goOn(page, false);
  const corner = () => onScreen(page, 0, 0);
  const before = await corner();
  const ways = [["Tab"], ["n"], ["n"], ["Escape", "e"], ["Escape", "Shift+A"], ["Tab", "Delete"], ["u", "u"]];
  for (const keys of [...ways, ["h"], ["h"], ["k"], ["j"], ["j"], ["g"], ["Escape"], ["Control+A", "x"]]) {
    await press(page, ...keys);
    assert.deepEqual(await corner(), before, keys.join(" "));
  }
});

test("what a person is to be told covers neither picture nor panel, and can be folded", async (t) => {
  const page = await place.annotate(t, "ines", "plain");
  const corner = () => onScreen(page, 0, 0);
  const boundsOf = (selector) => page.locator(selector).boundingBox();
  const before = await corner();
  await page.route("**/loupe.v1.LabelingService/Submit", (route) =>
    route.fulfill({
      status: 400,
      contentType: "application/json",
      body: JSON.stringify({ code: "failed_precondition", message: "box 0: its class is retired" }),
    }),
  );
  await press(page, "n", "n");
  await submit(page);
  const told = page.getByText("Not taken");
  await told.waitFor();
  assert.deepEqual(await corner(), before);
  const [stage, warnings, side] = await Promise.all([".stage", ".warnings", ".side"].map(boundsOf));
  assert.ok(warnings.x >= stage.x + stage.width, "beside the picture");
  assert.ok(warnings.y + warnings.height <= side.y, "above the panel");

  await page.getByRole("button", { name: "Panel" }).click();
  const without = await corner();
  assert.ok(without[0] > before[0]);
  await told.waitFor();
  const fold = page.getByText("1 message", { exact: true });
  await fold.click();
  await told.waitFor({ state: "hidden" });
  await page.locator(".stage:focus").waitFor();
  await fold.click();
  await page.getByRole("button", { name: "Discard" }).click();
  await fold.waitFor({ state: "detached" });
  assert.deepEqual(await corner(), without);
});

test("the page says when Tab walks it and not the boxes, and how to go back", async (t) => {
  const page = await place.annotate(t, "inge", "plain");
  const corner = await onScreen(page, 0, 0);
  const away = page.locator(".notice").getByText("Tab walks the page.");
  const isOver = () => away.waitFor({ state: "detached" });
  const stage = page.locator(".stage:focus");
  await press(page, "Escape");
  await away.waitFor();
  assert.deepEqual(await onScreen(page, 0, 0), corner);
  await press(page, "Escape");
  await isOver();
  await stage.waitFor();
  await press(page, "Escape");
  await away.waitFor();
  await click(page, 64, 64);
  await isOver();
  await press(page, "Escape");
  await away.waitFor();
  await press(page, "m"); // Who writes knows where the keys go.
  await page.locator(".note:focus").waitFor();
  await isOver();

  await page.getByRole("button", { name: "Panel" }).click();
  await stage.waitFor();
  await press(page, "Escape");
  await away.waitFor();
  await press(page, "Tab");
  assert.equal(await stage.count(), 0);
  await press(page, "Escape");
  await stage.waitFor();
});

test("a click on a button or a slider doesn't say that the image lost the focus", async (t) => {
  const page = await place.annotate(t, "irma", "plain");
  await page.locator(".notice").evaluate((notice) => {
    window.said = [];
    const options = { childList: true, characterData: true, subtree: true };
    new MutationObserver(() => window.said.push(notice.textContent)).observe(notice, options);
  });
  const paint = () =>
    page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve))));
  for (const control of [page.getByRole("button", { name: "draw" }), page.getByLabel("Brightness")]) {
    await control.hover();
    await page.mouse.down();
    await page.locator(".stage:not(:focus)").waitFor();
    await paint();
    await page.mouse.up();
    await page.locator(".stage:focus").waitFor();
    await paint();
  }
  const said = await page.evaluate(() => window.said);
  assert.ok(said.some((text) => text.startsWith("Drag a box"))); // It has looked.
  assert.ok(!said.some((text) => text.startsWith("Tab walks")), String(said));
});

test("hidden boxes are shown by the same key, and at the next image", async (t) => {
  const page = await place.annotate(t, "jana", "plain");
  const overlay = page.locator(".overlay");
  await drag(page, [10, 20], [50, 60]);
  await press(page, "h");
  await overlay.waitFor({ state: "hidden" });
  await press(page, "h");
  await overlay.waitFor();
  await press(page, "h");
  await overlay.waitFor({ state: "hidden" });
  const boxes = await stored(page, "plain"); // What is hidden is stored all the same.
  assert.equal(boxes.length, 1);
  await overlay.waitFor();
});

test("a person's own keys take the place of the first ones, and conflicts are named", async (t) => {
  const page = await place.annotate(t, "kurt", "plain");
  const dialog = page.getByRole("dialog");
  const change = async (from, to) => {
    await dialog.getByRole("button", { name: `Change ${from}`, exact: true }).click();
    await press(page, to);
  };
  await press(page, "?");
  await dialog.waitFor();
  await change("D", "k");
  await dialog.getByText("K is taken: copy the boxes of the last image").waitFor();
  await press(page, "5");
  await dialog.getByText("5 is taken: class of these boxes").waitFor();
  await press(page, "Escape"); // leaves the key, not the list
  await dialog.getByRole("button", { name: "Change D", exact: true }).waitFor();
  await change("D", "w");
  await change("Enter", "Shift+Enter");
  await press(page, "Escape");
  await dialog.waitFor({ state: "detached" });
  await page.reload();
  await isReady(page);
  await page.locator(".strip").getByText("Shift+Enter").waitFor();
  await press(page, "n", "n", "d");
  assert.equal(await rowsOn(page).count(), 1);
  await press(page, "w");
  assert.equal(await rowsOn(page).count(), 2);
  const file = await fileOn(page);
  await press(page, "Enter");
  assert.equal(await fileOn(page), file);
  await press(page, "Shift+Enter");
  await isNext(page, file);
  await press(page, "?");
  await dialog.getByRole("button", { name: "Reset all keys" }).click();
  await press(page, "Escape");
  await press(page, "n", "n", "d");
  assert.equal(await rowsOn(page).count(), 2);
});

test("undo and redo go on after a reload", async (t) => {
  const page = await place.annotate(t, "lena", "plain");
  await drag(page, [10, 20], [50, 60]);
  await press(page, "ArrowRight", "ArrowRight", "ArrowRight", "2", "u");
  const file = await fileOn(page);
  await eventually("it is on the disk", async () => (await keptOn(page, file)) === 1);
  await hasSent(page);
  await page.reload();
  await isReady(page);
  assert.equal(await fileOn(page), file);
  await press(page, "r", "u", "u"); // class 2 again, and back; the third step to the right is undone
  await press(page, "u", "u", "u");
  assert.equal(await rowsOn(page).count(), 0);
  await press(page, "r", "r", "r");
  assert.deepEqual(await stored(page, "plain"), [[12, 20, 52, 60, 1, "drawn"]]);
});

test("predicted boxes below the threshold are stored as hidden ones", async (t) => {
  const page = await place.annotate(t, "mara", "guessed");
  await goOn(page, false, 2);
  const before = await rowsOn(page).count();
  const slider = page.getByLabel("Threshold");
  await slider.focus();
  await slider.fill("0.9"); // Only the first one is that certain.
  await press(page, "ArrowRight", "Escape", "Shift+A");
  assert.equal(await rowsOn(page).count(), 1);
  const file = await submit(page);
  await hasSent(page);
  const [{ shown_boxes: shown }] = place.answersTo(file, "guessed");
  assert.equal(shown.filter(({ outcome }) => outcome === "hidden").length, before - 1);
  assert.equal(shown.filter(({ outcome }) => outcome === "accepted_at_once").length, 1);
});

test("an answer is opened again by its address, and an earlier tab's by Backspace", async (t) => {
  const page = await place.annotate(t, "nele", "plain");
  await press(page, "n", "n");
  const first = await submit(page);
  await press(page, "n", "n");
  const second = await submit(page);
  await hasSent(page);
  const context = page.context();
  await page.close();

  const later = await context.newPage();
  await place.goTo(later, "plain");
  await isReady(later);
  await press(later, "Backspace");
  await later.locator(".file").getByText(second).waitFor();
  await later.getByText("from before").waitFor();
  await press(later, "Tab", "2");
  await submit(later);
  await hasSent(later);

  const id = deployment.psql(`SELECT image.id FROM image JOIN project ON project.id = project_id
    WHERE file_name = '${first}' AND project.name = 'plain'`);
  await later.goto("about:blank");
  await place.goTo(later, "plain", `?open=${id}`);
  await later.locator(".file").getByText(first).waitFor();
  await press(later, "Tab", "3");
  await submit(later);
  await hasSent(later);
  assert.ok(!later.url().includes("open="), later.url());
  const labels = (file) =>
    place.answersTo(file, "plain").map(({ source, boxes }) => [source, boxes[0].label]);
  assert.deepEqual(labels(first), [
    ["task", 1],
    ["reopen", 3],
  ]);
  assert.deepEqual(labels(second), [
    ["task", 1],
    ["reopen", 2],
  ]);

  await place.goTo(later, "plain", "?open=999999999");
  await later.getByRole("link", { name: "Your work" }).last().waitFor();
  assert.equal(await later.locator(".stage[data-picture]").count(), 0, "no other image takes its place");
  await later.getByRole("button", { name: "Next image" }).click();
  await isReady(later);
});

test("keys wait while a drag lasts, and Escape gives it up", async (t) => {
  const page = await place.annotate(t, "olaf", "plain");
  const file = await fileOn(page);
  const goTo = async (x, y) => page.mouse.move(...(await onScreen(page, x, y)), { steps: 3 });
  await goTo(20, 20);
  await page.mouse.down();
  await goTo(60, 50);
  await press(page, "Enter", "s", "Backspace", "2");
  await notices(page, "Keys wait until you let go.");
  await page.mouse.up();
  assert.equal(await fileOn(page), file);
  await isSelected(page, 0);
  await goTo(30, 30);
  await page.mouse.down();
  await goTo(70, 70);
  await press(page, "Escape"); // The box is where it was.
  await page.mouse.up();
  await press(page, "Escape");
  await goTo(90, 90);
  await page.mouse.down();
  await goTo(110, 120);
  await press(page, "Escape");
  await page.mouse.up();
  assert.equal(await rowsOn(page).count(), 1);
  assert.deepEqual(await stored(page, "plain"), [[20, 20, 60, 50, 1, "drawn"]]);
});

test("a drag that is begun on one image makes no box on the next", async (t) => {
  const page = await place.annotate(t, "otto", "plain");
  await page.mouse.move(...(await onScreen(page, 20, 20)));
  await page.mouse.down(); // It is no drag yet: keys work.
  const before = await submit(page);
  await page.mouse.move(...(await onScreen(page, 60, 50)), { steps: 3 });
  await page.mouse.up();
  await press(page, "n", "n"); // Whatever that made is there by now.
  assert.equal(await rowsOn(page).count(), 1);
  assert.deepEqual([place.boxesOf(before, "plain").length, (await stored(page, "plain")).length], [0, 1]);
});

test("a class is kept over a reload, drawing shows hidden boxes, and a skip is told", async (t) => {
  const page = await place.annotate(t, "paul", "plain");
  await press(page, "3");
  await page.reload();
  await isReady(page);
  await press(page, "h");
  await page.locator(".overlay").waitFor({ state: "hidden" });
  await drag(page, [10, 20], [50, 60]);
  await page.locator(".overlay").waitFor();
  await press(page, "h", "n", "n");
  await page.locator(".overlay").waitFor();
  const labels = (await stored(page, "plain")).map(([, , , , label]) => label);
  assert.deepEqual(labels, [3, 3]);
  const skipped = await fileOn(page);
  await press(page, "s");
  await isNext(page, skipped);
  await notices(page, `${skipped} is skipped until no others are left.`);
});
