import { expect, test } from "vitest";
import { inside, nearestCorner, nextLeft, pick, step, toggled, walkOrder } from "./pick";
import { taskWith } from "./random.test_helper";
import { reduce, startWork } from "./work";
import type { Action, Work } from "./work";

// Nested boxes: 1 in 2 in 3.
const truth = [10, 20, 40].map((half, i) => ({
  boxId: String(i + 1),
  corners: { x1: 50 - half, y1: 50 - half, x2: 50 + half, y2: 50 + half },
  label: 1,
  ignore: false,
}));
const nested = startWork(taskWith({ truth }), 0.3);
const selecting = (work: Work, id: number) => reduce(work, { do: "select", ids: [id] });
const centre = { x: 50, y: 50 };

test("the smallest box is picked", () => {
  expect(pick(nested, centre, 0, false)).toBe(1);
  expect(pick(nested, { x: 35, y: 50 }, 0, false)).toBe(2);
  expect(pick(selecting(nested, 1), centre, 0, false)).toBe(1);
  expect(pick(nested, { x: 150, y: 50 }, 0, false)).toBe(0);
});

test("a modified click goes one layer down, and round", () => {
  expect(pick(nested, centre, 0, true)).toBe(1);
  expect(pick(selecting(nested, 1), centre, 0, true)).toBe(2);
  expect(pick(selecting(nested, 2), centre, 0, true)).toBe(3);
  expect(pick(selecting(nested, 3), centre, 0, true)).toBe(1);
});

test("a click beside a box counts within the slack", () => {
  expect(pick(nested, { x: 93, y: 50 }, 4, false)).toBe(3);
  expect(pick(nested, { x: 95, y: 50 }, 4, false)).toBe(0);
});

const scores = [0.9, 0.4, 0.6, 0.35];
const predictions = scores.map((score, index) => {
  return {
    index,
    corners: { x1: index * 10, y1: 0, x2: index * 10 + 5, y2: 5 },
    label: 1,
    score,
    sideCertainty: null,
  };
});
const predicted = startWork(taskWith({ predictions, truth: [truth[0]!] }), 0.38);

test("predicted boxes are walked first, the least certain before the others, hidden ones not at all", () => {
  expect(walkOrder(predicted).map((box) => box.id)).toEqual([2, 3, 1, 5]);
  expect(step(predicted, 1)).toBe(2);
  expect(step(predicted, -1)).toBe(5);
  expect(step(selecting(predicted, 5), 1)).toBe(2);
  expect(step(selecting(predicted, 2), -1)).toBe(5);
  expect(step(startWork(taskWith({}), 0.3), 1)).toBe(0);
});

test("after a judgement the next predicted box follows, until none is left", () => {
  let work = selecting(predicted, nextLeft(predicted, 0));
  const judged: number[] = [];
  while (work.selected.length > 0) {
    judged.push(...work.selected);
    const after = reduce(work, { do: judged.length === 2 ? "reject" : "accept", ids: work.selected });
    work = selecting(after, nextLeft(after, work.selected[0]!));
  }
  expect(judged).toEqual([2, 3, 1]);
  expect(nextLeft(work, 0)).toBe(0);
});

test.each<[string, (id: number) => Action]>([
  ["moved", (id) => ({ do: "move", ids: [id], dx: 1, dy: 1 })],
  ["resized", (id) => ({ do: "resize", id, grip: { x: 1, y: 1 }, dx: 4, dy: 4 })],
  ["relabelled", (id) => ({ do: "relabel", ids: [id], label: 2 })],
])("from a box that was %s the next predicted one follows, and not those that are done", (_, change) => {
  let work = predicted;
  const walked: number[] = [];
  while (nextLeft(work, 0) !== 0) {
    work = selecting(work, step(work, 1));
    walked.push(...work.selected);
    work = reduce(work, change(work.selected[0]!));
  }
  expect(walked).toEqual([2, 3, 1]);
  expect([1, 2, 3, 5].map((id) => step(selecting(work, id), 1))).toEqual([2, 3, 5, 1]); // none is left
});

test("a box that was passed over comes again, and the one that is left alone stays", () => {
  let work = reduce(selecting(predicted, 3), { do: "accept", ids: [3] });
  expect(step(work, 1)).toBe(1);
  expect(step(selecting(work, 1), 1)).toBe(2);
  work = reduce(work, { do: "reject", ids: [1] });
  expect(step(selecting(work, 2), 1)).toBe(2);
});

test("a box that was drawn or known leads to the least certain one, and back all are walked", () => {
  const drawn = reduce(predicted, { do: "draw", from: centre, to: { x: 80, y: 80 }, label: 1 });
  expect(step(drawn, 1)).toBe(2);
  expect(step(drawn, -1)).toBe(5);
  expect(step(selecting(drawn, 5), 1)).toBe(2);
  expect(step(selecting(drawn, 5), -1)).toBe(1);
});

test("a part of the image holds the boxes that lie in it wholly", () => {
  expect(inside(nested, { x1: 29, y1: 29, x2: 71, y2: 71 })).toEqual([1, 2]);
  expect(inside(nested, { x1: 31, y1: 29, x2: 71, y2: 71 })).toEqual([1]);
  expect(inside(predicted, { x1: 0, y1: 0, x2: 200, y2: 100 })).toEqual([1, 2, 3, 5]);
});

test("a box is added to the selection, and taken out again", () => {
  const both = reduce(nested, { do: "select", ids: toggled(selecting(nested, 2), 1) });
  expect(both.selected).toEqual([2, 1]);
  expect(toggled(both, 2)).toEqual([1]);
  expect(pick(both, centre, 0, true)).toBe(2); // below the one selected last
});

test("the nearest corner is one of the selected box, or of all", () => {
  expect(nearestCorner(nested, { x: 62, y: 63 })).toMatchObject({ grip: { x: 1, y: 1 }, at: { x: 60, y: 60 } });
  expect(nearestCorner(selecting(nested, 3), { x: 62, y: 37 })).toMatchObject({
    box: { id: 3 },
    grip: { x: 1, y: -1 },
    at: { x: 90, y: 10 },
  });
  expect(nearestCorner(startWork(taskWith({}), 0.3), centre)).toBe(null);
});
