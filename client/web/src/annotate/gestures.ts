// Mouse, pen and touch on the canvas. A drag draws a box, or moves the selected one; a handle resizes it; a
// click selects. One finger, the middle button, or a held space bar pans; two fingers zoom.

import { cornersBetween, moved, resized } from "./corners";
import type { Grip, Point } from "./corners";
import type { Overlay } from "./overlay";
import { pick } from "./pick";
import type { Action, Box, Work } from "./work";
import { boxOf } from "./work";

export interface Surface {
  readonly root: HTMLElement;
  readonly overlay: Overlay;
  readonly work: () => Work | null;
  readonly label: () => number;
  readonly dispatch: (action: Action) => void;
  readonly isArmed: () => boolean; // the next drag draws, wherever it begins
  readonly disarm: () => void;
  readonly isPanning: () => boolean; // the space bar is held
  readonly scale: () => number;
  readonly toImage: (at: Point) => Point;
  readonly pan: (dx: number, dy: number) => void;
  readonly zoom: (factor: number, at: Point) => void;
}

const CLICK = 4; // a shorter way is no drag, in screen pixels
const HANDLE = 9; // how far from a handle it is held, in screen pixels
const SLACK = 4; // how far beside a box it is clicked, in screen pixels

// What a drag does: `move` at most once a frame, `end` when the button is released, `cancel` when it broke
// off.
interface Drag {
  move(at: Point): void;
  end(at: Point, isClick: boolean, event: PointerEvent): void;
  cancel(): void;
}

export function listen(surface: Surface): void {
  const { root } = surface;
  let pointer = -1; // id of the one that drags
  let drag: Drag | null = null;
  let from: Point = { x: 0, y: 0 };
  let latest: Point | null = null;
  let isClick = true;
  const fingers = new Map<number, Point>(); // by id of the pointer

  function pointOf(event: PointerEvent): Point {
    const bounds = root.getBoundingClientRect();
    return { x: event.clientX - bounds.left, y: event.clientY - bounds.top };
  }
  function frame(): void {
    if (latest && drag && !isClick) drag.move(latest);
    latest = null;
  }
  function stop(): void {
    drag = null;
    latest = null;
    pointer = -1;
  }

  root.addEventListener("pointerdown", (event) => {
    from = pointOf(event);
    if (event.pointerType === "touch") fingers.set(event.pointerId, from);
    if (fingers.size === 2) {
      drag?.cancel();
      return stop();
    }
    if (drag || event.button > 1) return;
    drag = dragFor(surface, from, event);
    if (!drag) return;
    pointer = event.pointerId;
    isClick = true;
    root.setPointerCapture(pointer);
    root.focus({ preventScroll: true });
    event.preventDefault();
  });
  // The browser has put together the moves since the last frame: only where the pointer is now counts.
  root.addEventListener("pointermove", (event) => {
    if (fingers.size === 2) return pinch(surface, fingers, event.pointerId, pointOf(event));
    if (!drag) return showGrip(surface, pointOf(event));
    if (event.pointerId !== pointer) return;
    const at = pointOf(event);
    if (Math.hypot(at.x - from.x, at.y - from.y) >= CLICK) isClick = false;
    if (!latest) requestAnimationFrame(frame);
    latest = at;
  });
  root.addEventListener("pointerup", (event) => {
    fingers.delete(event.pointerId);
    if (!drag || event.pointerId !== pointer) return;
    const ended = drag;
    stop();
    ended.end(pointOf(event), isClick, event);
  });
  root.addEventListener("pointercancel", (event) => {
    fingers.delete(event.pointerId);
    if (event.pointerId !== pointer) return;
    drag?.cancel();
    stop();
  });
}

// One of two fingers has moved to `at`: the other one stays where it is.
function pinch(surface: Surface, fingers: Map<number, Point>, id: number, at: Point): void {
  const before = fingers.get(id);
  const other = [...fingers].find(([each]) => each !== id)?.[1];
  if (!before || !other) return;
  const distance = (a: Point) => Math.max(Math.hypot(a.x - other.x, a.y - other.y), 1);
  surface.zoom(distance(at) / distance(before), other);
  fingers.set(id, at);
}

