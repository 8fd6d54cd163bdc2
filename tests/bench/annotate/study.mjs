// The study: 30 images are corrected with the boxes of a first model, and drawn without any, by the same
// hand.
//
// The model is trained on some labelled images, by the recipe of deploy/quickstart.textproto, and none of
// the images of the study shows a part that it was trained on. The hand knows the truth. It judges the
// predicted boxes in the order in which Tab walks: a box is right when it is closer to a true box than
// others are, with an IoU of at least 0.7, and of its class. Then it draws what is missing. What was sent
// is compared to the truth.

import path from "node:path";
import { iou, pairs } from "./boxes.mjs";
import { mean, printTable, round, sum } from "./figures.mjs";
import { Hand } from "./hand.mjs";
import { filesOf, makeParts, predictionsOf, readCoco, trainModel } from "./parts.mjs";
import {
  annotator,
  createProject,
  fileShown,
  isShown,
  pageOf,
  pictureOnScreen,
  selectedBox,
} from "./projects.mjs";
import { Tab, pause } from "./tab.mjs";
import { watch } from "./watch.mjs";

const SIDE = 128; // of the made-up pictures, in pixels
const RIGHT = 0.7; // IoU from which on a box is accepted as it is
const NEAR = 0.3; // IoU from which on a box is adjusted; below it's rejected
const REACH = 12; // screen pixels around the selected box in which a drag might mean that box

export async function measureStudy({ browser, deployment, quick }) {
  const parts = quick ? makeParts(deployment, 40, 10) : makeParts(deployment, 60, 30);
  const { truth, classes, study } = parts;
  const model = trainModel(deployment, parts, quick);
  const shown = predictionsOf(deployment);
  createProject(deployment, "drawn", classes, filesOf(parts));

  const found = { images: study.length, model: { ...model, ...judgeModel(shown, study, truth) } };
  for (const [project, boxes] of Object.entries({ assisted: shown, drawn: new Map() })) {
    const cookie = await annotator(deployment, `hand-${project}`);
    const tab = await Tab.open(browser, { cookie, script: watch });
    await tab.go(pageOf(deployment, project));
    const spent = await label(tab, truth, boxes, study.length);
    await tab.close();
    found[project] = { ...spent, ...judgeAnswers(deployment, project, study, truth) };
  }
  found.ratio = round(found.drawn.seconds / found.assisted.seconds, 2);
  print(found);
  return found;
}

// What the hand does with each predicted box: [box, true box or null, its verdict].
function verdicts(boxes, truth) {
  const partners = new Map(pairs(boxes, truth, NEAR).map(([box, other]) => [box, other]));
  return boxes.map((box) => {
    const other = partners.get(box) ?? null;
    if (!other) return [box, null, "false"];
    if (iou(box.corners, other.corners) < RIGHT) return [box, other, "moved"];
    return [box, other, box.label === other.label ? "right" : "relabelled"];
  });
}

function judgeModel(shown, study, truth) {
  const counts = { true_boxes: 0, boxes: 0, right: 0, relabelled: 0, moved: 0, missed: 0, false: 0 };
  for (const name of study) {
    const found = verdicts(shown.get(name), truth.get(name));
    for (const [, , verdict] of found) counts[verdict] += 1;
    counts.boxes += found.length;
    counts.true_boxes += truth.get(name).length;
    counts.missed += truth.get(name).length - found.filter(([, other]) => other).length;
  }
  return counts;
}

// Labels all images of a project. `shown`: the predicted boxes, by file name. Returns what that took.
async function label(tab, truth, shown, images) {
  const hand = new Hand(tab, 1);
  // Seconds, by what they were spent on.
  const on = { right: 0, relabelled: 0, moved: 0, false: 0, missed: 0, image: 0 };
  const work = { tab, hand, on, label: 1, tabs: 0 }; // `label`: of the box that is drawn next
  for (let i = 0; i < images; ++i) {
    await tab.until(isShown);
    const name = await tab.until(fileShown);
    const boxes = shown.get(name) ?? [];
    const title = await tab.evaluate(() => document.querySelector("#boxes").textContent);
    if (title !== `Boxes (${boxes.length})`) throw new Error(`${name} shows ${title}, not ${boxes.length}`);
    await pause(100); // So that pictures are fetched ahead, as they are while a person works.
    await correct(work, boxes, truth.get(name));
    await timed(work, "image", async () => {
      hand.think(); // Is that all?
      await hand.submit(i === images - 1);
    });
  }
  await tab.until(() => document.querySelector(".saved").textContent.startsWith("0 waiting"));
  const { seconds, keys, drags } = hand;
  const rounded = (each) => Object.fromEntries(Object.entries(each).map(([name, s]) => [name, round(s)]));
  const { spent } = hand;
  return {
    seconds: round(seconds),
    keys,
    tabs: work.tabs,
    drags,
    by_act: rounded(spent),
    by_box: rounded(on),
  };
}

// Adds what the hand spends meanwhile to a part of the account.
async function timed({ hand, on }, part, act) {
  const before = hand.seconds;
  await act();
  on[part] += hand.seconds - before;
}

async function correct(work, boxes, truth) {
  const { hand } = work;
  const view = await work.tab.evaluate(pictureOnScreen);
  const scale = view.width / SIDE;
  const onScreen = (x, y) => ({ x: view.x + x * scale, y: view.y + y * scale });
  const judged = verdicts(boxes, truth);
  // The least certain box first, as Tab walks.
  const order = [...judged].sort((a, b) => a[0].score - b[0].score);
  for (const each of order) await timed(work, each[2], () => judge(work, onScreen, ...each));
  const matched = new Set(judged.map(([, other]) => other));
  for (const missing of truth.filter((each) => !matched.has(each))) {
    await timed(work, "missed", async () => {
      hand.judge();
      await draw(work, onScreen, missing);
    });
  }
}

