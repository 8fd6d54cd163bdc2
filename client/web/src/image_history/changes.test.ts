import { expect, test } from "vitest";
import type { LabelBoxJson, StandingJson } from "../../gen/loupe/v1/annotation_pb";
import type { RevisionJson } from "../../gen/loupe/v1/provenance_pb";
import { changesBetween, stepsOf, summaryOf } from "./changes";

function box(id: number, x1 = 0, label = 1): LabelBoxJson {
  return {
    boxId: String(id),
    label,
    box: { x1, y1: 0, x2: x1 + 10, y2: 10 },
    origin: "DRAWN",
    ignore: false,
  };
}

test("boxes are told apart by their identity, not by their place", () => {
  const changes = changesBetween(
    [box(1), box(2), box(3), box(4)],
    [box(4), { ...box(2), label: 2 }, box(3, 5), box(9)],
  );
  expect(changes.map(({ boxId, kinds }) => [boxId, kinds.join()])).toEqual([
    ["4", "kept"],
    ["2", "relabelled"],
    ["3", "moved"],
    ["9", "added"],
    ["1", "removed"],
  ]);
  expect(changes[2]!.iou).toBeCloseTo(1 / 3);
  expect(changes[0]!.iou).toBe(1);
  expect(summaryOf(changes)).toBe("1 added, 1 removed, 1 moved, 1 of another class");
  expect(summaryOf(changesBetween([box(1)], [box(1)]))).toBe("");
});

test("a box may be moved and get another class by one revision", () => {
  const [change] = changesBetween([box(1)], [{ ...box(1, 2), label: 3, ignore: true }]);
  expect(change!.kinds).toEqual(["moved", "relabelled", "marked"]);
});

test("coordinates that the protocol leaves out are 0", () => {
  const [change] = changesBetween(
    [{ boxId: "1", label: 1, box: { x2: 5, y2: 5 } }],
    [{ boxId: "1", label: 1, box: { x1: 0, y1: 0, x2: 5, y2: 5 } }],
  );
  expect(change!.kinds).toEqual(["kept"]);
});

function revision(
  number: number,
  standing: StandingJson,
  boxes: LabelBoxJson[] = [],
  basedOn = 0,
): RevisionJson {
  return { number, standing, boxes, basedOn };
}

test("what each revision changed is against the truth that it found", () => {
  const steps = stepsOf([
    revision(1, "STANDING_TRUTH", [box(1)]),
    revision(2, "STANDING_TRUTH", [box(1), box(2)], 1),
    revision(3, "STANDING_LATE", [box(7)], 1),
    revision(4, "STANDING_WITHDRAWN", [], 2),
    revision(5, "STANDING_RESTORED", [], 2),
  ]);
  const ids = (boxes: readonly LabelBoxJson[]) => boxes.map(({ boxId }) => boxId).join();
  expect(steps.map(({ truth, before, boxes }) => [truth, ids(before), ids(boxes)])).toEqual([
    [1, "", "1"],
    [2, "1", "1,2"],
    [2, "1,2", "7"],
    [1, "1,2", "1"],
    [2, "1", "1,2"],
  ]);
  expect(steps.map(({ isTruthNow }) => isTruthNow)).toEqual([false, true, false, false, false]);
  expect(steps.some(({ isWithdrawn }) => isWithdrawn)).toBe(false);
});

test("when all is taken back there is no truth", () => {
  const steps = stepsOf([
    revision(1, "STANDING_TRUTH", [box(1)]),
    revision(2, "STANDING_TRUTH", [], 1),
    revision(3, "STANDING_WITHDRAWN", [], 1),
    revision(4, "STANDING_WITHDRAWN", [], 2),
  ]);
  expect(steps.map(({ truth }) => truth)).toEqual([1, 2, 2, 0]);
  expect(steps.map(({ isWithdrawn }) => isWithdrawn)).toEqual([true, true, false, false]);
  expect(steps[3]!.boxes).toEqual([]);
});
