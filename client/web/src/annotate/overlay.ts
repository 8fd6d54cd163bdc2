// Boxes over the image: SVG that is changed in place, only where a box has changed. Strokes have the same
// width on the screen at every zoom. What is in hand has a drawing of its own, over the others, which stay as
// they are painted while it changes; and while the image moves, both drawings are moved as they are painted.

import { sameCorners } from "./corners";
import type { Corners, Size } from "./corners";
import { colourOf, shapeOf } from "./palette";
import type { Viewport } from "./viewport";
import { ErrorMarks } from "./error_marks";
import { make, outline } from "./svg";
import { isVisible } from "./work";
import type { Box, Work } from "./work";

const NAME_SIZE = 13; // screen pixels
const SMALLEST_WITH_HANDLES = 32; // the shorter side, in screen pixels: handles would cover smaller boxes
// From so many boxes on, only the selected one has a name and an edge: others would hide the image.
const MANY = 200;
// While the image moves, lines get thicker and thinner by so much until they are drawn anew.
const THICKEST = 2;
const FAINTEST_SIDE = 0.2; // opacity of a side that the model knows nothing about

interface Drawn {
  box: Box;
  corners: Corners;
  name: string;
  readonly group: SVGGElement;
  readonly text: SVGTextElement;
}

export class Overlay {
  readonly root = document.createElement("div");
  private readonly others = new Drawing();
  private readonly hand = new Drawing(); // what is selected or being drawn
  private readonly fresh = [make("path", "halo"), make("path", "")];
  private readonly band = make("path", "band");
  private readonly marks = new ErrorMarks();
  private readonly handles = [make("path", "handles-edge"), make("path", "handles")];
  private readonly drawn = new Map<number, Drawn>();
  private selected = new Set<Drawn>();
  private held: Drawn | undefined; // the one that has handles
  // Where the drawings are painted.
  private view: Viewport = { scale: 1, x: 0, y: 0 };
  private screen: Size = { width: 1, height: 1 };

  constructor() {
    this.root.className = "overlay";
    this.root.setAttribute("aria-hidden", "true");
    this.hand.scene.append(this.marks.root, ...this.fresh, ...this.handles, this.band);
    this.root.append(this.others.svg, this.hand.svg);
  }

  clear(): void {
    this.select([]);
    this.drawn.clear();
    for (const { boxes, names } of [this.others, this.hand]) {
      boxes.replaceChildren();
      names.replaceChildren();
    }
    this.marks.clear();
    this.drawNew(null, 0);
    this.drawBand(null);
  }

  show(work: Work, nameOf: (label: number) => string): void {
    const gone = new Set(this.drawn.keys());
    for (const box of work.boxes) {
      if (!isVisible(work, box)) continue;
      gone.delete(box.id);
      this.showBox(box, nameOf(box.label));
    }
    for (const id of gone) this.remove(id);
    this.root.classList.toggle("many", this.drawn.size > MANY);
    this.select(work.selected.flatMap((id) => this.drawn.get(id) ?? []));
    this.marks.show(work, nameOf);
  }

  place(view: Viewport, screen: Size): void {
    this.view = view;
    this.screen = screen;
    for (const drawing of [this.others, this.hand]) drawing.paint(view, screen);
    if (this.held) this.putHandles(this.held.corners);
  }

  // A step of a motion.
  move(view: Viewport): void {
    const { screen } = this;
    const { x, y, ratio } = this.wayTo(view);
    const isThick = this.drawn.size <= MANY && (ratio > THICKEST || ratio < 1 / THICKEST);
    const covers = (from: number, length: number) =>
      from <= length / 2 && from + 2 * length * ratio >= 1.5 * length;
    if (isThick || !covers(x, screen.width) || !covers(y, screen.height)) return this.place(view, screen);
    for (const { svg } of [this.others, this.hand]) {
      svg.style.setProperty("transform", `translate(${x}px, ${y}px) scale(${ratio})`);
    }
  }

  // From where the drawings are painted, around their upper left corner.
  private wayTo({ scale, x, y }: Viewport): { x: number; y: number; ratio: number } {
    const { view, screen } = this;
    const ratio = scale / view.scale;
    return {
      x: x - ratio * view.x + ((1 - ratio) * screen.width) / 2,
      y: y - ratio * view.y + ((1 - ratio) * screen.height) / 2,
      ratio,
    };
  }

  // Shows a box elsewhere while it is dragged; nothing but this box is touched.
  preview(id: number, corners: Corners): void {
    const drawn = this.drawn.get(id);
    if (drawn) this.put(drawn, corners);
  }

  // A box that is being drawn; null: none is.
  drawNew(corners: Corners | null, label: number): void {
    for (const path of this.fresh) path.setAttribute("d", corners ? outline(corners) : "");
    this.fresh[1]!.setAttribute("class", `line ${colourOf(Math.max(label, 1))}`);
  }

  // The part of the image whose boxes are being selected; null: none is.
  drawBand(corners: Corners | null): void {
    this.band.setAttribute("d", corners ? outline(corners) : "");
  }

