import { expect, test } from "vitest";
import { counted, dayStart, durationOf } from "./words";

test.each([
  [0, "0 boxes"],
  [1, "1 box"],
  [12, "12 boxes"],
])("%d are %j", (count, words) => {
  expect(counted(count, "box", "boxes")).toBe(words);
});

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

test.each([
  [0, "0 s"],
  [1, "1 s"],
  [1499, "1 s"],
  [1500, "2 s"],
  [59_499, "59 s"],
  [59_500, "1 min"],
  [65 * SECOND, "1 min 5 s"],
  [9 * MINUTE + 59_499, "9 min 59 s"],
  [9 * MINUTE + 59_500, "10 min"],
  [12 * MINUTE + 29_999, "12 min"],
  [12 * MINUTE + 30_000, "13 min"],
  [59 * MINUTE + 29_999, "59 min"],
  [59 * MINUTE + 30_000, "1 h"],
  [HOUR + 5 * MINUTE, "1 h 5 min"],
  [26 * HOUR + 59 * MINUTE, "26 h 59 min"],
  [26 * HOUR + 59 * MINUTE + 30_000, "27 h"],
])("%d milliseconds are %j", (milliseconds, words) => {
  expect(durationOf(milliseconds)).toBe(words);
});

test.each([
  [new Date(2026, 10, 29, 0, 0), 0],
  [new Date(2026, 10, 29, 14, 5, 6, 7), 14 * HOUR + 5 * MINUTE + 6 * SECOND + 7],
])("the day of %s began at midnight of the browser's clock", (now, passed) => {
  expect(now.getTime() - dayStart(now).getTime()).toBe(passed);
});
