// Boxes as the protocol has them: geometry. Pure functions.

import type { BoxJson } from "../../gen/loupe/v1/annotation_pb";
import { area, cornersOf, type Corners } from "../annotate/corners";

// Intersection over union, from 0 to 1.
export function overlapOf(one: Corners, other: Corners): number {
  const width = Math.min(one.x2, other.x2) - Math.max(one.x1, other.x1);
  const height = Math.min(one.y2, other.y2) - Math.max(one.y1, other.y1);
  if (width <= 0 || height <= 0) return 0;
  const shared = width * height;
  return shared / (area(one) + area(other) - shared);
}

// "10.0 12.5 40.0 52.0"
export function boxText(box: BoxJson | undefined): string {
  const { x1, y1, x2, y2 } = cornersOf(box);
  return [x1, y1, x2, y2].map((value) => value.toFixed(1)).join(" ");
}
