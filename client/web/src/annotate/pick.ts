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

// Visible boxes in the order in which they are listed and walked: predicted ones that nobody has touched, the
// least certain first, then the others.
export function walkOrder(work: Work): Box[] {
  const visible = work.boxes.filter((box) => isVisible(work, box));
  const left = visible.filter((box) => box.state === "predicted").sort(byScore);
  return [...left, ...visible.filter((box) => box.state !== "predicted")];
}

// Where Tab leads (by 1): to the next predicted box that is left, so that who has corrected or drawn a box
// needn't walk over those that are done; when none is left, to the next of the others. Back (by -1) all are
// walked. 0: there are no boxes.
export function step(work: Work, by: 1 | -1): number {
  const left = by === 1 ? nextLeft(work, work.selected.at(-1) ?? 0) : 0;
  return left || neighbour(work, by);
}

function neighbour(work: Work, by: 1 | -1): number {
  const order = walkOrder(work);
  const current = order.findIndex((box) => box.id === work.selected.at(-1));
  const place =
    current < 0 ? (by === 1 ? 0 : order.length - 1) : (current + by + order.length) % order.length;
  return order[place]?.id ?? 0;
}

// The predicted box that is left and follows this one, whatever has become of this one. After the most
// certain box, and after one that the model didn't draw, the least certain follows. 0: none is left.
export function nextLeft(work: Work, id: number): number {
  const order = work.boxes.filter((box) => box.prediction).sort(byScore);
  const current = order.findIndex((box) => box.id === id);
  const following = [...order.slice(current + 1), ...order.slice(0, current + 1)];
  return following.find((box) => box.state === "predicted" && isVisible(work, box))?.id ?? 0;
}

const byScore = (a: Box, b: Box) => a.prediction!.score - b.prediction!.score;
