// Times between frames with 2,000 predicted boxes.
//
// They are times between animation frames. The page's thread may begin a frame only when the one before the
// last has been drawn, so that slow drawing shows in them, too: in traces of the display they are the same
// but for a few milliseconds.

import { median, printTable, quantile, round, verdict } from "./figures.mjs";
import {
  annotator,
  createProject,
  isShown,
  pageOf,
  pictureOnScreen,
  predict,
  selectedBox,
} from "./projects.mjs";
import { Tab, pause } from "./tab.mjs";
import { watch } from "./watch.mjs";

const COLUMNS = 50;
const ROWS = 40;
const PERIOD = 1_500; // milliseconds for once around, to and fro
const EVENTS_EVERY = 8; // milliseconds, as of a mouse with 125 reports a second

export async function measureFrames({ browser, deployment, ordinary, photographs, quick }) {
  const seconds = quick ? 1 : 6;
  const cookie = await annotator(deployment, "dragger");
  const figures = { boxes: COLUMNS * ROWS, seconds };
  for (const [name, files] of Object.entries({ ordinary, photograph: photographs })) {
    createProject(deployment, `frames-${name}`, ["scratch", "pit"], files.slice(0, 3));
    predict(deployment, `frames-${name}`, COLUMNS, ROWS);
    const tab = await Tab.open(browser, { cookie, script: watch });
    await tab.go(pageOf(deployment, `frames-${name}`));
    await tab.until(isShown);
    await pause(1_500); // What is fetched ahead is there.
    figures[name] = {};
    for (const [way, move] of Object.entries({ drag, zoom, pan })) {
      figures[name][`${way}_ms`] = frameFigures(await move(tab, seconds * 1_000));
    }
    await tab.close();
  }
  const rows = ["ordinary", "photograph"].flatMap((name) =>
    ["drag", "zoom", "pan"].map((way) => {
      const { p50, p95, max, above_50: above, frames } = figures[name][`${way}_ms`];
      const isMet = p95 <= 20 && max <= 50;
      const size = name === "ordinary" ? "2 megapixels" : "12 megapixels";
      return [`${way}, ${size}`, p50, p95, max, above, frames, verdict(isMet)];
    }),
  );
  printTable(
    `Times between frames with 2,000 predicted boxes, ${seconds} s each, in ms (software rendering: no GPU)`,
    ["", "p50", "p95", "max", "above 50", "frames", "aim: p95 20, max 50"],
    rows,
  );
  return figures;
}

function frameFigures(frames) {
  return {
    frames: frames.length,
    p50: round(median(frames)),
    p95: round(quantile(frames, 0.95)),
    max: round(Math.max(...frames)),
    above_50: frames.filter((ms) => ms > 50).length,
  };
}

// The box near the middle goes around in a circle.
async function drag(tab, ms) {
  const box = await middleBox(tab);
  await tab.mouse("mouseMoved", box);
  await tab.mouse("mousePressed", box);
  await tab.mouse("mouseReleased", box);
  const before = await tab.until(selectedBox);
  await tab.mouse("mousePressed", box);
  const frames = await during(tab, ms, (turn) => tab.mouse("mouseMoved", around(box, 150, turn), true));
  await tab.mouse("mouseReleased", around(box, 150, 0.25));
  const after = await tab.until(selectedBox);
  const wider = after[2] - after[0] - (before[2] - before[0]);
  if (Math.abs(wider) > 1 || after[0] === before[0]) throw new Error(`not moved: ${before} is ${after}`);
  await tab.press("Escape");
  return frames;
}

// With the wheel, eightfold and back.
function zoom(tab, ms) {
  const at = { x: 500, y: 400 };
  const most = 1_386; // pixels of the wheel: 1.0015 to this power is 8
  let before = 0;
  return during(tab, ms, (turn) => {
    const now = (most * (1 - Math.cos(2 * Math.PI * turn))) / 2;
    const by = before - now;
    before = now;
    return tab.wheel(at, by);
  });
}

// The image, at twice the size that fits, goes around in a circle under a held space bar.
async function pan(tab, ms) {
  const at = { x: 500, y: 400 };
  await tab.press("f");
  await tab.wheel(at, -462);
  await pause(200);
  await tab.key("keyDown", " ");
  await tab.mouse("mouseMoved", at);
  await tab.mouse("mousePressed", at);
  const frames = await during(tab, ms, (turn) => tab.mouse("mouseMoved", around(at, 150, turn), true));
  await tab.mouse("mouseReleased", at);
  await tab.key("keyUp", " ");
  return frames;
}

const around = ({ x, y }, radius, turn) => ({
  x: x - radius + radius * Math.cos(2 * Math.PI * turn),
  y: y + radius * Math.sin(2 * Math.PI * turn),
});

// Sends events at a mouse's pace, whether or not the page keeps up, and returns the frames' intervals.
async function during(tab, ms, send) {
  const began = Date.now();
  const sent = [];
  await tab.evaluate(() => window.bench.start());
  while (Date.now() - began < ms) {
    sent.push(send((Date.now() - began) / PERIOD));
    await pause(EVENTS_EVERY);
  }
  await Promise.all(sent);
  return tab.evaluate(() => window.bench.stop());
}

// The middle of the box that is nearest to the middle of the picture, on the screen.
async function middleBox(tab) {
  const { x, y, width, height } = await tab.evaluate(pictureOnScreen);
  const cell = { width: width / COLUMNS, height: height / ROWS };
  return { x: x + (COLUMNS / 2 + 0.5) * cell.width, y: y + (ROWS / 2 + 0.5) * cell.height };
}
