import { expect, test } from "vitest";
import { countsText, verdictOf } from "./comparison";

test("the interval decides which model is better", () => {
  const verdict = (low: number, high: number) =>
    verdictOf({ first: 3, second: 5, images: "40", ap50: { difference: 0, low, high } });
  expect(verdict(0.01, 0.2)).toBe("Model 5 is better, on 40 images: the interval is above 0.");
  expect(verdict(-0.2, -0.01)).toBe("Model 3 is better, on 40 images: the interval is below 0.");
  expect(verdict(-0.1, 0.1)).toBe("40 images don't tell which is better: the interval holds 0.");
  const ofOne = { second: 5, images: "1" };
  expect(verdictOf({ ...ofOne, ap50: { low: 0.01, high: 0.2 } })).toMatch("on 1 image: the interval");
  expect(verdictOf({ ...ofOne, ap50: { low: -0.1, high: 0.1 } })).toMatch("1 image doesn't tell");
  expect(verdictOf({ images: "4", ap50: { difference: 0.3 } })).toMatch("too few to tell");
  expect(verdictOf({ images: "4" })).toBe("The images hold no box, so there is no AP50.");
});

test("counts that are 0 are left out by the protocol", () => {
  expect(countsText({ truePositives: "2" })).toBe("2 right, 0 false, 0 missed");
});
