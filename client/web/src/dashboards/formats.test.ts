import { expect, test } from "vitest";
import { bytes, difference, fewBoxesNote, interval, numberOf, percent, score, utc } from "./formats";

test("numbers of the protocol's JSON are read", () => {
  expect([numberOf(undefined), numberOf("12345678901"), numberOf(0.5)]).toEqual([0, 12345678901, 0.5]);
});

test("shares are percent", () => {
  expect([percent(0.42), percent(1, 0), percent(NaN), percent(undefined)]).toEqual([
    "42.0 %",
    "100 %",
    "–",
    "–",
  ]);
});

test("an undefined metric is a dash", () => {
  expect([score(0.84249), score(0), score(-1), score(undefined)]).toEqual(["0.842", "0.000", "–", "–"]);
});

test.each([
  [0.0123, "+0.012"],
  [-0.0123, "−0.012"],
  [0.0001, "0.000"],
  [-0.0001, "0.000"],
  [0, "0.000"],
])("the difference %d is %j", (value, text) => {
  expect(difference(value)).toBe(text);
});

test("an interval has two ends or none", () => {
  expect(interval(0.1, 0.2)).toBe("0.100 to 0.200");
  expect(interval(12.4, 15, (value) => value.toFixed(0))).toBe("12 to 15");
  expect(interval(undefined, 0.2)).toBe("");
});

test.each([
  [0, "0 B"],
  [999, "999 B"],
  ["1500", "1.5 kB"],
  [123_456_789, "123 MB"],
  [1.2e15, "1200 TB"],
])("%s bytes are %j", (value, text) => {
  expect(bytes(value)).toBe(text);
});

test("moments are in UTC", () => {
  expect(utc("2026-11-29T17:17:45.999Z")).toBe("2026-11-29 17:17 UTC");
  expect(utc(new Date(Date.UTC(2026, 0, 2)), "day")).toBe("2026-01-02");
  expect(utc(undefined)).toBe("–");
  const now = new Date(Date.UTC(2026, 10, 29, 23, 59));
  expect(utc("2026-11-29T00:00:00Z", "clock", now)).toBe("00:00 UTC");
  expect(utc("2026-11-28T23:59:00Z", "clock", now)).toBe("2026-11-28 23:59 UTC");
});

test("a mean says when it hangs on classes with few boxes", () => {
  expect(fewBoxesNote([{ boxes: "30" }, { boxes: "40" }, {}])).toBe("");
  expect(fewBoxesNote([{ boxes: "29" }, { boxes: "40" }])).toMatch(/: 1 of 2 have fewer than 30 /);
  expect(fewBoxesNote([{ boxes: "2" }, {}])).toMatch(/: all have fewer/);
});