  private showBox(box: Box, name: string): void {
    const drawn = this.drawn.get(box.id);
    if (drawn?.box === box && drawn.name === name && sameCorners(drawn.corners, box.corners)) return;
    if (!drawn || drawn.box.state !== box.state) {
      this.remove(box.id);
      return this.add(box, name);
    }
    drawn.box = box;
    drawn.name = name;
    this.paint(drawn);
  }

  private add(box: Box, name: string): void {
    const group = make("g", "");
    group.append(make("path", "halo"));
    // Sides that are known with different certainty are lines of their own.
    for (const side of certainties(box)) {
      const line = make("path", "line");
      if (side < 1)
        line.setAttribute("stroke-opacity", (FAINTEST_SIDE + (1 - FAINTEST_SIDE) * side).toFixed(2));
      group.append(line);
    }
    const text = make("text", "");
    text.setAttribute("dy", "-0.4em");
    this.others.boxes.append(group);
    this.others.names.append(text);
    const drawn = { box, corners: box.corners, name, group, text };
    this.drawn.set(box.id, drawn);
    this.paint(drawn);
  }

  private paint(drawn: Drawn): void {
    const { box, name, group, text } = drawn;
    const selected = this.selected.has(drawn) ? " selected" : "";
    group.setAttribute("class", `${box.state} ${colourOf(box.label)}${selected}`);
    text.setAttribute("class", `${colourOf(box.label)}${selected}`);
    const score = box.state === "predicted" ? ` ${box.prediction!.score.toFixed(2)}` : "";
    text.textContent = `${shapeOf(box.label)} ${name}${score}`;
    this.put(drawn, box.corners);
  }

  private put(drawn: Drawn, corners: Corners): void {
    drawn.corners = corners;
    const [halo, ...lines] = drawn.group.children;
    halo!.setAttribute("d", outline(corners));
    if (lines.length === 1) lines[0]!.setAttribute("d", outline(corners));
    else sides(corners).forEach((side, i) => lines[i]!.setAttribute("d", side));
    drawn.text.setAttribute("x", String(corners.x1));
    drawn.text.setAttribute("y", String(corners.y1));
    if (drawn === this.held) this.putHandles(corners);
  }

  private putHandles({ x1, y1, x2, y2 }: Corners): void {
    const x = [x1, (x1 + x2) / 2, x2];
    const y = [y1, (y1 + y2) / 2, y2];
    const isSmall = Math.min(x2 - x1, y2 - y1) * this.view.scale < SMALLEST_WITH_HANDLES;
    const places = [0, 1, 2, 3, 5, 6, 7, 8].map((i) => `M${x[i % 3]} ${y[Math.floor(i / 3)]}h0`);
    for (const path of this.handles) path.setAttribute("d", isSmall ? "" : places.join(""));
  }

  private select(chosen: readonly Drawn[]): void {
    const before = this.selected;
    this.selected = new Set(chosen);
    this.held = chosen.length === 1 ? chosen[0] : undefined;
    for (const drawn of before) if (!this.selected.has(drawn)) this.bring(drawn, this.others);
    for (const drawn of chosen) this.bring(drawn, this.hand);
    if (!this.held) for (const path of this.handles) path.setAttribute("d", "");
  }

  private bring(drawn: Drawn, { boxes, names }: Drawing): void {
    if (drawn.group.parentNode !== boxes) {
      boxes.append(drawn.group);
      names.append(drawn.text);
    }
    this.paint(drawn);
  }

  private remove(id: number): void {
    const drawn = this.drawn.get(id);
    drawn?.group.remove();
    drawn?.text.remove();
    this.drawn.delete(id);
    if (drawn) this.selected.delete(drawn);
    if (drawn === this.held) this.held = undefined;
  }
}

// Boxes with their names, over the screen and half of it beyond each side. The browser paints it once, and
// puts it where it belongs.
class Drawing {
  readonly svg = make("svg", "");
  readonly scene = make("g", "");
  readonly boxes = make("g", "");
  readonly names = make("g", "names");

  constructor() {
    this.scene.append(this.boxes, this.names);
    this.svg.append(this.scene);
  }

  paint({ scale, x, y }: Viewport, screen: Size): void {
    this.scene.setAttribute(
      "transform",
      `matrix(${scale} 0 0 ${scale} ${x + screen.width / 2} ${y + screen.height / 2})`,
    );
    this.scene.setAttribute("font-size", String(NAME_SIZE / scale));
    this.svg.style.setProperty("transform", "none");
  }
}

// Left, top, right, bottom.
function sides({ x1, y1, x2, y2 }: Corners): string[] {
  return [`M${x1} ${y1}V${y2}`, `M${x1} ${y1}H${x2}`, `M${x2} ${y1}V${y2}`, `M${x1} ${y2}H${x2}`];
}

function certainties(box: Box): readonly number[] {
  return (box.state === "predicted" && box.prediction!.sideCertainty) || [1];
}
