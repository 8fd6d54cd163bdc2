// Boxes as the protocol has them: geometry. Pure functions.

import type { BoxJson } from "../../gen/loupe/v1/annotation_pb";
import type { Corners } from "../annotate/corners";

// Absent numbers are 0: the protocol leaves them out.
export function cornersOf(box: BoxJson | undefined): Corners {
  const number = (value: BoxJson["x1"]) => Number(value ?? 0);
  return { x1: number(box?.x1), y1: number(box?.y1), x2: number(box?.x2), y2: number(box?.y2) };
}

// Intersection over union, from 0 to 1.
export function overlapOf(one: BoxJson | undefined, other: BoxJson | undefined): number {
  const a = cornersOf(one);
  const b = cornersOf(other);
  const width = Math.min(a.x2, b.x2) - Math.max(a.x1, b.x1);
  const height = Math.min(a.y2, b.y2) - Math.max(a.y1, b.y1);
  if (width <= 0 || height <= 0) return 0;
  const shared = width * height;
  return shared / (areaOf(a) + areaOf(b) - shared);
}

export function areaOf({ x1, y1, x2, y2 }: Corners): number {
  return (x2 - x1) * (y2 - y1);
}

// "10.0 12.5 40.0 52.0"
export function boxText(box: BoxJson | undefined): string {
  const { x1, y1, x2, y2 } = cornersOf(box);
  return [x1, y1, x2, y2].map((value) => value.toFixed(1)).join(" ");
}
