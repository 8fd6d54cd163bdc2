import { expect, test } from "vitest";
import { equalise } from "./clahe";
import { randomOf } from "./random.test_helper";

type Colour = readonly [number, number, number];

function pictureOf(
  width: number,
  height: number,
  colourAt: (x: number, y: number) => Colour,
): Uint8ClampedArray {
  const pixels = new Uint8ClampedArray(4 * width * height);
  for (let i = 0; i < width * height; ++i) {
    pixels.set([...colourAt(i % width, Math.floor(i / width)), 255 - (i % 7)], 4 * i);
  }
  return pixels;
}

function greyOf(width: number, height: number, levelAt: (x: number, y: number) => number): Uint8ClampedArray {
  return pictureOf(width, height, (x, y) => {
    const level = levelAt(x, y);
    return [level, level, level];
  });
}

function equalised(pixels: Uint8ClampedArray, width: number, height: number): Uint8ClampedArray {
  const copy = pixels.slice();
  equalise(copy, width, height);
  return copy;
}

const luminance = (pixels: Uint8ClampedArray, i: number) =>
  (77 * pixels[4 * i]! + 150 * pixels[4 * i + 1]! + 29 * pixels[4 * i + 2]!) >> 8;

test("a tile with two levels, by hand", () => {
  // One tile of 256 pixels: a bin may hold 3, and what is cut off, 2 * 125, is spread: 0.9766 per bin. Up to
  // level 100 there are 101 * 0.9766 + 3 pixels, up to level 120 there are 121 * 0.9766 + 6; of 256 pixels.
  const pixels = equalised(
    greyOf(16, 16, (x) => (x < 8 ? 100 : 120)),
    16,
    16,
  );
  expect(pixels[0]).toBe(101); // 101.2
  expect(pixels[4 * 15]).toBe(124); // 123.7
});

test("levels are those that OpenCV gives", () => {
  // cv2.createCLAHE(3.0, (8, 8)) of OpenCV 5.0.0. OpenCV measures from the corner of a pixel, not from its
  // middle, and gives what is left of the excess to the darkest bins.
  const side = 1024;
  const pixels = equalised(
    greyOf(side, side, (x, y) => 40 + (x >> 4) + (y >> 5) + ((x * x + 3 * y * y) % 23)),
    side,
    side,
  );
  const known = [
    [0, 0, 27],
    [9, 4, 74],
    [1000, 30, 137],
    [1023, 1023, 119],
    [5, 990, 67],
    [400, 240, 108],
    [512, 512, 94],
    [800, 300, 97],
    [130, 720, 73],
    [960, 520, 101],
    [520, 33, 106],
    [300, 900, 86],
  ] as const;
  for (const [x, y, level] of known) {
    expect(Math.abs(pixels[4 * (y * side + x)]! - level)).toBeLessThanOrEqual(2);
  }
});

test("a flat picture stays nearly flat, and nearly as bright", () => {
  for (const level of [0, 1, 60, 128, 254, 255]) {
    const pixels = equalised(
      greyOf(130, 71, () => level),
      130,
      71,
    );
    const levels = pixels.filter((_, i) => i % 4 !== 3);
    expect(Math.max(...levels) - Math.min(...levels)).toBeLessThanOrEqual(1);
    expect(Math.abs(levels[0]! - level)).toBeLessThanOrEqual(4);
  }
});

test("faint detail shows more, in the dark and in the light", () => {
  // A ramp of light across, and a faint chequered pattern over it.
  const picture = greyOf(256, 128, (x, y) => 20 + Math.floor(x * 0.7) + 4 * ((x >> 2) % 2 ^ (y >> 2) % 2));
  const pixels = equalised(picture, 256, 128);
  const levelAt = (pixels: Uint8ClampedArray, x: number, y: number) => pixels[4 * (y * 256 + x)]!;
  const step = (of: Uint8ClampedArray, x: number) => Math.abs(levelAt(of, x, 64) - levelAt(of, x, 68));
  for (const x of [20, 128, 230]) expect(step(pixels, x)).toBeGreaterThan(1.5 * step(picture, x));
});