function dragFor(surface: Surface, from: Point, event: PointerEvent): Drag | null {
  const work = surface.work();
  const pans =
    event.button === 1 || surface.isPanning() || (event.pointerType === "touch" && !surface.isArmed());
  if (pans || !work) return panning(surface, from);
  const box = boxOf(work, work.selected);
  const grip = box && gripAt(surface, box, from);
  if (box && grip && !surface.isArmed()) return reshaping(surface, work, box, grip, from);
  return drawing(surface, work, from);
}

function panning(surface: Surface, from: Point): Drag {
  let last = from;
  function move(at: Point) {
    surface.pan(at.x - last.x, at.y - last.y);
    last = at;
  }
  return {
    move,
    end: (at, isClick, event) => (isClick ? click(surface, at, event) : move(at)),
    cancel: () => {},
  };
}

function drawing(surface: Surface, work: Work, from: Point): Drag {
  const start = surface.toImage(from);
  return {
    move(at) {
      surface.overlay.drawNew(cornersBetween(start, surface.toImage(at), work.task.size), surface.label());
    },
    end(at, isClick, event) {
      surface.overlay.drawNew(null, 0);
      if (isClick) return click(surface, at, event);
      surface.disarm();
      surface.dispatch({ do: "draw", from: start, to: surface.toImage(at), label: surface.label() });
    },
    cancel: () => surface.overlay.drawNew(null, 0),
  };
}

// `grip` in the middle of the box moves it.
function reshaping(surface: Surface, work: Work, box: Box, grip: Grip, from: Point): Drag {
  const { size } = work.task;
  const isMove = grip.x === 0 && grip.y === 0;
  const by = (at: Point) => {
    const scale = surface.scale();
    return { dx: (at.x - from.x) / scale, dy: (at.y - from.y) / scale };
  };
  return {
    move(at) {
      const { dx, dy } = by(at);
      const corners = isMove ? moved(box.corners, dx, dy, size) : resized(box.corners, grip, dx, dy, size);
      surface.overlay.preview(box.id, corners);
    },
    end(at, isClick, event) {
      if (isClick) return click(surface, at, event);
      const { id } = box;
      surface.dispatch(isMove ? { do: "move", id, ...by(at) } : { do: "resize", id, grip, ...by(at) });
    },
    cancel: () => surface.overlay.preview(box.id, box.corners),
  };
}

function click(surface: Surface, at: Point, event: PointerEvent): void {
  const work = surface.work();
  if (!work) return;
  const below = event.altKey || event.ctrlKey || event.metaKey;
  const id = pick(work, surface.toImage(at), SLACK / surface.scale(), below);
  surface.dispatch({ do: "select", id });
}

// What of the box is held at a point of the screen: sides, or all of it ({0, 0}); null: nothing.
function gripAt(surface: Surface, { corners }: Box, at: Point): Grip | null {
  const { x, y } = surface.toImage(at);
  const reach = HANDLE / surface.scale();
  const { x1, y1, x2, y2 } = corners;
  if (x < x1 - reach || x > x2 + reach || y < y1 - reach || y > y2 + reach) return null;
  const across = heldSide(x, x1, x2, reach);
  const down = heldSide(y, y1, y2, reach);
  if (across !== 0 || down !== 0) return { x: across, y: down };
  return { x: 0, y: 0 };
}

// Small boxes keep an inner third by which they are moved.
function heldSide(value: number, low: number, high: number, reach: number): -1 | 0 | 1 {
  const inner = Math.min(reach, (high - low) / 3);
  if (value <= low + inner) return -1;
  return value >= high - inner ? 1 : 0;
}

function showGrip(surface: Surface, at: Point): void {
  const work = surface.work();
  const box = work && boxOf(work, work.selected);
  const grip = box && !surface.isArmed() ? gripAt(surface, box, at) : null;
  const cursor = surface.isPanning() ? "pan" : grip ? cursorOf(grip) : "draw";
  if (surface.root.dataset.cursor !== cursor) surface.root.dataset.cursor = cursor;
}

function cursorOf({ x, y }: Grip): string {
  if (x === 0 && y === 0) return "move";
  if (x === 0) return "ns";
  if (y === 0) return "ew";
  return x === y ? "nwse" : "nesw";
}
