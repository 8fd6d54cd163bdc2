import { expect, test } from "vitest";
import { finite, lastCourse } from "./training_points";

test("a training that was taken up again from a checkpoint shows the later course", () => {
  const points = [100, 200, 300, 250, 350].map((iteration, i) => ({ iteration: String(iteration), loss: i }));
  expect(lastCourse(points).map(({ iteration, loss }) => [Number(iteration), loss])).toEqual([
    [100, 0],
    [200, 1],
    [250, 3],
    [350, 4],
  ]);
});

test("a loss that is no number leaves a gap", () => {
  expect(finite("NaN")).toBeNull();
  expect(finite("Infinity")).toBeNull();
  expect(finite(0.5)).toBe(0.5);
});
