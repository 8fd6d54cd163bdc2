// Geometry of boxes, in pixels of the image. Pure functions.

import type { BoxJson } from "../../gen/loupe/v1/annotation_pb";

export interface Corners {
  readonly x1: number;
  readonly y1: number;
  readonly x2: number;
  readonly y2: number;
}

// Of a box as the protocol has it: numbers that it leaves out are 0.
export function cornersOf(box: BoxJson | undefined): Corners {
  const { x1 = 0, y1 = 0, x2 = 0, y2 = 0 } = box ?? {};
  return { x1: Number(x1), y1: Number(y1), x2: Number(x2), y2: Number(y2) };
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

export function sameSize(a: Size, b: Size): boolean {
  return a.width === b.width && a.height === b.height;
}

// A side that people make is at least this long.
export const MIN_SIDE = 2;
// Corners that people make are multiples of this: the coordinator's floats hold them exactly.
const STEP = 1 / 8;

// The box between two opposite corners in any order, inside the image.
export function cornersBetween(a: Point, b: Point, image: Size): Corners {
  const [x1, x2] = spanInside(Math.min(a.x, b.x), Math.max(a.x, b.x), image.width);
  const [y1, y2] = spanInside(Math.min(a.y, b.y), Math.max(a.y, b.y), image.height);
  return { x1, y1, x2, y2 };
}

// The box, or what of it lies inside the image.
export function clipped(box: Corners, image: Size): Corners {
  const [x1, x2] = clippedSpan(box.x1, box.x2, image.width);
  const [y1, y2] = clippedSpan(box.y1, box.y2, image.height);
  return { x1, y1, x2, y2 };
}

// How far the box can go of this way, for the image's sake.
export function movedWithin(box: Corners, dx: number, dy: number, image: Size): Point {
  return {
    x: clamp(stepped(dx), -box.x1, image.width - box.x2),
    y: clamp(stepped(dy), -box.y1, image.height - box.y2),
  };
}

// The box in another place. Its size stays.
export function moved(box: Corners, dx: number, dy: number): Corners {
  return { x1: box.x1 + dx, y1: box.y1 + dy, x2: box.x2 + dx, y2: box.y2 + dy };
}

// The smallest box around at least one box, or around points, which are boxes without a size.
export function around(boxes: readonly Corners[]): Corners {
  return {
    x1: Math.min(...boxes.map((box) => box.x1)),
    y1: Math.min(...boxes.map((box) => box.y1)),
    x2: Math.max(...boxes.map((box) => box.x2)),
    y2: Math.max(...boxes.map((box) => box.y2)),
  };
}

// Which sides of a box a person holds: -1: left or top, 1: right or bottom, 0: neither.
export interface Grip {
  readonly x: -1 | 0 | 1;
  readonly y: -1 | 0 | 1;
}

// The box whose held sides were taken along. One that is drawn across its opposite side turns over.
export function resized(box: Corners, grip: Grip, dx: number, dy: number, image: Size): Corners {
  const [x1, x2] = resizedSpan(box.x1, box.x2, grip.x, stepped(dx), image.width);
  const [y1, y2] = resizedSpan(box.y1, box.y2, grip.y, stepped(dy), image.height);
  return { x1, y1, x2, y2 };
}

export function area(box: Corners): number {
  return (box.x2 - box.x1) * (box.y2 - box.y1);
}

// Intersection over union, in [0, 1].
export function iou(a: Corners, b: Corners): number {
  const width = Math.min(a.x2, b.x2) - Math.max(a.x1, b.x1);
  const height = Math.min(a.y2, b.y2) - Math.max(a.y1, b.y1);
  if (width <= 0 || height <= 0) return 0;
  const both = width * height;
  return both / (area(a) + area(b) - both);
}

// Whether the point is inside the box, or at most `slack` beside it.
export function holds(box: Corners, { x, y }: Point, slack: number): boolean {
  return x >= box.x1 - slack && x <= box.x2 + slack && y >= box.y1 - slack && y <= box.y2 + slack;
}

// Whether the inner box lies in the outer one.
export function isInside(inner: Corners, outer: Corners): boolean {
  return inner.x1 >= outer.x1 && inner.y1 >= outer.y1 && inner.x2 <= outer.x2 && inner.y2 <= outer.y2;
}

export function sameCorners(a: Corners, b: Corners): boolean {
  return a.x1 === b.x1 && a.y1 === b.y1 && a.x2 === b.x2 && a.y2 === b.y2;
}

export function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}

function stepped(value: number): number {
  return Math.round(value / STEP) * STEP;
}

function spanInside(low: number, high: number, limit: number): [number, number] {
  return clippedSpan(stepped(low), stepped(high), limit);
}

function clippedSpan(low: number, high: number, limit: number): [number, number] {
  const shortest = Math.min(MIN_SIDE, limit);
  if (low >= 0 && high <= limit && high - low > 0 && high - low >= shortest) return [low, high];
  const from = clamp(low, 0, limit);
  const to = clamp(high, 0, limit);
  if (to - from >= shortest) return [from, to];
  const begin = Math.min(from, limit - shortest);
  return [begin, begin + shortest];
}

function resizedSpan(
  low: number,
  high: number,
  side: -1 | 0 | 1,
  by: number,
  limit: number,
): [number, number] {
  if (side === 0 || by === 0) return [low, high];
  const fixed = side === 1 ? low : high;
  const held = clamp((side === 1 ? high : low) + by, 0, limit);
  const shortest = Math.min(MIN_SIDE, limit);
  if (Math.abs(held - fixed) >= shortest) return [Math.min(held, fixed), Math.max(held, fixed)];
  // Too short: the fixed side stays where there is room for that.
  const begin = side === 1 ? fixed : fixed - shortest;
  const from = clamp(begin, 0, limit - shortest);
  return [from, from + shortest];
}
