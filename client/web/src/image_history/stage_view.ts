// The picture with marks over it, zoomed and panned. What a model predicted is a thin outline, and has its
// name and lines only while it is chosen or pointed at: there may be many, and they lie on each other. Lines
// of one look and colour are one path, so that many boxes cost little; they have the same width on the screen
// at every zoom. They are painted half a screen beyond each side: while the picture is dragged, what is
// painted is only moved.

import { area, holds } from "../annotate/corners";
import type { Corners, Point, Size } from "../annotate/corners";
import { colourOf, shapeOf } from "../annotate/palette";
import { fit, panned, toImage, zoomed, zoomedTo } from "../annotate/viewport";
import type { Viewport } from "../annotate/viewport";
import { outlineOf, pathOf, type Mark } from "./marks";

const SVG = "http://www.w3.org/2000/svg";
const NAME_SIZE = 13; // screen pixels
const MOST_NAMED = 60; // more names hide the picture: then only what is chosen has one
const DRAG = 4; // screen pixels: less is a click
const REACH = 4; // screen pixels beside a box that a click may be
const PIXELS_FROM = 3; // from this scale on, pixels are shown as squares
const REST = 120; // milliseconds without a step: the motion is over

export interface StageHost {
  readonly select: (boxId: string) => void;
  readonly nameOf: (label: number) => string;
  // The picture came; or didn't.
  readonly settled: (isThere: boolean) => void;
}

export class StageView {
  private readonly picture = document.createElement("img");
  private readonly svg = document.createElementNS(SVG, "svg");
  private readonly scene = make("g", "");
  private readonly above = make("g", ""); // what is chosen or pointed at, and names
  private marks: readonly Mark[] = [];
  private chosen: string | null = null; // key of a mark
  private pointed: string | null = null; // by the pointer on the picture; a key, too
  private size: Size = { width: 1, height: 1 };
  private screen: Size = { width: 1, height: 1 };
  private view: Viewport = { scale: 1, x: 0, y: 0 };
  private painted = this.view; // where the marks are painted
  private restTimer: ReturnType<typeof setTimeout> | undefined;
  private isFitted = true;
  private isPlacing = false; // a frame is asked for
  private isMoving = false;
  private readonly observer = new ResizeObserver(() => this.resize());

  constructor(
    private readonly root: HTMLElement,
    private readonly host: StageHost,
  ) {
    this.picture.alt = "";
    this.picture.draggable = false;
    this.picture.addEventListener("load", () => host.settled(true));
    this.picture.addEventListener("error", () => host.settled(false));
    this.svg.append(this.scene);
    this.svg.setAttribute("aria-hidden", "true");
    root.append(this.picture, this.svg);
    root.addEventListener("pointerdown", (event) => this.press(event));
    root.addEventListener("pointermove", (event) => this.hover(event));
    root.addEventListener("pointerleave", () => this.pointAt(null));
    root.addEventListener("wheel", (event) => this.turnWheel(event), { passive: false });
    this.observer.observe(root);
  }

  leave(): void {
    clearTimeout(this.restTimer);
    this.observer.disconnect();
    this.root.replaceChildren();
  }

  // `address`: of the picture; empty: it is gone, and its frame is shown.
  open(address: string, size: Size): void {
    this.size = size;
    this.picture.hidden = address === "";
    if (address !== "") this.picture.src = address;
    this.picture.style.width = `${size.width}px`;
    this.picture.style.height = `${size.height}px`;
    this.measure();
    this.fit();
  }

  show(marks: readonly Mark[], chosen: string | null): void {
    this.marks = marks;
    this.chosen = chosen;
    const paths = new Map<string, string>(); // by look and colour
    let halo = "";
    for (const mark of marks) {
      if (mark.key === chosen) continue;
      const style = `line ${mark.look} ${colourOf(Math.max(mark.label, 1))}`;
      const path = isPredicted(mark) ? outlineOf(mark.corners) : pathOf(mark);
      if (!isPredicted(mark)) halo += path;
      paths.set(style, (paths.get(style) ?? "") + path);
    }
    const lines = [...paths].map(([style, path]) => make("path", style, path));
    this.scene.replaceChildren(make("path", "halo", halo), ...lines, this.above);
    this.showAbove();
  }

