// A picture in several sizes, largest first: each is half as wide and high as the one before. Whatever the
// zoom, one of them is between one and two times as large as on the screen: the browser scales it well, and
// without the work that the whole picture would make.

const SMALLEST = 1 << 20; // pixels: a smaller picture is not halved

// On the page. Each canvas holds the memory of its bitmap.
export type Levels = readonly HTMLCanvasElement[];

// In a worker: what is on the file, turned as its EXIF says. Throws what the browser does where it can't read
// it. A bitmap that is fresh from a turned file lies right only where it's drawn, not where it's handed on.
export async function decoded(file: Blob): Promise<OffscreenCanvas> {
  const bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  contextOf(canvas).drawImage(bitmap, 0, 0);
  bitmap.close();
  return canvas;
}

// In a worker. Takes what is on the canvas.
export function levelsOf(canvas: OffscreenCanvas): ImageBitmap[] {
  const picture = canvas.transferToImageBitmap();
  const levels = [picture];
  for (let last = picture; last.width * last.height > SMALLEST; levels.push(last)) last = halved(last);
  return levels;
}

function halved(bitmap: ImageBitmap): ImageBitmap {
  const width = Math.max(Math.round(bitmap.width / 2), 1);
  const height = Math.max(Math.round(bitmap.height / 2), 1);
  const canvas = new OffscreenCanvas(width, height);
  contextOf(canvas).drawImage(bitmap, 0, 0, width, height);
  return canvas.transferToImageBitmap();
}

// Pixels are written and read once: a copy on the graphics card would only travel.
export function contextOf(canvas: OffscreenCanvas): OffscreenCanvasRenderingContext2D {
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context) throw new Error("the browser has no memory for the picture");
  return context;
}

// Takes the bitmaps.
export function canvasesOf(bitmaps: readonly ImageBitmap[]): Levels {
  return bitmaps.map((bitmap) => {
    const canvas = document.createElement("canvas");
    canvas.width = bitmap.width;
    canvas.height = bitmap.height;
    canvas.getContext("bitmaprenderer")!.transferFromImageBitmap(bitmap);
    return canvas;
  });
}

// Gives the memory back. Canvases without an area hold none; `transferFromImageBitmap(null)` would take as
// much again, for a blank.
export function freeLevels(levels: Levels): void {
  for (const canvas of levels) canvas.width = canvas.height = 0;
}

// The smallest one that has at least so many pixels across, or else the largest.
export function levelFor(levels: Levels, across: number): HTMLCanvasElement | undefined {
  return levels.filter((each) => each.width >= across).at(-1) ?? levels[0];
}
