// Mouse, pen and touch on the canvas. A drag draws a box, or moves what is selected; a handle resizes it; a
// click selects. One finger beside what is selected, the middle button, or a held space bar pans; two fingers
// zoom. With Shift, a drag selects the boxes in it, and a click adds a box to the selection or takes it out.

import { around, cornersBetween, moved, movedWithin, resized } from "./corners";
import type { Corners, Grip, Point } from "./corners";
import type { Crosshair } from "./crosshair";
import type { Overlay } from "./overlay";
import { inside, nearestCorner, pick, toggled } from "./pick";
import type { HeldCorner } from "./pick";
import type { Action, Box, Work } from "./work";
import { boxOf, selectedBoxes, soleBox } from "./work";

// What the next drag or clicks do, wherever they begin. draw: a box, by a drag or by two clicks. extremes: a
// box, by four clicks on what reaches farthest. select: the boxes in a part of the image.
export type Tool = "none" | "draw" | "extremes" | "select";

export interface Surface {
  readonly root: HTMLElement;
  readonly overlay: Overlay;
  readonly crosshair: Crosshair;
  readonly work: () => Work | null;
  readonly label: () => number;
  readonly dispatch: (action: Action) => void;
  readonly draw: (from: Point, to: Point) => void;
  readonly tool: () => Tool;
  readonly putToolAway: () => void;
  readonly isPanning: () => boolean; // the space bar is held
  readonly scale: () => number;
  readonly toImage: (at: Point) => Point;
  readonly pan: (dx: number, dy: number) => void;
  readonly zoom: (factor: number, at: Point) => void;
}

const CLICK = 4; // a shorter way is no drag, in screen pixels
const HANDLE = 9; // how far from a handle it is held, in screen pixels
const FINGER = 22; // by a finger
const SLACK = 4; // how far beside a box it is clicked, in screen pixels
const EXTREMES = 4;

// What a drag does: `move` at most once a frame, `end` when the button is released, `cancel` when it broke
// off.
interface Drag {
  move(at: Point): void;
  end(at: Point, isClick: boolean, event: PointerEvent): void;
  cancel(): void;
}

export class Gestures {
  private pointer = -1; // id of the one that drags
  private drag: Drag | null = null;
  private from: Point = { x: 0, y: 0 };
  private latest: Point | null = null; // where the pointer has gone since the last frame
  private isClick = true;
  private over: Point | null = null; // where the pointer is on the canvas
  private readonly fingers = new Map<number, Point>(); // by id of the pointer
  // Of a box that clicks draw, in the image.
  private placed: Point[] = [];
  // A corner that follows the pointer, and where it is now in the image.
  private held: HeldCorner | null = null;
  private heldAt: Point = { x: 0, y: 0 };

  constructor(private readonly surface: Surface) {
    const { root } = surface;
    root.addEventListener("pointerdown", (event) => this.press(event));
    // The browser has put together the moves since the last frame: only where the pointer is now counts.
    root.addEventListener("pointermove", (event) => this.move(event));
    root.addEventListener("pointerup", (event) => this.release(event));
    root.addEventListener("pointercancel", (event) => this.breakOff(event));
    root.addEventListener("pointerleave", () => {
      this.over = null;
      surface.crosshair.hide();
    });
  }

  // The corner that is nearest to the pointer follows it from now on. Returns false where there is none.
  grab(): boolean {
    const work = this.surface.work();
    if (!work) return false;
    // Without a pointer: from the corner at the lower right.
    const sole = soleBox(work);
    const at = this.over ? this.surface.toImage(this.over) : { x: sole?.corners.x2 ?? 0, y: sole?.corners.y2 ?? 0 };
    const held = nearestCorner(work, at);
    if (!held) return false;
    this.surface.dispatch({ do: "select", ids: [held.box.id] });
    this.held = held;
    this.heldAt = held.at;
    return true;
  }

  get isHolding(): boolean {
    return this.held !== null;
  }

  moveHeld(dx: number, dy: number): void {
    this.holdAt({ x: this.heldAt.x + dx, y: this.heldAt.y + dy });
  }