  private showAbove(): void {
    const keys = new Set([this.pointed, this.chosen]);
    const marks = this.marks.filter(({ key }) => keys.has(key));
    this.above.replaceChildren(...marks.flatMap(boldLines), ...this.names(keys));
    this.placeNames();
  }

  private pointAt(key: string | null): void {
    if (key === this.pointed) return;
    this.pointed = key;
    this.showAbove();
  }

  private hover(event: PointerEvent): void {
    if (event.buttons === 0) this.pointAt(this.marksAt(this.pointOf(event))[0]?.key ?? null);
  }

  fit(): void {
    this.isFitted = true;
    this.look(fit(this.size, this.screen));
  }

  zoomBy(factor: number): void {
    this.zoom(factor, { x: this.screen.width / 2, y: this.screen.height / 2 });
  }

  // To the chosen mark; without one, the whole picture.
  zoomToChosen(): void {
    const corners = this.chosenMark()?.corners;
    if (!corners) return this.fit();
    this.isFitted = false;
    this.look(zoomedTo(corners, this.size, this.screen));
  }

  // What is chosen has to be in view.
  reveal(): void {
    const corners = this.chosenMark()?.corners;
    if (!corners || this.isFitted || this.isInView(corners)) return;
    this.look(zoomedTo(corners, this.size, this.screen));
  }

  private isInView({ x1, y1, x2, y2 }: Corners): boolean {
    const { scale, x, y } = this.view;
    const { width, height } = this.screen;
    return x1 * scale + x >= 0 && y1 * scale + y >= 0 && x2 * scale + x <= width && y2 * scale + y <= height;
  }

  private chosenMark(): Mark | undefined {
    return this.marks.find(({ key }) => key === this.chosen);
  }

  // `keys`: of the marks that always have one.
  private names(keys: ReadonlySet<string | null>): SVGElement[] {
    const isFew =
      this.pointed === null && this.marks.filter((mark) => !isPredicted(mark)).length <= MOST_NAMED;
    return this.marks.flatMap((mark) => {
      if ((!isFew || isPredicted(mark)) && !keys.has(mark.key)) return [];
      if (mark.look === "before") return [];
      const { label, note, corners, key } = mark;
      const text = make("text", `${colourOf(Math.max(label, 1))} ${key === this.chosen ? "chosen" : ""}`);
      text.textContent = [shapeOf(Math.max(label, 1)), this.host.nameOf(label), note]
        .filter(Boolean)
        .join(" ");
      text.setAttribute("x", String(corners.x1));
      // Names of predicted boxes don't cover those of the boxes that were made from them.
      const isBelow = mark.look === "predicted";
      text.setAttribute("y", String(isBelow ? corners.y2 : corners.y1));
      text.setAttribute("dy", isBelow ? "1.1em" : "-0.4em");
      return [text];
    });
  }

  private press(down: PointerEvent): void {
    if (down.button !== 0) return;
    let last = { x: down.clientX, y: down.clientY };
    let isDrag = false;
    const end = new AbortController();
    const { signal } = end;
    this.root.setPointerCapture(down.pointerId);
    const move = (event: PointerEvent) => {
      const [dx, dy] = [event.clientX - last.x, event.clientY - last.y];
      isDrag ||= Math.hypot(event.clientX - down.clientX, event.clientY - down.clientY) >= DRAG;
      if (!isDrag) return;
      last = { x: event.clientX, y: event.clientY };
      this.pan(dx, dy);
    };
    const lift = (event: PointerEvent) => {
      end.abort();
      if (!isDrag && event.type === "pointerup") this.pickAt(this.pointOf(event));
    };
    this.root.addEventListener("pointermove", move, { signal });
    this.root.addEventListener("pointerup", lift, { signal });
    this.root.addEventListener("pointercancel", lift, { signal });
  }

