// The image with its boxes, zoomed and panned by one transform. While it moves, the browser only moves what is
// drawn already; it is drawn anew, sharp, when it rests.

import type { Action, Work } from "./work";
import { selectedBoxes } from "./work";
import { Crosshair } from "./crosshair";
import { Gestures } from "./gestures";
import type { Tool } from "./gestures";
import { Overlay } from "./overlay";
import { around } from "./corners";
import { levelFor } from "./levels";
import type { Levels } from "./levels";
import type { Corners, Point, Size } from "./corners";
import { currentError, placesOf } from "./label_errors";
import { fit, panned, toImage, zoomed, zoomedTo } from "./viewport";
import type { Viewport } from "./viewport";

export interface CanvasHost {
  readonly work: () => Work | null;
  readonly label: () => number;
  readonly dispatch: (action: Action) => void;
}

const WHEEL_STEP = 1.0015; // of zoom, for a pixel of the wheel
const PIXELS_FROM = 3; // from this scale on, pixels are shown as squares
const REST = 120; // milliseconds without a step: the motion is over

export class Canvas {
  private readonly overlay = new Overlay();
  private readonly picture = document.createElement("div");
  // What the hands on the canvas are at.
  readonly gestures: Gestures;
  private original: Levels = [];
  private shown: Levels = []; // the original's, or those of a copy
  private size: Size = { width: 1, height: 1 };
  private screen: Size = { width: 1, height: 1 };
  private view: Viewport = { scale: 1, x: 0, y: 0 };
  private isFitted = true;
  private isAtBox = false; // the view goes along with the selection
  private isPanning = false;
  private isPlacing = false; // a frame is asked for
  private isMoving = false;
  private restTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly root: HTMLElement,
    private readonly host: CanvasHost,
  ) {
    this.picture.className = "picture";
    root.append(this.picture, this.overlay.root);
    this.gestures = new Gestures({
      ...host,
      draw: (from, to) => this.draw(from, to),
      root,
      overlay: this.overlay,
      crosshair: new Crosshair(root),
      tool: () => this.tool,
      putToolAway: () => this.take("none"),
      isPanning: () => this.isPanning,
      scale: () => this.view.scale,
      toImage: (at) => toImage(this.view, at),
      pan: (dx, dy) => this.pan(dx, dy),
      zoom: (factor, at) => this.zoom(factor, at.x, at.y),
    });
    root.addEventListener("wheel", (event) => this.turnWheel(event), { passive: false });
    this.measure();
    new ResizeObserver(() => this.resize()).observe(root);
  }

  // Shows the picture of a task. It is decoded already, so that nothing flickers.
  open(levels: Levels, size: Size): void {
    this.original = levels;
    this.shown = levels;
    this.size = size;
    this.root.dataset.picture = "original";
    this.overlay.clear();
    this.gestures.cancel();
    this.take("none");
    this.hideBoxes(false);
    this.fit();
  }

  close(): void {
    this.picture.replaceChildren();
    this.overlay.clear();
    this.original = this.shown = [];
    delete this.root.dataset.picture;
  }

  // Shows a copy in the place of the picture; null: the picture itself.
  showEnhanced(copy: Levels | null): void {
    if (this.original.length === 0) return;
    this.shown = copy ?? this.original;
    this.root.dataset.picture = copy ? "enhanced" : "original";
    this.chooseLevel();
  }

  show(work: Work, nameOf: (label: number) => string): void {
    this.gestures.check(work);
    this.overlay.show(work, nameOf);
  }

  // Shares of the image's own, 1: as it is.
  setLight(brightness: number, contrast: number): void {
    const isPlain = brightness === 1 && contrast === 1;
    this.picture.style.setProperty(
      "filter",
      isPlain ? "none" : `brightness(${brightness}) contrast(${contrast})`,
    );
  }

  take(tool: Tool): void {
    this.root.dataset.tool = tool;
  }

  get tool(): Tool {
    return (this.root.dataset.tool ?? "none") as Tool;
  }

  // A box in the middle of what is in view, for who draws without a pointer.
  drawInMiddle(): void {
    const { width, height } = this.screen;
    const side = Math.min(width, height) / 6;
    const corner = (by: number) => toImage(this.view, { x: width / 2 + by, y: height / 2 + by });
    this.draw(corner(-side / 2), corner(side / 2));
  }

  // `from`, `to`: opposite corners. Nobody draws what they don't see.
  private draw(from: Point, to: Point): void {
    this.take("none");
    this.hideBoxes(false);
    this.host.dispatch({ do: "draw", from, to, label: this.host.label() });
  }

  hideBoxes(areHidden: boolean): void {
    this.root.classList.toggle("without-boxes", areHidden);
  }

  get areBoxesHidden(): boolean {
    return this.root.classList.contains("without-boxes");
  }

  showNames(areShown: boolean): void {
    this.root.classList.toggle("with-names", areShown);
  }

  holdSpace(isHeld: boolean): void {
    this.isPanning = isHeld;
    this.root.dataset.cursor = isHeld ? "pan" : "draw";
  }

  fit(): void {
    this.isFitted = true;
    this.isAtBox = false;
    this.jump(fit(this.size, this.screen));
  }

  // To what is selected, or else to what seems wrong; from there back to the whole image.
  zoomToSelected(): void {
    const corners = this.inHand();
    if (!corners || this.isAtBox) return this.fit();
    this.isFitted = false;
    this.isAtBox = true;
    this.jump(zoomedTo(corners, this.size, this.screen));
  }

  // After walking to a box, or to a likely error: it has to be in view.
  reveal(): void {
    const corners = this.inHand();
    if (!corners || this.isFitted) return;
    const { width, height } = this.screen;
    const { scale, x, y } = this.view;
    const { x1, y1, x2, y2 } = corners;
    const isInView =
      x1 * scale + x >= 0 && y1 * scale + y >= 0 && x2 * scale + x <= width && y2 * scale + y <= height;
    if (this.isAtBox || !isInView) this.jump(zoomedTo(corners, this.size, this.screen));
  }

  zoomBy(factor: number): void {
    const { width, height } = this.screen;
    this.zoom(factor, width / 2, height / 2);
  }

  pan(dx: number, dy: number): void {
    this.isFitted = false;
    this.isAtBox = false;
    this.step(panned(this.view, dx, dy, this.size, this.screen));
  }

  // The point (x, y) of the screen stays where it is.
  private zoom(factor: number, x: number, y: number): void {
    this.isFitted = false;
    this.isAtBox = false;
    this.step(zoomed(this.view, factor, { x, y }, this.size, this.screen));
  }

  private turnWheel(event: WheelEvent): void {
    event.preventDefault();
    const unit = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 33 : 1;
    const bounds = this.root.getBoundingClientRect();
    const factor = Math.pow(WHEEL_STEP, -event.deltaY * unit * (event.ctrlKey ? 4 : 1));
    this.zoom(factor, event.clientX - bounds.left, event.clientY - bounds.top);
  }

  private resize(): void {
    this.measure();
    if (this.original.length === 0) return;
    if (this.isFitted) this.fit();
    else if (this.isAtBox) this.reveal();
    else this.jump(this.view);
  }

  private measure(): void {
    this.screen = { width: this.root.clientWidth, height: this.root.clientHeight };
  }

  // Around the selected boxes, or else around what seems wrong.
  private inHand(): Corners | undefined {
    const work = this.host.work();
    if (!work) return undefined;
    const chosen = selectedBoxes(work).map((box) => box.corners);
    const error = currentError(work);
    const places = chosen.length === 0 && error ? placesOf(work, error) : chosen;
    return places.length === 0 ? undefined : around(places);
  }

  // It is sharp at once.
  private jump(view: Viewport): void {
    this.isMoving = false;
    clearTimeout(this.restTimer);
    this.look(view);
  }

  // Of a motion.
  private step(view: Viewport): void {
    this.isMoving = true;
    clearTimeout(this.restTimer);
    this.restTimer = setTimeout(() => this.jump(this.view), REST);
    this.look(view);
  }

  private look(view: Viewport): void {
    this.view = view;
    if (this.isPlacing) return;
    this.isPlacing = true;
    requestAnimationFrame(() => {
      this.isPlacing = false;
      this.place();
    });
  }

  private place(): void {
    const { scale, x, y } = this.view;
    this.picture.style.setProperty("transform", `translate(${x}px, ${y}px) scale(${scale})`);
    if (this.isMoving) return this.overlay.move(this.view);
    this.root.classList.toggle("pixels", scale >= PIXELS_FROM);
    this.chooseLevel();
    this.overlay.place(this.view, this.screen);
  }

  private chooseLevel(): void {
    const level = levelFor(this.shown, this.size.width * this.view.scale * devicePixelRatio);
    if (!level || this.picture.firstChild === level) return;
    level.style.setProperty("width", `${this.size.width}px`);
    level.style.setProperty("height", `${this.size.height}px`);
    this.picture.replaceChildren(level);
  }
}
