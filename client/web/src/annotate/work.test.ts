import { expect, test } from "vitest";
import { MIN_SIDE } from "./corners";
import { randomEdit, randomOf, randomTask, taskWith } from "./random.test_helper";
import { submissionOf } from "./submission";
import { chosenLabel, copiesOf, logged, reduce, restore, startWork } from "./work";
import type { Action, Box, Work } from "./work";

const SCRIPTS = 10_000;
const prediction = {
  index: 0,
  corners: { x1: 10, y1: 10, x2: 30, y2: 20 },
  label: 1,
  score: 0.5,
  sideCertainty: null,
};
const known = { boxId: "41", corners: { x1: 50, y1: 50, x2: 60, y2: 60 }, label: 2, ignore: false };

function run(work: Work, ...actions: Action[]): Work {
  return actions.reduce(reduce, work);
}

// Runs every script; `look` is shown each state with what led to it.
function forScripts(
  look: (after: Work, before: Work, action: Action) => void,
  done?: (end: Work, start: Work) => void,
) {
  for (let seed = 1; seed <= SCRIPTS; ++seed) {
    const random = randomOf(seed);
    const start = startWork(randomTask(random), 0.3);
    let work = start;
    const length = Math.floor(random() * 40);
    for (let i = 0; i < length; ++i) {
      const action = randomEdit(random, work);
      const before = work;
      work = reduce(before, action);
      look(work, before, action);
    }
    done?.(work, start);
  }
}

test("edits undone and redone are the identity", () => {
  let edits = 0;
  forScripts(
    () => {},
    (end, start) => {
      let work = end;
      while (work.past) {
        work = reduce(work, { do: "undo" });
        ++edits;
      }
      expect(work.boxes).toBe(start.boxes);
      expect(reduce(work, { do: "undo" })).toBe(work);
      while (work.future) work = reduce(work, { do: "redo" });
      expect(work.boxes).toBe(end.boxes);
      expect(reduce(work, { do: "redo" })).toBe(work);
    },
  );
  expect(edits).toBeGreaterThan(5 * SCRIPTS);
});

test("undo and redo at random go through the states that a list of them has", () => {
  for (let seed = 1; seed <= SCRIPTS; ++seed) {
    const random = randomOf(seed);
    let work = startWork(randomTask(random), 0.3);
    let states: (readonly Box[])[] = [work.boxes];
    let place = 0;
    for (let i = 0; i < 30; ++i) {
      const chance = random();
      if (chance < 0.3) {
        place = Math.max(place - 1, 0);
        work = reduce(work, { do: "undo" });
      } else if (chance < 0.5) {
        place = Math.min(place + 1, states.length - 1);
        work = reduce(work, { do: "redo" });
      } else {
        work = reduce(work, randomEdit(random, work));
        if (work.boxes !== states[place]) {
          states = [...states.slice(0, place + 1), work.boxes];
          place += 1;
        }
      }
      if (work.boxes !== states[place]) expect.unreachable(`script ${seed}`);
    }
  }
});

test("boxes are inside the image always, and never too thin", () => {
  const check = ({ boxes, task: { size } }: Work) => {
    for (const { corners } of boxes) {
      const { x1, y1, x2, y2 } = corners;
      const isInside = x1 >= 0 && y1 >= 0 && x2 <= size.width && y2 <= size.height;
      const across = Math.min(MIN_SIDE, size.width);
      const down = Math.min(MIN_SIDE, size.height);
      // A move may cost the last bit of a side.
      const isThick = x2 - x1 >= across - 1e-9 && y2 - y1 >= down - 1e-9;
      if (!isInside || !isThick) expect.unreachable(JSON.stringify({ corners, size }));
    }
  };
  forScripts(check, (_, start) => check(start));
});

test("selected boxes are in view always, each once, and ids are used once", () => {
  forScripts((work) => {
    const byId = new Map(work.boxes.map((box) => [box.id, box]));
    const isInView = (box: Box | undefined) =>
      box?.state === "confirmed" || (box?.state === "predicted" && box.prediction!.score >= work.threshold);
    const areSelectedInView = work.selected.every((id) => isInView(byId.get(id)));
    const areOnce = byId.size === work.boxes.length && new Set(work.selected).size === work.selected.length;
    const areBelow = work.boxes.every((box) => box.id < work.nextId);
    if (!areSelectedInView || !areOnce || !areBelow) expect.unreachable(JSON.stringify(work));
  });
});

