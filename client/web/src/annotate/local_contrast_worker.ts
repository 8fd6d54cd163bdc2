// Runs in a worker: makes copies of pictures with equalised contrast. The worker fetches and decodes the
// picture itself, from the browser's cache: what the page has of it is on the screen.

import { equalise } from "./clahe";
import { contextOf, decoded, levelsOf } from "./levels";
import { answerCalls } from "./worker_calls";

answerCalls<string, ImageBitmap[]>(async (address) => {
  const levels = levelsOf(await copyOf(address));
  return [levels, levels];
});

async function copyOf(address: string): Promise<OffscreenCanvas> {
  const response = await fetch(address, { cache: "force-cache" });
  if (!response.ok) throw new Error(`the server answers ${response.status}`);
  const canvas = await decoded(await response.blob());
  const { width, height } = canvas;
  const context = contextOf(canvas);
  const pixels = context.getImageData(0, 0, width, height);
  equalise(pixels.data, width, height);
  context.putImageData(pixels, 0, 0);
  return canvas;
}
