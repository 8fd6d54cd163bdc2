// Which box a click or a key means.

import { area, holds, isInside } from "./corners";
import type { Corners, Grip, Point } from "./corners";
import { isVisible, selectedBoxes } from "./work";
import type { Box, Work } from "./work";

// The smallest visible box at the point; with `below` the next larger one than the selected box, and after
// the largest the smallest again. 0: none. `slack`: how far beside a box a click may be, in image pixels.
export function pick(work: Work, point: Point, slack: number, below: boolean): number {
  const hits = work.boxes
    .filter((box) => isVisible(work, box) && holds(box.corners, point, slack))
    .sort((a, b) => area(a.corners) - area(b.corners));
  const current = hits.findIndex((box) => box.id === work.selected.at(-1));
  const place = below && current >= 0 ? (current + 1) % hits.length : 0;
  return hits[place]?.id ?? 0;
}

// The visible boxes that lie in a part of the image.
export function inside(work: Work, part: Corners): number[] {
  return work.boxes.filter((box) => isVisible(work, box) && isInside(box.corners, part)).map((box) => box.id);
}

// The selection with the box, or without it if it was selected.
export function toggled(work: Work, id: number): number[] {
  const { selected } = work;
  return selected.includes(id) ? selected.filter((each) => each !== id) : [...selected, id];
}

export interface HeldCorner {
  readonly box: Box;
  readonly grip: Grip;
  readonly at: Point;
}

// The corner that is nearest to the point: of the selected boxes, or of all where none is selected. null:
// there is none.
export function nearestCorner(work: Work, { x, y }: Point): HeldCorner | null {
  const chosen = selectedBoxes(work);
  const boxes = chosen.length > 0 ? chosen : work.boxes.filter((box) => isVisible(work, box));
  const corners = boxes.flatMap((box) => {
    const { x1, y1, x2, y2 } = box.corners;
    return [
      { box, grip: { x: -1, y: -1 } as const, at: { x: x1, y: y1 } },
      { box, grip: { x: 1, y: -1 } as const, at: { x: x2, y: y1 } },
      { box, grip: { x: -1, y: 1 } as const, at: { x: x1, y: y2 } },
      { box, grip: { x: 1, y: 1 } as const, at: { x: x2, y: y2 } },
    ];
  });
  const distance = ({ at }: HeldCorner) => Math.hypot(at.x - x, at.y - y);
  return corners.reduce<HeldCorner | null>(
    (best, each) => (best && distance(best) <= distance(each) ? best : each),
    null,
  );
}

// Visible boxes in the order in which Tab walks them: predicted ones that nobody has touched, the least
// certain first, then the others.
export function walkOrder(work: Work): Box[] {
  const visible = work.boxes.filter((box) => isVisible(work, box));
  const left = visible.filter((box) => box.state === "predicted");
  left.sort((a, b) => a.prediction!.score - b.prediction!.score);
  return [...left, ...visible.filter((box) => box.state !== "predicted")];
}

// The box that comes after the one selected last (by 1) or before it (by -1). 0: there are no boxes.
export function step(work: Work, by: 1 | -1): number {
  const order = walkOrder(work);
  const current = order.findIndex((box) => box.id === work.selected.at(-1));
  const place =
    current < 0 ? (by === 1 ? 0 : order.length - 1) : (current + by + order.length) % order.length;
  return order[place]?.id ?? 0;
}

// The least certain predicted box that is left; 0: none.
export function firstLeft(work: Work): number {
  const first = walkOrder(work)[0];
  return first?.state === "predicted" ? first.id : 0;
}

// The predicted box that follows the one selected last, whether that is still predicted or not; 0: none is
// left.
export function nextLeft(before: Work, after: Work): number {
  const order = walkOrder(before);
  const current = order.findIndex((box) => box.id === before.selected.at(-1));
  const isLeft = (box: Box) => after.boxes.some((each) => each.id === box.id && each.state === "predicted");
  const following = [...order.slice(current + 1), ...order.slice(0, current + 1)];
  return following.filter((box) => box.state === "predicted").find(isLeft)?.id ?? 0;
}
