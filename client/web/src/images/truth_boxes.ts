// The boxes of the labels of images that the grid shows, asked for page by page.

import { signal, type ReadonlySignal } from "@preact/signals";
import type { LabelledImageJson } from "../../gen/loupe/v1/image_pb";
import { stream } from "../api";
import type { DrawnBox } from "../dashboards/thumbnail";
import { guarded } from "../session";
import { idOf, type Tile } from "./tile";

export async function readLabels(
  project: string,
  imageIds: readonly string[],
  signal: AbortSignal,
): Promise<LabelledImageJson[]> {
  const labelled: LabelledImageJson[] = [];
  await guarded(
    stream("ImageService", "exportLabels", { project, imageIds: [...imageIds] }, (one) => labelled.push(one), signal),
  );
  return labelled;
}

export class TruthBoxes {
  readonly #byImage = signal<ReadonlyMap<string, readonly DrawnBox[]>>(new Map());
  readonly #asked = new Set<string>();
  readonly #end = new AbortController();

  constructor(readonly project: string) {}

  get byImage(): ReadonlySignal<ReadonlyMap<string, readonly DrawnBox[]>> {
    return this.#byImage;
  }

  // Asks for those that it has not asked for. Where the answer doesn't come the pictures stay bare.
  async read(tiles: readonly Tile[]): Promise<void> {
    const missing = tiles.filter((tile) => tile.image?.labelled && !this.#asked.has(idOf(tile))).map(idOf);
    if (missing.length === 0) return;
    for (const id of missing) this.#asked.add(id);
    let labelled: LabelledImageJson[];
    try {
      labelled = await readLabels(this.project, missing, this.#end.signal);
    } catch {
      for (const id of missing) this.#asked.delete(id);
      return;
    }
    const next = new Map(this.#byImage.value);
    for (const { image, boxes = [] } of labelled) next.set(String(image?.id), boxes.map(drawnBox));
    this.#byImage.value = next;
  }

  end(): void {
    this.#end.abort();
  }
}

function drawnBox({ box, label = 0 }: NonNullable<LabelledImageJson["boxes"]>[number]): DrawnBox {
  const { x1 = 0, y1 = 0, x2 = 0, y2 = 0 } = box ?? {};
  return { x1: Number(x1), y1: Number(y1), x2: Number(x2), y2: Number(y2), label };
}
