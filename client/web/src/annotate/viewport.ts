// Where the image lies on the screen: screen = image * scale + (x, y). Pure functions.

import { clamp } from "./corners";
import type { Corners, Point, Size } from "./corners";

export interface Viewport {
  readonly scale: number;
  readonly x: number;
  readonly y: number;
}

const MARGIN = 16; // screen pixels around the whole image, so that handles at its edge can be reached
const LARGEST_SCALE = 40;
const LARGEST_BOX_SCALE = 12;

// The whole image, as large as fits.
export function fit(image: Size, screen: Size): Viewport {
  const scale = fitScale(image, screen);
  const x = (screen.width - image.width * scale) / 2;
  const y = (screen.height - image.height * scale) / 2;
  return { scale, x, y };
}

function fitScale(image: Size, screen: Size): number {
  const across = Math.max(screen.width - 2 * MARGIN, 1) / image.width;
  const down = Math.max(screen.height - 2 * MARGIN, 1) / image.height;
  return Math.min(across, down, LARGEST_BOX_SCALE);
}

// The point of the image that is at `at` on the screen stays there.
export function zoomed(view: Viewport, factor: number, at: Point, image: Size, screen: Size): Viewport {
  const scale = clamp(view.scale * factor, fitScale(image, screen) / 2, LARGEST_SCALE);
  const ratio = scale / view.scale;
  return { scale, x: at.x - (at.x - view.x) * ratio, y: at.y - (at.y - view.y) * ratio };
}

// The box in the middle, with as much around it.
export function zoomedTo(box: Corners, image: Size, screen: Size): Viewport {
  const across = screen.width / (2.5 * (box.x2 - box.x1));
  const down = screen.height / (2.5 * (box.y2 - box.y1));
  const scale = clamp(Math.min(across, down), fitScale(image, screen), LARGEST_BOX_SCALE);
  const x = screen.width / 2 - ((box.x1 + box.x2) / 2) * scale;
  const y = screen.height / 2 - ((box.y1 + box.y2) / 2) * scale;
  return { scale, x, y };
}

// A part of the image stays in view.
export function panned(view: Viewport, dx: number, dy: number, image: Size, screen: Size): Viewport {
  const left = 48;
  const x = clamp(view.x + dx, left - image.width * view.scale, screen.width - left);
  const y = clamp(view.y + dy, left - image.height * view.scale, screen.height - left);
  return { ...view, x, y };
}

export function toImage(view: Viewport, { x, y }: Point): Point {
  return { x: (x - view.x) / view.scale, y: (y - view.y) / view.scale };
}