test("a submission accounts for every predicted box once, and names no box twice", () => {
  forScripts(
    () => {},
    (work) => {
      const { boxes, rejected, hidden, dropped, acceptedAtOnce } = submissionOf(work, new Map());
      const named = boxes.flatMap((box) => (box.predictedIndex === undefined ? [] : [box.predictedIndex]));
      const told = [...named, ...rejected, ...hidden];
      expect(new Set(told).size).toBe(told.length);
      expect(acceptedAtOnce.every((index) => named.includes(index))).toBe(true);
      expect(boxes.every((box) => !box.copied || box.predictedIndex === undefined)).toBe(true);
      const repeated = work.boxes.filter((box) => box.state === "confirmed").length - boxes.length;
      expect(told.length + dropped).toBeLessThanOrEqual(work.task.predictions.length);
      expect(told.length + dropped + repeated).toBeGreaterThanOrEqual(work.task.predictions.length);
      const contents = boxes.map(({ box, label, ignore }) => JSON.stringify([box, label, ignore ?? false]));
      expect(new Set(contents).size).toBe(contents.length);
    },
  );
});

test("a predicted box that is moved or relabelled is confirmed, and keeps its index", () => {
  const start = startWork(taskWith({ predictions: [prediction] }), 0.3);
  const after = run(start, { do: "move", ids: [1], dx: 2, dy: 0 }, { do: "relabel", ids: [1], label: 2 });
  expect(submissionOf(after, new Map([[1, 250.4]]))).toEqual({
    boxes: [{ box: { x1: 12, y1: 10, x2: 32, y2: 20 }, label: 2, predictedIndex: 0, spentMs: 250 }],
    rejected: [],
    hidden: [],
    acceptedAtOnce: [],
    dropped: 0,
  });
});

test("untouched predictions are dropped, hidden ones told, rejected ones told", () => {
  const predictions = [0.9, 0.8, 0.4, 0.35].map((score, index) => ({ ...prediction, index, score }));
  const start = startWork(taskWith({ predictions }), 0.3);
  const after = run(start, { do: "threshold", value: 0.38 }, { do: "reject", ids: [2] });
  expect(submissionOf(after, new Map())).toMatchObject({ boxes: [], rejected: [1], hidden: [3], dropped: 2 });
});

test("what was accepted stays when the threshold rises above it", () => {
  const start = startWork(taskWith({ predictions: [prediction] }), 0.3);
  const after = run(start, { do: "accept", ids: [1] }, { do: "threshold", value: 0.9 });
  expect(submissionOf(after, new Map()).boxes).toHaveLength(1);
});

test("what the threshold hides is not accepted with the others", () => {
  const predictions = [
    { ...prediction, score: 0.9 },
    { ...prediction, index: 1, score: 0.4 },
  ];
  const start = startWork(taskWith({ predictions }), 0.5);
  const { boxes, hidden, acceptedAtOnce } = submissionOf(reduce(start, { do: "acceptAll" }), new Map());
  expect(boxes.map((box) => box.predictedIndex)).toEqual([0]);
  expect(hidden).toEqual([1]);
  expect(acceptedAtOnce).toEqual([0]);
});

test("a box that was made from a predicted one and then deleted is rejected", () => {
  const start = startWork(taskWith({ predictions: [prediction] }), 0.3);
  const after = run(start, { do: "move", ids: [1], dx: 5, dy: 5 }, { do: "delete", ids: [1] });
  expect(submissionOf(after, new Map())).toMatchObject({ boxes: [], rejected: [0], hidden: [], dropped: 0 });
});

test("boxes of the truth keep their id, and one that is deleted is left out", () => {
  const start = startWork(taskWith({ truth: [known, { ...known, boxId: "42", label: 3 }] }), 0.3);
  const after = reduce(start, { do: "delete", ids: [2] });
  const box = { x1: 50, y1: 50, x2: 60, y2: 60 };
  expect(submissionOf(after, new Map()).boxes).toEqual([{ box, label: 2, boxId: "41" }]);
});

test("the same box drawn twice is sent once", () => {
  const start = startWork(taskWith({}), 0.3);
  const draw: Action = { do: "draw", from: { x: 5, y: 5 }, to: { x: 25, y: 25 }, label: 1 };
  expect(submissionOf(run(start, draw, draw), new Map()).boxes).toHaveLength(1);
});

test("a box that is pulled over its opposite side turns over", () => {
  const start = startWork(taskWith({ truth: [known] }), 0.3);
  const after = reduce(start, { do: "resize", id: 1, grip: { x: 1, y: 0 }, dx: -30, dy: 9 });
  expect(after.boxes[0]!.corners).toEqual({ x1: 30, y1: 50, x2: 50, y2: 60 });
});

test("a duplicate lies beside its original, also in a corner", () => {
  const corner = { ...known, corners: { x1: 190, y1: 90, x2: 200, y2: 100 } };
  const start = startWork(taskWith({ truth: [corner] }), 0.3);
  const after = reduce(start, { do: "duplicate", ids: [1] });
  expect(after.boxes[1]).toMatchObject({
    corners: { x1: 178, y1: 78, x2: 188, y2: 88 },
    label: 2,
    truthId: "",
  });
});

test("boxes that were accepted one by one don't count as accepted at once", () => {
  const predictions = [prediction, { ...prediction, index: 1, label: 2 }, { ...prediction, index: 2, label: 3 }];
  const start = startWork(taskWith({ predictions }), 0.3);
  const after = run(start, { do: "accept", ids: [1] }, { do: "acceptAll" }, { do: "accept", ids: [3] });
  expect(submissionOf(after, new Map()).acceptedAtOnce).toEqual([1]);
});

