import { expect, test } from "vitest";
import { fit, toImage, zoomed, zoomedTo } from "./viewport";

const image = { width: 4000, height: 3000 };
const screen = { width: 1000, height: 700 };

test("the whole image fits, in the middle", () => {
  const view = fit(image, screen);
  expect(view.x).toBeGreaterThanOrEqual(0);
  expect(view.y).toBeCloseTo(16);
  expect(view.x * 2 + image.width * view.scale).toBeCloseTo(screen.width);
});

test("zooming keeps the point under the pointer", () => {
  const at = { x: 300, y: 200 };
  let view = fit(image, screen);
  const before = toImage(view, at);
  for (const factor of [3, 1.1, 0.5]) view = zoomed(view, factor, at, image, screen);
  const after = toImage(view, at);
  expect(after.x).toBeCloseTo(before.x);
  expect(after.y).toBeCloseTo(before.y);
});

test("zooming has ends", () => {
  let view = fit(image, screen);
  for (let i = 0; i < 100; ++i) view = zoomed(view, 2, { x: 0, y: 0 }, image, screen);
  expect(view.scale).toBe(40);
  for (let i = 0; i < 100; ++i) view = zoomed(view, 0.5, { x: 0, y: 0 }, image, screen);
  expect(view.scale).toBeCloseTo(fit(image, screen).scale / 2);
});

test("zooming to a box brings it to the middle", () => {
  const view = zoomedTo({ x1: 100, y1: 100, x2: 180, y2: 160 }, image, screen);
  const middle = toImage(view, { x: 500, y: 350 });
  expect(middle.x).toBeCloseTo(140);
  expect(middle.y).toBeCloseTo(130);
});