test("within a tile brighter stays brighter, whatever the picture", () => {
  for (let seed = 1; seed <= 50; ++seed) {
    const random = randomOf(seed);
    const width = 1 + Math.floor(random() * 31);
    const height = 1 + Math.floor(random() * 31); // one tile
    const picture = greyOf(width, height, () => Math.floor(random() * random() * 256));
    const pixels = equalised(picture, width, height);
    const order = Array.from({ length: width * height }, (_, i) => i).sort(
      (a, b) => picture[4 * a]! - picture[4 * b]!,
    );
    const levels = order.map((i) => pixels[4 * i]!);
    expect(levels).toEqual([...levels].sort((a, b) => a - b));
  }
});

test("any size will do, grey stays grey, and alpha stays as it is", () => {
  const sizes = [
    [1, 1],
    [1, 40],
    [7, 3],
    [16, 16],
    [33, 200],
    [129, 127],
    [300, 17],
  ] as const;
  for (const [width, height] of sizes) {
    const random = randomOf(width);
    const picture = greyOf(width, height, () => Math.floor(random() * 256));
    const pixels = equalised(picture, width, height);
    expect(pixels).toEqual(pixels.map((_, i) => (i % 4 === 3 ? picture[i]! : pixels[i - (i % 4)]!)));
  }
});

test("a mirrored picture gives the mirrored result", () => {
  const [width, height] = [144, 90];
  const random = randomOf(3);
  const picture = greyOf(width, height, (x, y) =>
    Math.floor(80 + 60 * Math.sin(x / 9) + y / 3 + 20 * random()),
  );
  const mirror = (pixels: Uint8ClampedArray) =>
    greyOf(width, height, (x, y) => pixels[4 * (y * width + width - 1 - x)]!);
  const levels = equalised(picture, width, height);
  const mirrored = mirror(equalised(mirror(picture), width, height));
  // A level just between two may be rounded either way.
  const differences = levels.map((level, i) => (i % 4 === 3 ? 0 : Math.abs(level - mirrored[i]!)));
  expect(Math.max(...differences)).toBeLessThanOrEqual(1);
});

test("a colour keeps its hue: the luminance is what a grey picture would get", () => {
  const [width, height] = [96, 64];
  const random = randomOf(9);
  const picture = pictureOf(width, height, () => {
    const light = 0.2 + 0.3 * random();
    return [Math.round(200 * light), Math.round(150 * light), Math.round(100 * light)];
  });
  const grey = greyOf(width, height, (x, y) => luminance(picture, y * width + x));
  const pixels = equalised(picture, width, height);
  const levels = equalised(grey, width, height);
  let checked = 0;
  for (let at = 0; at < pixels.length; at += 4) {
    const ratio = pixels[at]! / picture[at]!;
    if (pixels[at] === 255) continue; // cut off
    const green = Math.abs(pixels[at + 1]! - picture[at + 1]! * ratio);
    const blue = Math.abs(pixels[at + 2]! - picture[at + 2]! * ratio);
    // The old luminance was rounded down, by less than 1.
    const light = Math.abs(luminance(pixels, at / 4) - levels[at]!);
    if (green > 2.5 || blue > 2.5 || light > 2 + ratio) expect.unreachable(JSON.stringify({ at, ratio }));
    ++checked;
  }
  expect(checked).toBeGreaterThan(3000);
});

test("black in a picture with colours becomes grey at most", () => {
  const pixels = equalised(
    pictureOf(16, 16, (x) => (x === 0 ? [0, 0, 0] : [x, 200, 3])),
    16,
    16,
  );
  expect(pixels[0]).toBe(pixels[1]);
  expect(pixels[1]).toBe(pixels[2]);
  expect(pixels[0]).toBeLessThanOrEqual(4);
});
