import { expect, test } from "vitest";
import { levelFor } from "./levels";
import type { Levels } from "./levels";

const levels = [4000, 2000, 1000].map((width) => ({ width })) as unknown as Levels;

test.each([
  [100, 1000],
  [1000, 1000],
  [1001, 2000],
  [2000, 2000],
  [3999, 4000],
  [90_000, 4000],
])("%d pixels across are shown by the picture of %d", (across, width) => {
  expect(levelFor(levels, across)?.width).toBe(width);
});

test("nothing is shown of a picture that was freed", () => {
  expect(levelFor([], 100)).toBeUndefined();
});
