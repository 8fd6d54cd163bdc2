// The likely error in hand, over the boxes: the box that seems wrong is dimmed, with a cross beside it; what
// should be there instead is dashed.

import { currentError, proposedCorners, wrongBox } from "./label_errors";
import { colourOf, shapeOf } from "./palette";
import { make, outline } from "./svg";
import type { Work } from "./work";

export class ErrorMarks {
  readonly root = make("g", "error-marks");
  private readonly wrong = make("path", "wrong");
  private readonly cross = make("text", "cross selected");
  private readonly proposed = make("g", "");
  private readonly lines = [make("path", "halo"), make("path", "line")];
  private readonly name = make("text", "");

  constructor() {
    this.cross.textContent = "✕";
    this.cross.setAttribute("dx", "0.25em");
    this.cross.setAttribute("dy", "0.35em");
    this.name.setAttribute("dy", "1.15em"); // below, since names of boxes are above them
    this.proposed.append(...this.lines);
  }

  show(work: Work, nameOf: (label: number) => string): void {
    const error = currentError(work);
    if (!error) return this.clear();
    const wrong = wrongBox(work, error);
    const marks: SVGElement[] = [];
    if (wrong) {
      this.wrong.setAttribute("d", outline(wrong.corners));
      this.cross.setAttribute("x", String(wrong.corners.x2));
      this.cross.setAttribute("y", String(wrong.corners.y1));
      marks.push(this.wrong, this.cross);
    }
    const corners = proposedCorners(work, error);
    if (corners) {
      const colour = colourOf(error.label);
      for (const line of this.lines) line.setAttribute("d", outline(corners));
      this.proposed.setAttribute("class", `proposed selected ${colour}`);
      this.name.setAttribute("class", `selected ${colour}`);
      this.name.setAttribute("x", String(corners.x1));
      this.name.setAttribute("y", String(corners.y2));
      this.name.textContent = `${shapeOf(error.label)} ${nameOf(error.label)}?`;
      marks.push(this.proposed, this.name);
    }
    this.root.replaceChildren(...marks);
  }

  clear(): void {
    this.root.replaceChildren();
  }
}
