// What the grid shows of an image.

import type { FoundImageJson } from "../../gen/loupe/v1/image_pb";

export interface Tile extends FoundImageJson {
  readonly similarity?: number; // to the image that others are compared with
}

export function idOf(tile: Tile): string {
  return String(tile.image?.id ?? "");
}
