// Boxes are drawn where a person sees them: at every zoom, on screens of every density, on pictures that EXIF
// turns. And pictures that can't be shown.

import assert from "node:assert/strict";
import path from "node:path";
import test, { after, before } from "node:test";
import {
  Workplace,
  drag,
  fileOn,
  hasSent,
  isReady,
  isSelected,
  onScreen,
  point,
  press,
  rowsOn,
  submit,
  submitOrEnd,
} from "./annotate_page.mjs";
import { eventually, writePictures } from "./deployment.mjs";

const place = new Workplace();
const { deployment } = place;

// Before anything turns it, a picture shows a red block here.
const STORED = { width: 480, height: 320 };
const BLOCK = { x1: 40, y1: 200, x2: 140, y2: 260 };
// Where EXIF's orientations put the block in the picture as people see it: worked out by hand from what the
// EXIF 2.3 specification says of tag 274, of which rows and columns come first.
const SEEN = {
  1: [40, 200, 140, 260], // as it is
  2: [340, 200, 440, 260], // mirrored left to right
  3: [340, 60, 440, 120], // upside down
  4: [40, 60, 140, 120], // mirrored top to bottom
  5: [200, 40, 260, 140], // along the main diagonal
  6: [60, 40, 120, 140], // a quarter turn clockwise
  7: [60, 340, 120, 440], // along the other diagonal
  8: [200, 340, 260, 440], // a quarter turn counterclockwise
};
const DENSITIES = [1, 1.5, 3];
const VIEWPORT = { width: 1000, height: 640 }; // so that a picture of it is quick to make
const GREYS = [0, 90, 128, 170, 255];

before(async () => {
  await place.open();
  const folder = path.join(deployment.folder, "turned");
  const { x1, y1, x2, y2 } = BLOCK;
  const shapes = [[x1, y1, x2 - x1, y2 - y1, "#e00000"]];
  const pictures = DENSITIES.flatMap((density, i) =>
    Object.keys(SEEN).map((orientation) => ({
      ...{ file: `d${density}-o${orientation}.jpg`, orientation: Number(orientation), shapes, ...STORED },
      seed: 100 * i + Number(orientation),
    })),
  );
  await place.paint(folder, pictures);
  place.createProject("turned", ["block"], folder);
  place.createParts("parts", { images: 30 });
  const greys = GREYS.map((grey) => ({
    file: `grey-${grey}.jpg`,
    width: 160,
    height: 160,
    shapes: [[0, 0, 160, 160, `rgb(${grey} ${grey} ${grey})`]],
  }));
  await place.paint(path.join(deployment.folder, "greys"), greys);
  place.createProject("greys", ["a"], path.join(deployment.folder, "greys"));
});
after(() => place.close());

// Runs in a browser: the least box around what is red, [left, top, right, bottom].
function redIn({ data, width }) {
  const box = [Infinity, Infinity, -1, -1];
  for (let i = 0; i < data.length; i += 4) {
    if (data[i] < 150 || data[i + 1] > 90 || data[i + 2] > 90) continue;
    const [x, y] = [(i / 4) % width, Math.floor(i / 4 / width)];
    box[0] = Math.min(box[0], x);
    box[1] = Math.min(box[1], y);
    box[2] = Math.max(box[2], x + 1);
    box[3] = Math.max(box[3], y + 1);
  }
  return box;
}

// Where the screen shows red, in CSS pixels: [left, top, right, bottom].
async function redOn(page, density) {
  const clip = await page.locator(".stage").boundingBox();
  const red = await place.inspect(await page.screenshot({ clip, scale: "device" }), redIn);
  return red.map((value, i) => (i % 2 === 0 ? clip.x : clip.y) + value / density);
}

// Zooms at the middle of a box of the image.
async function zoom(page, [x1, y1, x2, y2], turns) {
  if (turns === 0) return;
  await page.mouse.move(...(await onScreen(page, (x1 + x2) / 2, (y1 + y2) / 2)));
  const width = () => page.locator(".picture canvas").evaluate((image) => image.getBoundingClientRect().width);
  const before = await width();
  await page.mouse.wheel(0, turns);
  await eventually("the picture has another size", async () => (await width()) !== before);
}

async function dragOnScreen(page, [left, top, right, bottom]) {
  await page.mouse.move(left, top);
  await page.mouse.down();
  await page.mouse.move(right, bottom, { steps: 4 });
  await page.mouse.up();
}

const isNear = (found, expected, most) => found.every((value, i) => Math.abs(value - expected[i]) <= most);