  putHeld(): void {
    const { held } = this;
    if (!held) return;
    this.held = null;
    const { box, grip } = held;
    const { dx, dy } = way(held.at, this.heldAt);
    this.surface.dispatch({ do: "resize", id: box.id, grip, dx, dy });
  }

  // A drag is under way, and what it makes isn't there yet.
  get isDragging(): boolean {
    return this.drag !== null && !this.isClick;
  }

  // Gives up what a drag or clicks have begun. Returns false where nothing was.
  cancel(): boolean {
    if (this.drag) {
      this.drag.cancel();
      this.stop();
      return true;
    }
    if (this.held) {
      this.surface.overlay.preview(this.held.box.id, this.held.box.corners);
      this.held = null;
      return true;
    }
    if (this.placed.length === 0) return false;
    this.placed = [];
    this.surface.overlay.drawNew(null, 0);
    return true;
  }

  // The work has changed: a corner is held only as long as its box stays as it was.
  check(work: Work): void {
    if (this.held && boxOf(work, this.held.box.id) !== this.held.box) this.held = null;
  }

  private press(event: PointerEvent): void {
    this.from = this.pointOf(event);
    if (event.pointerType === "touch") this.fingers.set(event.pointerId, this.from);
    if (this.fingers.size === 2) {
      this.drag?.cancel();
      return this.stop();
    }
    if (this.drag || event.button > 1) return;
    const { root, crosshair } = this.surface;
    this.drag = this.dragFor(event);
    this.pointer = event.pointerId;
    this.isClick = true;
    crosshair.hide();
    root.setPointerCapture(this.pointer);
    root.focus({ preventScroll: true });
    event.preventDefault();
  }

  private move(event: PointerEvent): void {
    const at = this.pointOf(event);
    if (this.fingers.size === 2) return this.pinch(event.pointerId, at);
    if (this.drag && event.pointerId !== this.pointer) return;
    if (event.pointerType !== "touch") this.over = at;
    if (this.drag && length(this.from, at) >= CLICK) this.isClick = false;
    if (!this.latest) requestAnimationFrame(() => this.frame());
    this.latest = at;
  }

  private frame(): void {
    const at = this.latest;
    this.latest = null;
    if (!at) return;
    if (this.drag) {
      if (!this.isClick) this.drag.move(at);
      return;
    }
    if (this.over) this.surface.crosshair.move(at);
    if (this.held) this.holdAt(this.surface.toImage(at));
    else if (this.placed.length > 0) this.showPlaced(this.surface.toImage(at));
    else this.showGrip(at);
  }

  private release(event: PointerEvent): void {
    this.fingers.delete(event.pointerId);
    const { drag } = this;
    if (!drag || event.pointerId !== this.pointer) return;
    const { isClick } = this;
    this.stop();
    drag.end(this.pointOf(event), isClick, event);
  }

  private breakOff(event: PointerEvent): void {
    this.fingers.delete(event.pointerId);
    if (event.pointerId !== this.pointer) return;
    this.drag?.cancel();
    this.stop();
  }

  private stop(): void {
    this.drag = null;
    this.latest = null;
    this.pointer = -1;
  }

  private pointOf(event: PointerEvent): Point {
    const bounds = this.surface.root.getBoundingClientRect();
    return { x: event.clientX - bounds.left, y: event.clientY - bounds.top };
  }

  // One of two fingers has moved to `at`: the other one stays where it is.
  private pinch(id: number, at: Point): void {
    const before = this.fingers.get(id);
    const other = [...this.fingers].find(([each]) => each !== id)?.[1];
    if (!before || !other) return;
    this.surface.zoom(Math.max(length(at, other), 1) / Math.max(length(before, other), 1), other);
    this.fingers.set(id, at);
  }

  private dragFor(event: PointerEvent): Drag {
    const { surface } = this;
    const work = surface.work();
    const tool = surface.tool();
    const isFinger = event.pointerType === "touch";
    if (event.button === 1 || surface.isPanning() || !work) return this.panning();
    if (this.held) return this.holding();
    if (isFinger && tool === "none") return this.changing(work, FINGER) ?? this.panning();
    if (this.placed.length > 0 || tool === "extremes") return this.placing();
    if (tool === "select" || (tool === "none" && event.shiftKey)) return this.banding(work);
    if (tool === "draw") return this.drawing(work);
    return this.changing(work, HANDLE) ?? this.drawing(work);
  }

