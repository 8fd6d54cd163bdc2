// Runs in a worker: decodes pictures, and makes what the page shows and compares of them.

import { cellsOf, sketchOf } from "./alike";
import type { Sketch } from "./alike";
import { contextOf, decoded, levelsOf } from "./levels";
import { answerCalls } from "./worker_calls";

export interface Decoded {
  readonly levels: ImageBitmap[];
  readonly sketch: Sketch;
}

answerCalls<Blob, Decoded>(async (file) => {
  const picture = await decoded(file);
  const { width, height } = picture;
  const levels = levelsOf(picture);
  const sketch = sketchedFrom(levels.at(-1)!, cellsOf(width), cellsOf(height));
  return [{ levels, sketch }, levels];
});

function sketchedFrom(picture: ImageBitmap, width: number, height: number): Sketch {
  const context = contextOf(new OffscreenCanvas(width, height));
  context.imageSmoothingQuality = "medium";
  context.drawImage(picture, 0, 0, width, height);
  const { data } = context.getImageData(0, 0, width, height);
  const grey = new Float32Array(width * height);
  grey.forEach((_, i) => {
    grey[i] = 0.299 * data[4 * i]! + 0.587 * data[4 * i + 1]! + 0.114 * data[4 * i + 2]!;
  });
  return sketchOf(grey, width, height);
}
