import { expect, test } from "vitest";
import { extended, MOST_SELECTED, nothing, toggled } from "./selection";

const ids = Array.from({ length: 2000 }, (_, i) => `${i}`);
const rowOf = (place: number) => place;
const chosen = (selection: { rows: ReadonlyMap<string, number> }) => [...selection.rows.keys()];

test("one is taken and given back", () => {
  const one = toggled(nothing<number>(), "3", 3);
  expect(chosen(one)).toEqual(["3"]);
  expect(chosen(toggled(one, "3", 3))).toEqual([]);
});

test("a range goes from the last choice either way, and can be drawn again", () => {
  const from = toggled(nothing<number>(), "5", 5);
  const back = extended(from, "3", ids, rowOf);
  expect(chosen(back).sort()).toEqual(["3", "4", "5"]);
  expect(chosen(extended(back, "7", ids, rowOf)).sort()).toEqual(["3", "4", "5", "6", "7"]);
  expect(chosen(extended(nothing<number>(), "7", ids, rowOf))).toEqual(["7"]);
});

test("no more are selected than a call takes", () => {
  const all = extended(toggled(nothing<number>(), "0", 0), "1999", ids, rowOf);
  expect(all.rows.size).toBe(MOST_SELECTED);
  expect(toggled(all, "1999", 1999).rows.size).toBe(MOST_SELECTED);
});