for (const density of DENSITIES) {
  test(`what is drawn around a thing is stored there: density ${density}, turned and zoomed`, async (t) => {
    const page = await place.annotate(t, `anna-${density}`, "turned", {
      deviceScaleFactor: density,
      viewport: VIEWPORT,
    });
    const zooms = [0, -400, 300];
    for (let i = 0; i < 8; ++i) {
      const file = await fileOn(page);
      const expected = SEEN[/-o(\d)/.exec(file)[1]];
      await zoom(page, expected, zooms[i % 3]);
      await press(page, "n");
      await onScreen(page, 0, 0);
      const red = await redOn(page, density);
      await dragOnScreen(page, red);
      await isSelected(page, 0);
      // The box is shown around the thing, too.
      const shown = await page
        .locator(".overlay g.selected .line")
        .first()
        .evaluate((line) => {
          const { left, top, right, bottom } = line.getBoundingClientRect();
          return [left, top, right, bottom];
        });
      assert.ok(isNear(shown, red, 2), `${file}: ${shown} for ${red}`);
      await submitOrEnd(page);
      await hasSent(page);
      const [{ boxes }] = place.answersTo(file, "turned");
      assert.ok(isNear(boxes[0].box, expected, 1.5), `${file}: ${boxes[0].box} for ${expected}`);
    }
    assert.deepEqual(page.problems, []);
    await page.getByRole("link", { name: "All projects" }).first().click();
    await eventually("the rest is given back", () => place.held(`anna-${density}`) === 0);
  });
}

test("local contrast and the enhanced picture lie where the picture was, turned or not", async (t) => {
  assert.equal(place.answers("turned"), 24); // All are answered, each turn at each density.
  const page = await place.newPage(t);
  await place.logIn(page, "admin");
  for (const orientation of [1, 6, 7]) {
    const file = `d1-o${orientation}.jpg`;
    const id = deployment.psql(`SELECT id FROM image WHERE file_name = '${file}'`);
    await page.goto("about:blank");
    await place.goTo(page, "turned", `?open=${id}`);
    await isReady(page);
    await page.locator(".file").getByText(file).waitFor();
    await press(page, "h", "c");
    await onScreen(page, 0, 0);
    const before = await redOn(page, 1);
    await page.getByRole("button", { name: "Local contrast" }).click();
    await page.locator("[data-picture=enhanced]").waitFor();
    await page.mouse.move(2, 2);
    const after = await redOn(page, 1);
    assert.ok(isNear(after, before, 2), `${file}: ${after} for ${before}`);
    await page.getByRole("button", { name: "Local contrast" }).click();
    await page.locator("[data-picture=original]").waitFor();
    await press(page, "c");
  }
});

test("boxes that the mouse draws, moves and resizes are the same at every zoom", async (t) => {
  const page = await place.annotate(t, "jana", "parts", { deviceScaleFactor: 2 });
  await drag(page, [10, 20], [50, 60]);
  await page.mouse.move(...(await onScreen(page, 64, 64)));
  await page.mouse.wheel(0, -300);
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
  assert.deepEqual(place.boxesOf(file, "parts"), [
    [10, 20, 50, 60, 1, "drawn"],
    [60, 50, 100, 90, 3, "drawn"],
    [72, 61, 86, 75, 2, "drawn"],
  ]);
});

