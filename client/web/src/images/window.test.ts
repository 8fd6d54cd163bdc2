import { expect, test } from "vitest";
import { GAP, layoutOf, placeAfter, rowsSeen } from "./window";

test("tiles fill the width, two at least", () => {
  for (const width of [200, 360, 768, 1248, 1608]) {
    const { columns, tileWidth } = layoutOf(width);
    expect(columns).toBeGreaterThanOrEqual(2);
    expect(columns * tileWidth + (columns - 1) * GAP).toBeLessThanOrEqual(width);
  }
});

test("few rows are in the page, however many there are", () => {
  const layout = { columns: 5, tileWidth: 200, rowHeight: 200 };
  expect(rowsSeen(layout, 100_000, -300, 800)).toEqual({ first: 0, end: 5 });
  expect(rowsSeen(layout, 100_000, 10_000_000, 800)).toEqual({ first: 49_998, end: 50_006 });
  expect(rowsSeen(layout, 3, 0, 800)).toEqual({ first: 0, end: 3 });
});

test("keys lead to the tiles around, and stay at the edges", () => {
  const from = (key: string, at: number) => placeAfter(key, at, 23, 5, 2);
  expect(["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"].map((key) => from(key, 7))).toEqual([6, 8, 2, 12]);
  expect(["ArrowLeft", "ArrowUp"].map((key) => from(key, 0))).toEqual([0, 0]);
  expect(["ArrowRight", "ArrowDown"].map((key) => from(key, 22))).toEqual([22, 22]);
  expect(from("PageDown", 7)).toBe(17);
  expect(from("PageDown", 17)).toBe(22);
  expect(from("PageUp", 7)).toBe(2);
  expect([from("Home", 7), from("End", 7)]).toEqual([0, 22]);
  expect(from("x", 7)).toBeNull();
});
