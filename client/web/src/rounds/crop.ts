// The part of a picture around boxes.

import type { Corners } from "../annotate/corners";

export interface Crop {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

// How much wider than the boxes, so that one sees what is around them.
const ROOM = 2.2;
const LEAST = 48; // pixels of the picture
const SHAPE = 4 / 3;

// With the shape of a card (4:3), inside the picture where it is large enough.
export function cropAround(boxes: readonly Corners[], width: number, height: number): Crop {
  const [x1, y1] = [Math.min(...boxes.map((box) => box.x1)), Math.min(...boxes.map((box) => box.y1))];
  const [x2, y2] = [Math.max(...boxes.map((box) => box.x2)), Math.max(...boxes.map((box) => box.y2))];
  const wanted = Math.max((x2 - x1) * ROOM, (y2 - y1) * ROOM * SHAPE, LEAST);
  const whole = Math.max(width, height * SHAPE);
  const cropWidth = Math.min(wanted, whole);
  const cropHeight = cropWidth / SHAPE;
  return {
    x: placed((x1 + x2) / 2, cropWidth, width),
    y: placed((y1 + y2) / 2, cropHeight, height),
    width: cropWidth,
    height: cropHeight,
  };
}

// Where a length begins whose middle is wanted here, so that it is inside the whole, or around it.
function placed(middle: number, length: number, whole: number): number {
  if (length >= whole) return (whole - length) / 2;
  return Math.min(Math.max(middle - length / 2, 0), whole - length);
}