  // Of what is selected, where the drag begins on it, or at most `reach` screen pixels beside it.
  private changing(work: Work, reach: number): Drag | null {
    const { surface, from } = this;
    const chosen = selectedBoxes(work);
    const sole = soleBox(work);
    const grip = sole ? gripAt(surface, sole.corners, from, reach) : null;
    if (sole && grip && !isMove(grip)) return this.resizing(work, sole, grip);
    const isOnChosen = chosen.some((box) => gripAt(surface, box.corners, from, reach));
    return isOnChosen ? this.moving(work, chosen) : null;
  }

  private panning(): Drag {
    const { surface } = this;
    let last = this.from;
    function move(at: Point) {
      surface.pan(at.x - last.x, at.y - last.y);
      last = at;
    }
    return {
      move,
      end: (at, isClick, event) => (isClick ? this.click(at, event) : move(at)),
      cancel: () => {},
    };
  }

  private drawing({ task }: Work): Drag {
    const { surface } = this;
    const { overlay } = surface;
    const start = surface.toImage(this.from);
    return {
      move(at) {
        overlay.drawNew(cornersBetween(start, surface.toImage(at), task.size), surface.label());
      },
      end: (at, isClick, event) => {
        overlay.drawNew(null, 0);
        if (!isClick) return surface.draw(start, surface.toImage(at));
        if (surface.tool() !== "draw") return this.click(at, event);
        this.placed = [start];
      },
      cancel: () => overlay.drawNew(null, 0),
    };
  }

  // A click that places a point of a box.
  private placing(): Drag {
    const { surface } = this;
    const isExtreme = surface.tool() === "extremes";
    return {
      move: (at) => this.showPlaced(surface.toImage(at)),
      end: (at) => {
        this.placed.push(surface.toImage(at));
        if (this.placed.length < (isExtreme ? EXTREMES : 2)) return this.showPlaced(surface.toImage(at));
        const { x1, y1, x2, y2 } = hull(this.placed);
        this.cancel();
        surface.draw({ x: x1, y: y1 }, { x: x2, y: y2 });
      },
      cancel: () => this.showPlaced(this.placed.at(-1) ?? surface.toImage(this.from)),
    };
  }

  private showPlaced(at: Point): void {
    const work = this.surface.work();
    if (!work) return;
    const { x1, y1, x2, y2 } = hull([...this.placed, at]);
    const corners = cornersBetween({ x: x1, y: y1 }, { x: x2, y: y2 }, work.task.size);
    this.surface.overlay.drawNew(corners, this.surface.label());
  }

  private banding(work: Work): Drag {
    const { surface } = this;
    const start = surface.toImage(this.from);
    const part = (at: Point) => hull([start, surface.toImage(at)]);
    return {
      move: (at) => surface.overlay.drawBand(part(at)),
      end: (at, isClick, event) => {
        surface.overlay.drawBand(null);
        surface.putToolAway();
        if (isClick) return this.click(at, event);
        const before = event.shiftKey ? work.selected : [];
        surface.dispatch({ do: "select", ids: [...before, ...inside(work, part(at))] });
      },
      cancel: () => surface.overlay.drawBand(null),
    };
  }

  private moving(work: Work, chosen: readonly Box[]): Drag {
    const { surface } = this;
    const whole = around(chosen.map((box) => box.corners));
    const ids = chosen.map((box) => box.id);
    return {
      move: (at) => {
        const { dx, dy } = this.wayInImage(at);
        const by = movedWithin(whole, dx, dy, work.task.size);
        for (const { id, corners } of chosen) surface.overlay.preview(id, moved(corners, by.x, by.y));
      },
      end: (at, isClick, event) => {
        if (isClick) return this.click(at, event);
        surface.dispatch({ do: "move", ids, ...this.wayInImage(at) });
      },
      cancel: () => chosen.forEach(({ id, corners }) => surface.overlay.preview(id, corners)),
    };
  }

