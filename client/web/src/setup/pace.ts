// How fast an upload goes, and when it will be done: by what was sent in the last seconds.

const SECONDS_LOOKED_BACK = 15;
const LEAST_SECONDS = 2;

export class Pace {
  private readonly points: { at: number; bytes: number }[] = [];

  // `at`: milliseconds; `bytes`: sent since the begin.
  note(at: number, bytes: number): void {
    this.points.push({ at, bytes });
    while (this.points.length > 2 && this.points[1]!.at < at - SECONDS_LOOKED_BACK * 1000)
      this.points.shift();
  }

  // Bytes per second; null: it can't be told yet.
  get rate(): number | null {
    const first = this.points[0];
    const last = this.points.at(-1);
    if (!first || !last || last.at - first.at < LEAST_SECONDS * 1000) return null;
    return ((last.bytes - first.bytes) / (last.at - first.at)) * 1000;
  }

  // Milliseconds; null: it can't be told.
  timeFor(bytesLeft: number): number | null {
    const { rate } = this;
    return rate === null || rate <= 0 ? null : (bytesLeft / rate) * 1000;
  }
}
