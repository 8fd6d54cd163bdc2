// Pictures, fetched and decoded before they are shown.

import { NetworkError, errorOf } from "../api";
import { guarded } from "../session";
import type { Sketch } from "./alike";
import { canvasesOf, freeLevels } from "./levels";
import type { Levels } from "./levels";
import type { Decoded } from "./picture_worker";
import { WorkerCalls } from "./worker_calls";

const decoder = new WorkerCalls<Blob, Decoded>(
  () => new Worker(new URL("./picture_worker.ts", import.meta.url), { type: "module" }),
);

export class Picture {
  // Settles when the picture can be painted without delay. Rejects with the reason why it can't be shown.
  readonly ready: Promise<void>;
  levels: Levels = []; // none: it isn't ready, or was freed
  sketch: Sketch | null = null; // of what is on it; null: it isn't ready
  private isFreed = false;

  // `isAgain`: what the browser has kept of the file may be broken.
  constructor(
    readonly address: string,
    isAgain: boolean,
  ) {
    this.ready = this.load(isAgain ? "reload" : "default");
    this.ready.catch(() => {}); // Who shows the picture looks at it.
  }

  // Gives its memory back. It can't be shown any more.
  free(): void {
    this.isFreed = true;
    freeLevels(this.levels);
    this.levels = [];
  }

  private async load(cache: RequestCache): Promise<void> {
    const file = await guarded(fileAt(this.address, cache));
    const { levels, sketch } = await decoder.ask(file).catch(() => {
      throw new Error("The browser can't show the file.");
    });
    if (this.isFreed) return levels.forEach((each) => each.close());
    this.levels = canvasesOf(levels);
    this.sketch = sketch;
  }
}

// Throws ApiError and NetworkError.
async function fileAt(address: string, cache: RequestCache): Promise<Blob> {
  const unreachable = () => {
    throw new NetworkError();
  };
  const response = await fetch(address, { cache }).catch(unreachable);
  if (!response.ok) throw await errorOf(response);
  return response.blob().catch(unreachable);
}