test("a finger pans, or changes what is selected; two fingers zoom, a tap selects", async (t) => {
  const page = await place.annotate(t, "kurt", "parts", { hasTouch: true });
  await press(page, "n", "n", "Escape");
  const devtools = await page.context().newCDPSession(page);
  const touch = (type, ...points) =>
    devtools.send("Input.dispatchTouchEvent", {
      type,
      touchPoints: points.map(([x, y], id) => ({ x, y, id })),
    });
  const width = () => page.locator(".picture canvas").evaluate((image) => image.getBoundingClientRect().width);
  const left = () => page.locator(".picture canvas").evaluate((image) => image.getBoundingClientRect().left);
  const [x, y] = await onScreen(page, 64, 64);
  await touch("touchStart", [x, y]);
  await touch("touchEnd");
  await page.locator(".boxes [aria-pressed=true]").waitFor();
  const start = await left();
  const [ax, ay] = await onScreen(page, 10, 10);
  const slide = async (fromX, fromY, by) => {
    await touch("touchStart", [fromX, fromY]);
    for (let i = 1; i <= 5; ++i) await touch("touchMove", [fromX + (by * i) / 5, fromY]);
    await touch("touchEnd");
  };
  await slide(ax, ay, 50);
  await eventually("the image has moved", async () => Math.abs((await left()) - start - 50) < 2);
  assert.equal(await rowsOn(page).filter({ hasText: "drawn" }).count(), 1);
  const corners = () => page.locator(".overlay g.selected .line").first().evaluate((line) => {
    const { x, width } = line.getBBox();
    return [x, x + width];
  });
  const [x1, x2] = await corners();
  const [rightX, middleY] = await onScreen(page, x2, 64);
  await slide(rightX + 12, middleY, 40); // its right side, beside it
  const scale = (await width()) / 128;
  const isNear = (a, b) => Math.abs(a - b) < 0.5;
  await eventually("it is wider", async () => isNear((await corners())[1], x2 + 40 / scale));
  await slide(...(await onScreen(page, 64, 64)), 30);
  await eventually("it has moved", async () => isNear((await corners())[0], x1 + 30 / scale));
  const before = await width();
  await touch("touchStart", [x, y], [x + 50, y]);
  for (let i = 1; i <= 5; ++i) await touch("touchMove", [x, y], [x + 50 + 10 * i, y]);
  await touch("touchEnd");
  await eventually("the image has grown", async () => Math.abs((await width()) / before - 2) < 0.05);
});

test("the crosshair is seen on pictures of every brightness", async (t) => {
  const page = await place.annotate(t, "ines", "greys");
  for (let i = 0; i < GREYS.length; ++i) {
    const file = await fileOn(page);
    await point(page, 80, 80);
    await page.locator(".crosshair .across").waitFor();
    const [x, y] = (await onScreen(page, 40, 80)).map(Math.round);
    const picture = await page.screenshot({ clip: { x, y: y - 8, width: 1, height: 16 } });
    const levels = await place.inspect(picture, ({ data }) => [...data].filter((_, i) => i % 4 === 1));
    assert.ok(Math.max(...levels) - Math.min(...levels) > 60, `${file}: ${levels}`);
    await submitOrEnd(page);
  }
});

// Gives the first picture that is asked for another body, as long as `isBroken()`.
async function breakFirst(page, isBroken) {
  let broken = "";
  await page.route("**/images/**", (route) => {
    broken ||= route.request().url();
    return route.request().url() === broken && isBroken()
      ? route.fulfill({ status: 200, body: "no picture" })
      : route.continue();
  });
}

test("a picture that can't be shown is skipped for that reason", async (t) => {
  deployment.token("annotator", "frida");
  const page = await place.newPage(t);
  await place.logIn(page, "frida");
  await breakFirst(page, () => true);
  await page.getByRole("link", { name: "Label parts", exact: true }).click();
  await page.getByText("can't be shown").waitFor();
  await page.getByRole("button", { name: "Skip it for that reason" }).click();
  await isReady(page);
  await hasSent(page);
  const reason = deployment.psql("SELECT skip_reason FROM task WHERE state = 'skipped'");
  assert.match(reason, /^picture can't be shown/);
});

test("a picture that failed to load is shown at another try; until then Enter submits nothing", async (t) => {
  deployment.token("annotator", "falk");
  const page = await place.newPage(t);
  await place.logIn(page, "falk");
  let isBroken = true;
  await breakFirst(page, () => isBroken);
  await page.getByRole("link", { name: "Label parts", exact: true }).click();
  await page.getByText("can't be shown").waitFor();
  const before = place.answers("parts");
  await page.locator(".stage").focus();
  await press(page, "n", "n", "Enter", "Shift+A", "Enter");
  isBroken = false;
  await page.getByRole("button", { name: "Try again" }).click();
  await isReady(page);
  await press(page, "n", "n");
  const file = await submit(page);
  await hasSent(page);
  assert.equal(place.answers("parts"), before + 1);
  assert.equal(place.boxesOf(file, "parts").length, 1);
});

test("a picture that is gone on the coordinator's disk says so", async (t) => {
  const pictures = path.join(deployment.folder, "gone");
  writePictures(pictures, "gone", 1, 64);
  place.createProject("gone", ["a"], pictures);
  deployment.token("annotator", "gabi");
  const page = await place.newPage(t);
  await place.logIn(page, "gabi");
  await page.route("**/images/**", (route) =>
    route.fulfill({
      status: 404,
      contentType: "application/json",
      body: '{"message":"the picture is missing"}',
    }),
  );
  await page.getByRole("link", { name: "Label gone", exact: true }).click();
  await page.getByText("gone-0000.png can't be shown. the picture is missing").waitFor();
});
