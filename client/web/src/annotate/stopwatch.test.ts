import { expect, test } from "vitest";
import { LONGEST_PAUSE, Stopwatch } from "./stopwatch";

test("time counts for the image, and for the box that was selected", () => {
  const watch = new Stopwatch(1000);
  watch.touch(3000, 0);
  watch.touch(3500, 7);
  watch.touch(4500, 7);
  expect(watch.spent).toEqual({ total: 3500, boxes: [[7, 1500]] });
});

test("idle time is left out", () => {
  const watch = new Stopwatch(0);
  watch.touch(3_600_000, 0);
  expect(watch.spent.total).toBe(LONGEST_PAUSE);
  watch.resume(7_200_000);
  watch.touch(7_201_000, 0);
  expect(watch.spent.total).toBe(LONGEST_PAUSE + 1000);
});

test("a clock that goes back takes nothing away", () => {
  const watch = new Stopwatch(1000, { total: 50, boxes: [[1, 20]] });
  watch.touch(400, 1);
  expect(watch.spent).toEqual({ total: 50, boxes: [[1, 20]] });
});
