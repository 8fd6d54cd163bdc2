// Time that a person spends on an image and on each box. Idle time is left out.

// Between two signs of life at most this counts, in milliseconds.
export const LONGEST_PAUSE = 20_000;

export class Stopwatch {
  private last: number;
  private total: number;
  private readonly boxes: Map<number, number>;

  // `now`: of a clock that never goes back, in milliseconds. `before`: what was spent earlier.
  constructor(now: number, before: Spent = { total: 0, boxes: [] }) {
    this.last = now;
    this.total = before.total;
    this.boxes = new Map(before.boxes);
  }

  // A sign of life. The time since the last one counts for the image, and for the box that was selected.
  touch(now: number, selected: number): void {
    const passed = Math.min(Math.max(now - this.last, 0), LONGEST_PAUSE);
    this.last = now;
    this.total += passed;
    if (selected !== 0) this.boxes.set(selected, (this.boxes.get(selected) ?? 0) + passed);
  }

  // What passed while the page wasn't in view doesn't count.
  resume(now: number): void {
    this.last = now;
  }

  get spent(): Spent {
    return { total: Math.round(this.total), boxes: [...this.boxes] };
  }
}

export interface Spent {
  readonly total: number;
  readonly boxes: readonly (readonly [id: number, ms: number])[];
}