  private resizing({ task }: Work, { id, corners }: Box, grip: Grip): Drag {
    const { surface } = this;
    return {
      move: (at) => {
        const { dx, dy } = this.wayInImage(at);
        surface.overlay.preview(id, resized(corners, grip, dx, dy, task.size));
      },
      end: (at, isClick, event) => {
        if (isClick) return this.click(at, event);
        surface.dispatch({ do: "resize", id, grip, ...this.wayInImage(at) });
      },
      cancel: () => surface.overlay.preview(id, corners),
    };
  }

  private holding(): Drag {
    const { surface } = this;
    return {
      move: (at) => this.holdAt(surface.toImage(at)),
      end: (at) => {
        this.holdAt(surface.toImage(at));
        this.putHeld();
      },
      cancel: () => this.cancel(),
    };
  }

  private holdAt(at: Point): void {
    const work = this.surface.work();
    if (!this.held || !work) return;
    const { box, grip } = this.held;
    const { dx, dy } = way(this.held.at, at);
    this.heldAt = at;
    this.surface.overlay.preview(box.id, resized(box.corners, grip, dx, dy, work.task.size));
  }

  private click(at: Point, event: PointerEvent): void {
    const { surface } = this;
    const work = surface.work();
    if (!work) return;
    const below = event.altKey || event.ctrlKey || event.metaKey;
    const id = pick(work, surface.toImage(at), SLACK / surface.scale(), below);
    surface.dispatch({ do: "select", ids: event.shiftKey ? toggled(work, id) : [id] });
  }

  private wayInImage(at: Point): { dx: number; dy: number } {
    const scale = this.surface.scale();
    return { dx: (at.x - this.from.x) / scale, dy: (at.y - this.from.y) / scale };
  }

  private showGrip(at: Point): void {
    const { surface } = this;
    const work = surface.work();
    const sole = work && soleBox(work);
    const chosen = work && surface.tool() === "none" ? selectedBoxes(work) : [];
    const grips = chosen.flatMap((box) => gripAt(surface, box.corners, at, HANDLE) ?? []);
    const grip = sole ? grips[0] : grips.length > 0 ? MOVE : undefined;
    const cursor = surface.isPanning() ? "pan" : grip ? cursorOf(grip) : "draw";
    if (surface.root.dataset.cursor !== cursor) surface.root.dataset.cursor = cursor;
  }
}

const MOVE: Grip = { x: 0, y: 0 };

function isMove({ x, y }: Grip): boolean {
  return x === 0 && y === 0;
}

function length(a: Point, b: Point): number {
  return Math.hypot(a.x - b.x, a.y - b.y);
}

function way(from: Point, to: Point): { dx: number; dy: number } {
  return { dx: to.x - from.x, dy: to.y - from.y };
}

function hull(points: readonly Point[]): Corners {
  return around(points.map(({ x, y }) => ({ x1: x, y1: y, x2: x, y2: y })));
}

// What of the box is held at a point of the screen: sides, or all of it; null: nothing.
function gripAt(surface: Surface, { x1, y1, x2, y2 }: Corners, at: Point, pixels: number): Grip | null {
  const { x, y } = surface.toImage(at);
  const reach = pixels / surface.scale();
  if (x < x1 - reach || x > x2 + reach || y < y1 - reach || y > y2 + reach) return null;
  return { x: heldSide(x, x1, x2, reach), y: heldSide(y, y1, y2, reach) };
}

// Small boxes keep an inner third by which they are moved.
function heldSide(value: number, low: number, high: number, reach: number): -1 | 0 | 1 {
  const inner = Math.min(reach, (high - low) / 3);
  if (value <= low + inner) return -1;
  return value >= high - inner ? 1 : 0;
}

function cursorOf(grip: Grip): string {
  if (isMove(grip)) return "move";
  if (grip.x === 0) return "ns";
  if (grip.y === 0) return "ew";
  return grip.x === grip.y ? "nwse" : "nesw";
}
