import { expect, test } from "vitest";
import { oddsText, errorWords } from "./label_error_words";
import { currentError, isDecided, placesOf, proposedCorners } from "./label_errors";
import { taskWith } from "./random.test_helper";
import { submissionOf } from "./submission";
import { taskOf } from "./task";
import type { LabelError } from "./task";
import { logged, reduce, restore, startWork } from "./work";
import type { Action, Work } from "./work";

// The image is 200 pixels wide and 100 high.
const box = (boxId: string, x1: number, label: number) => ({
  boxId,
  corners: { x1, y1: 10, x2: x1 + 20, y2: 30 },
  label,
  ignore: false,
});
const truth = [box("41", 10, 1), box("42", 50, 2), box("43", 90, 3)];
const at = { x1: 140, y1: 60, x2: 160, y2: 80 };
const beside = { x1: 16, y1: 14, x2: 36, y2: 34 };
const around = { x1: 51, y1: 10, x2: 71, y2: 31 };
const errors: LabelError[] = [
  { id: "1", kind: "missing", boxId: "", corners: at, label: 2, logOdds: 0.93 },
  { id: "2", kind: "moved", boxId: "41", corners: beside, label: 1, logOdds: 0.8 },
  { id: "3", kind: "wrong class", boxId: "42", corners: around, label: 3, logOdds: 0.7 },
  { id: "4", kind: "invented", boxId: "43", corners: null, label: 0, logOdds: 0.6 },
];
const start = startWork(taskWith({ truth, labelErrors: errors }), 0.3);

const run = (work: Work, ...actions: Action[]) => actions.reduce(reduce, work);
const mend = (error: string): Action => ({ do: "mend", error });
const keep = (error: string): Action => ({ do: "keep", error });
const sent = (work: Work) => submissionOf(work, new Map()).boxes;
const current = (work: Work) => currentError(work)?.id;
const asTruth = ({ boxId, corners, label }: (typeof truth)[0]) => ({ box: corners, label, boxId });

test("mending makes the label what was proposed, and boxes keep their ids", () => {
  const mended = run(start, ...errors.map(({ id }) => mend(id)));
  expect(sent(mended)).toEqual([
    { box: beside, label: 1, boxId: "41" },
    { box: truth[1]!.corners, label: 3, boxId: "42" },
    { box: at, label: 2 },
  ]);
  expect(current(mended)).toBe(undefined);
  expect(mended.selected).toEqual([]);
});

test("what is kept changes no box, and the next one follows", () => {
  let work = start;
  for (const { id } of errors) {
    expect(current(work)).toBe(id);
    work = reduce(work, keep(id));
  }
  expect(current(work)).toBe(undefined);
  expect(sent(work)).toEqual(truth.map(asTruth));
});

test("each decision is undone and redone in one step", () => {
  for (const decision of [mend, keep]) {
    let work = run(start, ...errors.map(({ id }) => decision(id)));
    const end = work;
    for (const { id } of [...errors].reverse()) {
      work = reduce(work, { do: "undo" });
      expect(current(work)).toBe(id);
    }
    expect(work.boxes).toBe(start.boxes);
    expect(work.past).toBe(null);
    for (const _ of errors) work = reduce(work, { do: "redo" });
    expect(work.boxes).toBe(end.boxes);
    expect(current(work)).toBe(undefined);
  }
});

test("nothing is decided twice, nor what the task doesn't say", () => {
  const mended = reduce(start, mend("1"));
  expect(reduce(mended, mend("1"))).toBe(mended);
  expect(reduce(mended, keep("1"))).toBe(mended);
  expect(reduce(start, mend("9"))).toBe(start);
  expect(reduce(startWork(taskWith({ truth }), 0.3), keep("1")).past).toBe(null);
});

test("what mending leaves as it is is decided, too", () => {
  const same = { ...errors[1]!, corners: truth[0]!.corners };
  const work = startWork(taskWith({ truth, labelErrors: [same] }), 0.3);
  expect(current(work)).toBe("2");
  const mended = reduce(work, mend("2"));
  expect(current(mended)).toBe(undefined);
  expect(mended.boxes).toBe(work.boxes);
  expect(current(reduce(mended, { do: "undo" }))).toBe("2");
});

