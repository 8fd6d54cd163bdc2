// Two lines through the pointer, over the whole canvas, to see what a box would reach.

import type { Point } from "./corners";

export class Crosshair {
  private readonly lines = [document.createElement("div"), document.createElement("div")] as const;

  constructor(root: HTMLElement) {
    const whole = document.createElement("div");
    whole.className = "crosshair";
    this.lines[0].className = "across";
    this.lines[1].className = "down";
    whole.append(...this.lines);
    root.append(whole);
    this.hide();
  }

  // `at`: on the canvas, in screen pixels.
  move({ x, y }: Point): void {
    const [across, down] = this.lines;
    across.hidden = down.hidden = false;
    // Between two pixels a thin line would be faint.
    across.style.setProperty("transform", `translateY(${Math.round(y)}px)`);
    down.style.setProperty("transform", `translateX(${Math.round(x)}px)`);
  }

  hide(): void {
    for (const line of this.lines) line.hidden = true;
  }
}