test("several boxes move together as far as all of them can, and change in one step", () => {
  const corners = { x1: 2, y1: 50, x2: 12, y2: 60 };
  const start = startWork(taskWith({ truth: [known, { ...known, boxId: "42", corners }] }), 0.3);
  const after = run(start, { do: "move", ids: [1, 2], dx: -20, dy: 3 }, { do: "relabel", ids: [1, 2], label: 3 });
  expect(after.boxes.map((box) => [box.corners.x1, box.corners.y1, box.label])).toEqual([
    [48, 53, 3],
    [0, 53, 3],
  ]);
  expect(after.selected).toEqual([1, 2]);
  const undone = run(after, { do: "undo" }, { do: "undo" });
  expect(undone.boxes).toBe(start.boxes);
  const gone = reduce(after, { do: "delete", ids: [1, 2] });
  expect(gone.boxes).toEqual([]);
  expect(gone.selected).toEqual([]);
});

test("boxes of the image before are copied once, clipped, and told as copied", () => {
  const start = startWork(taskWith({ truth: [known] }), 0.3);
  const beyond = { x1: 190, y1: 90, x2: 230, y2: 120 };
  const boxes = [known, { corners: beyond, label: 1, ignore: true }];
  const after = run(start, { do: "copy", boxes }, { do: "copy", boxes });
  expect(submissionOf(after, new Map()).boxes.slice(1)).toEqual([
    { box: { x1: 190, y1: 90, x2: 200, y2: 100 }, label: 1, ignore: true, copied: true },
  ]);
});

test("the class that is shown is that of the selected boxes, or else of boxes drawn next", () => {
  const start = startWork(taskWith({ truth: [known, { ...known, label: 3 }, known] }), 0.3);
  const shown = (...ids: number[]) => chosenLabel(reduce(start, { do: "select", ids }), 1);
  expect(chosenLabel(null, 1)).toBe(1);
  expect([shown(), shown(2), shown(1, 3), shown(1, 2)]).toEqual([1, 3, 2, 0]);
});

test("boxes can be copied until all are there, and again after undo", () => {
  const start = startWork(taskWith({ truth: [known] }), 0.3);
  const other = { ...known, label: known.label + 1 };
  const copy: Action = { do: "copy", boxes: [known, other] };
  const left = (work: Work) => copiesOf(work, copy.boxes).map((box) => box.label);
  expect(left(start)).toEqual([other.label]);
  const copied = reduce(start, copy);
  expect(left(copied)).toEqual([]);
  expect(left(reduce(copied, { do: "undo" }))).toEqual([other.label]);
  expect(left(run(copied, { do: "undo" }, { do: "redo" }))).toEqual([]);
  expect(left(reduce(copied, { do: "delete", ids: [1] }))).toEqual([known.label]);
});

test("remarks are kept beside undo and redo", () => {
  const remarks = { note: "scratched twice", flags: ["unclear"] };
  const start = startWork(taskWith({ truth: [known] }), 0.3);
  const after = run(start, { do: "remark", remarks }, { do: "delete", ids: [1] }, { do: "undo" });
  expect(after.boxes).toBe(start.boxes);
  expect(after.remarks).toBe(remarks);
});

test("what was kept is taken up with every step of it", () => {
  for (let seed = 1; seed <= SCRIPTS; ++seed) {
    const random = randomOf(seed);
    const start = startWork(randomTask(random), 0.3);
    let work = start;
    let actions: Action[] = [{ do: "threshold", value: start.threshold }];
    for (let i = Math.floor(random() * 20); i > 0; --i) {
      const chance = random();
      const action = chance < 0.1 ? { do: "undo" as const } : randomEdit(random, work);
      work = reduce(work, chance > 0.95 ? { do: "redo" } : action);
      actions = logged(actions, chance > 0.95 ? { do: "redo" } : action);
    }
    const { boxes, nextId, remarks } = work;
    // Another threshold may be set by then.
    let again = restore({ ...start, threshold: 0.7 }, { boxes, nextId, remarks, actions });
    expect(again).toEqual(work);
    while (work.past) {
      work = reduce(work, { do: "undo" });
      again = reduce(again, { do: "undo" });
      expect(again.boxes).toEqual(work.boxes);
    }
  }
});

test("where its steps lead elsewhere, what was kept counts, and undo leads back to the start", () => {
  const start = startWork(taskWith({ predictions: [prediction] }), 0.3);
  const { boxes, nextId, remarks } = run(start, { do: "accept", ids: [1] }, { do: "duplicate", ids: [1] });
  const restored = restore(start, { boxes, nextId, remarks, actions: [{ do: "acceptAll" }] });
  expect(restored.boxes).toEqual(boxes);
  expect(reduce(restored, { do: "undo" }).boxes).toEqual(start.boxes);
});
