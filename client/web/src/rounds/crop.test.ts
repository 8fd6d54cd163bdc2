import { expect, test } from "vitest";
import { cropAround } from "./crop";

const box = (x1: number, y1: number, x2: number, y2: number) => ({ x1, y1, x2, y2 });

test("a crop holds its boxes, has the shape of a card, and stays in the picture", () => {
  for (const corners of [
    box(0, 0, 10, 10),
    box(390, 290, 400, 300),
    box(100, 100, 180, 120),
    box(5, 200, 25, 290),
  ]) {
    const { x, y, width, height } = cropAround([corners], 400, 300);
    expect(width / height).toBeCloseTo(4 / 3);
    expect(x).toBeGreaterThanOrEqual(0);
    expect(y).toBeGreaterThanOrEqual(0);
    expect(x + width).toBeLessThanOrEqual(400 + 1e-9);
    expect(y + height).toBeLessThanOrEqual(300 + 1e-9);
    expect(x).toBeLessThanOrEqual(corners.x1);
    expect(y).toBeLessThanOrEqual(corners.y1);
    expect(x + width).toBeGreaterThanOrEqual(corners.x2);
    expect(y + height).toBeGreaterThanOrEqual(corners.y2);
  }
});

test("two boxes that lie apart are both in it", () => {
  const { x, width } = cropAround([box(10, 10, 20, 20), box(300, 10, 310, 20)], 4000, 3000);
  expect(x).toBeLessThanOrEqual(10);
  expect(x + width).toBeGreaterThanOrEqual(310);
});

test("a box as large as a narrow picture gets the picture in the middle", () => {
  expect(cropAround([box(0, 0, 100, 300)], 100, 300)).toEqual({ x: -150, y: 0, width: 400, height: 300 });
});