async function judge(work, onScreen, box, other, verdict) {
  const { hand } = work;
  await walkTo(work, box);
  hand.judge();
  if (verdict === "right") return hand.press("a");
  if (verdict === "false") return hand.press("x");
  if (verdict === "moved") await adjust(hand, onScreen, box, other);
  if (box.label !== other.label) await chooseLabel(work, other.label);
}

// Presses Tab until the box is selected.
async function walkTo(work, { corners }) {
  const isThere = (at) => at?.every((value, i) => Math.abs(value - corners[i]) < 0.01);
  for (let i = 0; i < 50; ++i) {
    if (isThere(await work.tab.evaluate(selectedBox))) return;
    await work.hand.press("Tab");
    work.tabs += 1;
  }
  throw new Error(`Tab doesn't come to the box ${corners}`);
}

// Drags the corner that helps most; then the opposite one, unless the box is right by now.
async function adjust(hand, onScreen, { corners }, { corners: wanted }) {
  const takes = [
    [0, 1],
    [2, 1],
    [0, 3],
    [2, 3],
  ]; // sides that belong to a corner
  const after = (from, sides) => from.map((value, i) => (sides.includes(i) ? wanted[i] : value));
  const gain = (sides) => iou(after(corners, sides), wanted);
  const first = takes.reduce((best, each) => (gain(each) > gain(best) ? each : best));
  const drag = (sides) =>
    hand.move(onScreen(...sides.map((i) => corners[i])), onScreen(...sides.map((i) => wanted[i])));
  await drag(first);
  const opposite = first.map((side) => (side + 2) % 4);
  if (gain(first) < RIGHT) await drag(opposite);
}

async function chooseLabel(work, label) {
  await work.hand.press(String(label)); // Classes are listed by their labels, from 1.
  work.label = label;
}

async function draw(work, onScreen, { corners: [x1, y1, x2, y2], label }) {
  const { hand, tab } = work;
  const [from, to] = [onScreen(x1, y1), onScreen(x2, y2)];
  const selected = await tab.evaluate(selectedBox);
  // A drag that begins there would move the selected box: select nothing first.
  if (selected && isNear(from, onScreen(selected[0], selected[1]), onScreen(selected[2], selected[3]))) {
    await hand.press("Escape");
  }
  await hand.draw(from, to);
  if (label !== work.label) await chooseLabel(work, label); // The new box is selected.
}

const isNear = ({ x, y }, topLeft, bottomRight) =>
  x > topLeft.x - REACH && x < bottomRight.x + REACH && y > topLeft.y - REACH && y < bottomRight.y + REACH;

// What was sent, against the truth.
function judgeAnswers(deployment, project, study, truth) {
  const out = path.join(deployment.folder, `export-${project}`);
  deployment.loupe("export", "--format", "coco", "--out", out, "--project", project);
  const { truth: sent } = readCoco(path.join(out, "annotations.json"));
  const isSame = (box, other) => box.label === other.label;
  const found = study.flatMap((name) => pairs(sent.get(name), truth.get(name), 0.5, isSame));
  const overlaps = found.map(([, , overlap]) => overlap);
  return {
    boxes: sum(study.map((name) => sent.get(name).length)),
    right_50: overlaps.length,
    right_75: overlaps.filter((overlap) => overlap >= 0.75).length,
    mean_iou: round(mean(overlaps), 3),
  };
}

function print({ images, model, assisted, drawn, ratio }) {
  const { trained_images: trained, trained_boxes: labelled, round_seconds: seconds } = model;
  const { right, relabelled, moved, false: wrong, missed } = model;
  console.log(`
The study: ${images} images with ${model.true_boxes} boxes. The first model drew ${model.boxes}, after a round
of ${seconds} s on ${trained} images with ${labelled} boxes: ${right} are right, ${relabelled} have another
class, ${moved} are to be moved, ${wrong} show nothing; ${missed} are missing`);
  const row = (title, value) => [title, value(assisted), value(drawn)];
  const names = {
    right: "seconds on boxes that are right",
    relabelled: "on boxes of another class",
    moved: "on boxes that are moved",
    false: "on boxes that show nothing",
    missed: "on boxes that are drawn",
    image: "on submitting",
  };
  const per = (count) => (arm) => round(arm.seconds / count, 2);
  printTable(
    "A hand with human speeds (keystroke-level model, hand.mjs)",
    ["", "assisted", "all drawn"],
    [
      row("seconds an image", per(images)),
      row("seconds a true box", per(model.true_boxes)),
      row("keys", (arm) => arm.keys),
      row("of them Tab", (arm) => arm.tabs),
      row("drags", (arm) => arm.drags),
      ...Object.keys(assisted.by_act).map((part) => row(`seconds ${part}`, (arm) => arm.by_act[part])),
      ...Object.keys(assisted.by_box).map((part) => row(names[part], (arm) => arm.by_box[part])),
      row("boxes sent", (arm) => arm.boxes),
      row("right, IoU 0.5", (arm) => arm.right_50),
      row("right, IoU 0.75", (arm) => arm.right_75),
      row("their mean IoU", (arm) => arm.mean_iou),
      ["time, drawn to assisted", ratio, ""],
    ],
  );
}
