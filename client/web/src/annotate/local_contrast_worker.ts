// Runs in a worker: makes copies of pictures with equalised contrast. The worker fetches and decodes the
// picture itself, from the browser's cache: making a bitmap of an <img> would block the page.

import { equalise } from "./clahe";

export interface Question {
  readonly address: string;
}

export type Answer = { readonly bitmap: ImageBitmap } | { readonly reason: string };

addEventListener("message", async ({ data }: MessageEvent<Question>) => {
  try {
    const bitmap = await copyOf(data.address);
    postMessage({ bitmap } satisfies Answer, { transfer: [bitmap] });
  } catch (error) {
    postMessage({ reason: (error as Error).message } satisfies Answer);
  }
});

async function copyOf(address: string): Promise<ImageBitmap> {
  const response = await fetch(address, { cache: "force-cache" });
  if (!response.ok) throw new Error(`the server answers ${response.status}`);
  const original = await createImageBitmap(await response.blob());
  const { width, height } = original;
  const canvas = new OffscreenCanvas(width, height);
  // Pixels are read and written once: a copy on the graphics card would only travel.
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context) throw new Error("the browser has no memory for the copy");
  context.drawImage(original, 0, 0);
  original.close();
  const pixels = context.getImageData(0, 0, width, height);
  equalise(pixels.data, width, height);
  context.putImageData(pixels, 0, 0);
  return canvas.transferToImageBitmap();
}
