import { expect, test } from "vitest";
import { cellsOf, isSameScene, likeness, sketchOf } from "./alike";
import type { Sketch } from "./alike";
import { randomOf } from "./random.test_helper";
import type { Random } from "./random.test_helper";

const WIDTH = 320;
const HEIGHT = 240;
const SCENES = 25;

type Levels = (x: number, y: number) => number;

interface Part {
  readonly x: number;
  readonly y: number;
  readonly radius: number;
  readonly contrast: number;
}

// A fixture with edges and a rough surface; every scene has its own.
function randomBackground(random: Random): Levels {
  const bars = Array.from({ length: 6 }, () => {
    const [x, y] = [random() * WIDTH, random() * HEIGHT];
    const [right, bottom] = [x + 10 + random() * 120, y + 5 + random() * 40];
    return { x, y, right, bottom, level: 30 + random() * 180 };
  });
  const rough = Array.from({ length: 997 }, () => random() * 24);
  const slope = random() * 60;
  return (x, y) => {
    const bar = bars.find((each) => x >= each.x && x < each.right && y >= each.y && y < each.bottom);
    const grain = rough[Math.abs((x >> 2) * 31 + (y >> 2) * 57) % rough.length]!;
    return (bar?.level ?? 100) + (slope * x) / WIDTH + grain;
  };
}

function randomPart(random: Random): Part {
  const sign = random() < 0.5 ? 1 : -1;
  const radius = 14 + random() * 20;
  const x = 60 + random() * (WIDTH - 120);
  const y = 60 + random() * (HEIGHT - 120);
  return { x, y, radius, contrast: sign * (35 + random() * 50) };
}

// A ring.
const withPart =
  (background: Levels, part: Part): Levels =>
  (x, y) => {
    const distance = Math.hypot(x - part.x, y - part.y) / part.radius;
    return background(x, y) + (distance < 1 && distance > 0.4 ? part.contrast : 0);
  };

// A moment later: moved by up to two pixels, in slightly other light.
function later(levels: Levels, random: Random): Levels {
  const [dx, dy] = [Math.round(random() * 4 - 2), Math.round(random() * 4 - 2)];
  const [gain, offset] = [0.88 + random() * 0.24, random() * 20 - 10];
  return (x, y) => levels(x + dx, y + dy) * gain + offset;
}

// Taken with noise, and reduced by means over the cells.
function taken(levels: Levels, random: Random): Sketch {
  const [width, height] = [cellsOf(WIDTH), cellsOf(HEIGHT)];
  const [across, down] = [WIDTH / width, HEIGHT / height];
  const grey = new Float32Array(width * height);
  for (let y = 0; y < HEIGHT; ++y) {
    for (let x = 0; x < WIDTH; ++x) {
      const level = Math.min(Math.max(levels(x, y) + (random() - 0.5) * 16, 0), 255);
      const cell = Math.floor(y / down) * width + Math.floor(x / across);
      grey[cell] = grey[cell]! + level / (across * down);
    }
  }
  return sketchOf(grey, width, height);
}

// Makes two pictures of every scene, and shows how alike they are.
function forScenes(second: (background: Levels, part: Part, random: Random) => Levels): boolean[] {
  return Array.from({ length: SCENES }, (_, seed) => {
    const random = randomOf(seed + 1);
    const background = randomBackground(random);
    const part = randomPart(random);
    const first = taken(withPart(background, part), random);
    return isSameScene(likeness(first, taken(later(second(background, part, random), random), random)));
  });
}

test("a scene a moment later is the same", () => {
  expect(forScenes(withPart)).toEqual(Array(SCENES).fill(true));
});

test("the same background with the part elsewhere is another scene", () => {
  const moved = (part: Part) => ({ ...part, x: part.x + 1.2 * part.radius });
  const verdicts = forScenes((background, part) => withPart(background, moved(part)));
  expect(verdicts).toEqual(Array(SCENES).fill(false));
});

test("the same background without the part is another scene", () => {
  expect(forScenes((background) => background)).toEqual(Array(SCENES).fill(false));
});

test("the same part on another background is another scene", () => {
  const others = forScenes((_, part, random) => withPart(randomBackground(random), part));
  expect(others).toEqual(Array(SCENES).fill(false));
});

test("pictures that show nothing tell nothing, not even when they are equal", () => {
  const random = randomOf(1);
  const flat = () => taken((x) => 90 + x / 4, random);
  expect(isSameScene(likeness(flat(), flat()))).toBe(false);
  const even = sketchOf(new Float32Array(100).fill(80), 10, 10);
  expect(isSameScene(likeness(even, even))).toBe(false);
});

test("a picture is like itself in other light and unlike its negative", () => {
  const random = randomOf(4);
  const grey = Float32Array.from({ length: 40 * 30 }, () => random() * 200);
  const sketch = sketchOf(grey, 40, 30);
  const lighter = sketchOf(
    grey.map((level) => 0.5 * level + 60),
    40,
    30,
  );
  const { explained, change } = likeness(sketch, lighter);
  expect(explained).toBeCloseTo(1);
  expect(change).toBeLessThan(0.01);
  const negative = sketchOf(
    grey.map((level) => 200 - level),
    40,
    30,
  );
  expect(likeness(sketch, negative).explained).toBe(0);
});

test("likeness is the same both ways", () => {
  const random = randomOf(6);
  const background = randomBackground(random);
  const [a, b] = [taken(background, random), taken(withPart(background, randomPart(random)), random)];
  expect(likeness(a, b)).toEqual(likeness(b, a));
});

test("a patch that appears in an even place is a change of about 1.4", () => {
  // Chequered on the left, even on the right. In the patch nothing is explained: the square of the difference
  // is that of the detail, of which the mean over both pictures is half, next to the floor.
  const chequered = (x: number, y: number) => (x < 20 ? 100 + 40 * ((x + y) % 2) : 100);
  const picture = (levels: Levels) =>
    sketchOf(
      Float32Array.from({ length: 40 * 30 }, (_, i) => levels(i % 40, Math.floor(i / 40))),
      40,
      30,
    );
  const patched = (x: number, y: number) => (x >= 28 && x < 33 && y >= 12 && y < 17 ? 300 : chequered(x, y));
  const { change } = likeness(picture(chequered), picture(patched));
  expect(change).toBeGreaterThan(1.25);
  expect(change).toBeLessThan(Math.SQRT2);
});

test("cells are eight pixels wide, and wider ones in large pictures", () => {
  expect([1, 7, 8, 200, 640, 1024, 4000].map(cellsOf)).toEqual([1, 1, 1, 25, 80, 128, 128]);
});
