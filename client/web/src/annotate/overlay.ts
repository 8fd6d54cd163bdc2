// Boxes over the image: SVG that is changed in place, only where a box has changed. Strokes have the same
// width on the screen at every zoom.

import { sameCorners } from "./corners";
import type { Corners } from "./corners";
import { colourOf, shapeOf } from "./palette";
import type { Viewport } from "./viewport";
import { isVisible } from "./work";
import type { Box, Work } from "./work";

const SVG = "http://www.w3.org/2000/svg";
const NAME_SIZE = 13; // screen pixels
const SMALLEST_WITH_HANDLES = 32; // the shorter side, in screen pixels: handles would cover smaller boxes
// From so many boxes on, only the selected one has a name and an edge: others would hide the image.
const MANY = 200;
const FAINTEST_SIDE = 0.2; // opacity of a side that the model knows nothing about

interface Drawn {
  box: Box;
  corners: Corners;
  name: string;
  readonly group: SVGGElement;
  readonly text: SVGTextElement;
}

export class Overlay {
  readonly svg = make("svg", "overlay");
  private readonly scene = make("g", "");
  private readonly boxes = make("g", "");
  private readonly names = make("g", "names");
  private readonly fresh = [make("path", "halo"), make("path", "")];
  private readonly band = make("path", "band");
  private readonly handles = [make("path", "handles-edge"), make("path", "handles")];
  private readonly drawn = new Map<number, Drawn>();
  private selected = new Set<Drawn>();
  private held: Drawn | undefined; // the one that has handles
  private scale = 1;

  constructor() {
    this.svg.setAttribute("aria-hidden", "true");
    this.scene.append(this.boxes, this.names, ...this.fresh, ...this.handles, this.band);
    this.svg.append(this.scene);
  }

  clear(): void {
    this.drawn.clear();
    this.boxes.replaceChildren();
    this.names.replaceChildren();
    this.select([]);
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
    this.svg.classList.toggle("many", this.drawn.size > MANY);
    this.select(work.selected.flatMap((id) => this.drawn.get(id) ?? []));
  }

  place({ scale, x, y }: Viewport): void {
    this.scene.setAttribute("transform", `matrix(${scale} 0 0 ${scale} ${x} ${y})`);
    this.names.setAttribute("font-size", String(NAME_SIZE / scale));
    this.scale = scale;
    if (this.held) this.putHandles(this.held.corners);
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
    this.boxes.append(group);
    this.names.append(text);
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
    const isSmall = Math.min(x2 - x1, y2 - y1) * this.scale < SMALLEST_WITH_HANDLES;
    const places = [0, 1, 2, 3, 5, 6, 7, 8].map((i) => `M${x[i % 3]} ${y[Math.floor(i / 3)]}h0`);
    for (const path of this.handles) path.setAttribute("d", isSmall ? "" : places.join(""));
  }

  private select(chosen: readonly Drawn[]): void {
    const before = this.selected;
    this.selected = new Set(chosen);
    this.held = chosen.length === 1 ? chosen[0] : undefined;
    for (const drawn of before) if (!this.selected.has(drawn)) this.paint(drawn);
    for (const drawn of chosen) {
      this.paint(drawn);
      if (!before.has(drawn)) this.names.append(drawn.text); // over the others
    }
    if (!this.held) for (const path of this.handles) path.setAttribute("d", "");
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

function make<K extends keyof SVGElementTagNameMap>(tag: K, name: string): SVGElementTagNameMap[K] {
  const element = document.createElementNS(SVG, tag);
  if (name) element.setAttribute("class", name);
  return element;
}

function outline({ x1, y1, x2, y2 }: Corners): string {
  return `M${x1} ${y1}H${x2}V${y2}H${x1}Z`;
}

// Left, top, right, bottom.
function sides({ x1, y1, x2, y2 }: Corners): string[] {
  return [`M${x1} ${y1}V${y2}`, `M${x1} ${y1}H${x2}`, `M${x2} ${y1}V${y2}`, `M${x1} ${y2}H${x2}`];
}

function certainties(box: Box): readonly number[] {
  return (box.state === "predicted" && box.prediction!.sideCertainty) || [1];
}
