import { expect, test } from "vitest";
import { changesBetween } from "./changes";
import { marksOfChanges, marksOfShown, pathOf } from "./marks";

const box = (boxId: string, x1: number) => ({ boxId, label: 1, box: { x1, y1: 0, x2: 10, y2: 10 } });

test("changes are drawn over the boxes, with what was there before", () => {
  const changes = changesBetween(
    [box("1", 0), box("2", 0), box("3", 0)],
    [box("1", 0), box("2", 5), box("4", 0)],
  );
  expect(marksOfChanges(changes, true).map(({ key, look, note }) => [key, look, note])).toEqual([
    ["box 1", "kept", ""],
    ["before 2", "before", "before"],
    ["box 2", "changed", "moved"],
    ["box 4", "changed", "added"],
    ["box 3", "removed", "removed"],
  ]);
  expect(marksOfChanges(changes, false).map(({ key, look }) => [key, look])).toEqual([
    ["box 1", "kept"],
    ["box 2", "kept"],
    ["box 4", "kept"],
  ]);
});

test("a moved box has lines from where it was", () => {
  const [, moved] = marksOfChanges(changesBetween([box("1", 0)], [box("1", 4)]), true);
  expect(pathOf(moved!)).toBe("M4 0H10V10H4ZM0 0L4 0M10 10L10 10");
});

test("each outcome has its own look, and what was accepted is drawn once", () => {
  const outcomes = [
    "OUTCOME_ACCEPTED",
    "OUTCOME_ACCEPTED_AT_ONCE",
    "OUTCOME_ADJUSTED",
    "OUTCOME_REJECTED",
    "OUTCOME_DROPPED",
    "OUTCOME_HIDDEN",
  ] as const;
  const shown = outcomes.map((outcome, index) => ({ outcome, box: { index, label: 1, score: 0.625 } }));
  const marks = marksOfShown(shown);
  expect(marks.map(({ look, note }) => [look, note])).toEqual([
    ["predicted", "adjusted 0.63"],
    ["rejected", "rejected 0.63"],
    ["dropped", "dropped 0.63"],
    ["hidden", "hidden 0.63"],
  ]);
  expect(new Set(marks.slice(1, 3).map(pathOf)).size).toBe(2);
});