test.each<[string, Action]>([
  ["moved", { do: "move", ids: [1], dx: 1, dy: 0 }],
  ["of another class", { do: "relabel", ids: [1], label: 2 }],
  ["deleted", { do: "delete", ids: [1] }],
])("a box that is %s by hand decides what was said about it", (_, action) => {
  const [, moved] = errors;
  expect(isDecided(start, moved!)).toBe(false);
  const work = reduce(start, action);
  expect(isDecided(work, moved!)).toBe(true);
  expect(isDecided(work, errors[2]!)).toBe(false);
  expect(isDecided(reduce(work, { do: "undo" }), moved!)).toBe(false);
});

test("a box that is drawn by hand decides what is missing if it is of its class and on its place", () => {
  const draw = (x1: number, label: number) => {
    const action: Action = { do: "draw", from: { x: x1, y: 60 }, to: { x: x1 + 20, y: 80 }, label };
    return isDecided(reduce(start, action), errors[0]!);
  };
  // The overlap is 14 of 26 pixels, then 13 of 27.
  expect([draw(140, 2), draw(146, 2), draw(147, 2), draw(140, 1)]).toEqual([true, true, false, false]);
});

test("a proposal beyond the image is clipped, and one of another class stays in the box's place", () => {
  const beyond = { ...errors[1]!, corners: { x1: 190, y1: 90, x2: 230, y2: 120 } };
  const work = startWork(taskWith({ truth, labelErrors: [beyond] }), 0.3);
  const inside = { x1: 190, y1: 90, x2: 200, y2: 100 };
  expect(proposedCorners(work, beyond)).toEqual(inside);
  expect(sent(reduce(work, mend("2")))[0]!.box).toEqual(inside);
  expect(placesOf(start, errors[0]!)).toEqual([at]);
  expect(placesOf(start, errors[2]!)).toEqual([truth[1]!.corners, truth[1]!.corners]);
  expect(placesOf(start, errors[3]!)).toEqual([truth[2]!.corners]);
});

test("decisions are taken up again with the draft", () => {
  let actions: Action[] = [];
  let work = start;
  for (const action of [mend("1"), keep("2"), keep("3"), { do: "undo" } as const]) {
    work = reduce(work, action);
    actions = logged(actions, action);
  }
  const { boxes, nextId, remarks } = work;
  const again = restore(start, { boxes, nextId, remarks, actions });
  expect(again).toEqual(work);
  expect(current(again)).toBe("3");
});

test("they are read as the coordinator writes them, and drafts of earlier pages have none", () => {
  const json = [
    { id: "7", kind: "LABEL_MISSING", boxId: "0", box: { x1: 1, x2: 9, y2: 8 }, label: 2 },
    { id: "8", kind: "LABEL_INVENTED", boxId: "43", logOdds: 0.25 },
    { id: "9", kind: "LABEL_LATER" as "LABEL_MOVED", boxId: "43" },
  ] as const;
  expect(taskOf({ labelErrors: [...json] }).labelErrors).toEqual([
    { id: "7", kind: "missing", boxId: "", corners: { x1: 1, y1: 0, x2: 9, y2: 8 }, label: 2, logOdds: 0 },
    { id: "8", kind: "invented", boxId: "43", corners: null, label: 0, logOdds: 0.25 },
  ]);
  const { labelErrors: _, ...old } = taskWith({ truth });
  expect(current(startWork(old, 0.3))).toBe(undefined);
});

test("words say what seems wrong", () => {
  const classes = ["crack", "dent", "pit"].map((name, i) => ({ label: i + 1, name }));
  const said = errors.map((error, i) => errorWords(error, [0, 1, 2, 3][i]!, classes));
  expect(said).toEqual([
    "Something is missing here: dent",
    "The box of crack lies beside its thing",
    "dent looks like pit",
    "Nothing seems to be here, but a box of pit",
  ]);
  const odds = [1.25, 5, 9.94, 9.96, 13.4, 1000, 1001].map((each) => oddsText(Math.log(each)));
  expect(odds).toEqual(
    ["1.3 to 1", "5 to 1", "9.9 to 1", "10 to 1", "13 to 1", "1,000 to 1", "over 1,000 to 1"].map((each) => `odds ${each}`),
  );
});