  // The smallest box there; where it is chosen already, the next larger one.
  private pickAt(at: Point): void {
    const hits = this.marksAt(at).filter(({ boxId }) => boxId !== "");
    const next = hits.findIndex(({ key }) => key === this.chosen) + 1;
    this.host.select(hits[next % Math.max(hits.length, 1)]?.boxId ?? "");
  }

  // The smallest first.
  private marksAt(at: Point): Mark[] {
    const point = toImage(this.view, at);
    const slack = REACH / this.view.scale;
    return this.marks
      .filter(({ corners }) => holds(corners, point, slack))
      .sort((a, b) => area(a.corners) - area(b.corners));
  }

  private pointOf({ clientX, clientY }: MouseEvent): Point {
    const bounds = this.root.getBoundingClientRect();
    return { x: clientX - bounds.left, y: clientY - bounds.top };
  }

  // The page scrolls by the wheel; with Ctrl, and by two fingers, the picture is zoomed.
  private turnWheel(event: WheelEvent): void {
    if (!event.ctrlKey) return;
    event.preventDefault();
    this.zoom(Math.pow(1.006, -event.deltaY), this.pointOf(event));
  }

  private zoom(factor: number, at: Point): void {
    this.isFitted = false;
    this.look(zoomed(this.view, factor, at, this.size, this.screen));
  }

  private pan(dx: number, dy: number): void {
    this.isFitted = false;
    this.look(panned(this.view, dx, dy, this.size, this.screen), true);
  }

  private resize(): void {
    this.measure();
    if (this.isFitted) this.fit();
    else this.look(this.view);
  }

  private measure(): void {
    this.screen = { width: this.root.clientWidth, height: this.root.clientHeight };
  }

  private look(view: Viewport, isMoving = false): void {
    this.view = view;
    clearTimeout(this.restTimer);
    if (isMoving) this.restTimer = setTimeout(() => this.look(this.view), REST);
    this.isMoving = isMoving;
    if (this.isPlacing) return;
    this.isPlacing = true;
    requestAnimationFrame(() => {
      this.isPlacing = false;
      this.place();
    });
  }

  private place(): void {
    const { scale, x, y } = this.view;
    this.picture.style.transform = `translate(${x}px, ${y}px) scale(${scale})`;
    const [dx, dy] = [x - this.painted.x, y - this.painted.y];
    const { width, height } = this.screen;
    const covers = Math.abs(dx) <= width / 2 && Math.abs(dy) <= height / 2;
    if (this.isMoving && scale === this.painted.scale && covers) {
      this.svg.style.transform = `translate(${dx}px, ${dy}px)`;
      return;
    }
    this.painted = this.view;
    this.svg.style.transform = "none";
    this.scene.setAttribute("transform", `matrix(${scale} 0 0 ${scale} ${x + width / 2} ${y + height / 2})`);
    this.root.classList.toggle("pixels", scale >= PIXELS_FROM);
    // Who drags on the whole picture scrolls the page.
    this.root.classList.toggle("whole", this.isFitted);
    this.placeNames();
  }

  private placeNames(): void {
    this.scene.setAttribute("font-size", String(NAME_SIZE / this.view.scale));
  }
}

// It is no box of a label.
function isPredicted({ boxId }: Mark): boolean {
  return boxId === "";
}

function boldLines(mark: Mark): SVGElement[] {
  const path = pathOf(mark);
  const style = `line chosen ${mark.look} ${colourOf(Math.max(mark.label, 1))}`;
  return [make("path", "halo chosen", path), make("path", style, path)];
}

function make(tag: "g" | "path" | "text", style: string, path = ""): SVGElement {
  const element = document.createElementNS(SVG, tag);
  if (style) element.setAttribute("class", style);
  if (path) element.setAttribute("d", path);
  return element;
}
