// What acts on images need to know and to say. Pure functions.

import type { Tile } from "./tile";

// What the grid says of an image that was excluded since it was read.
export const EXCLUDED = "excluded";

// Whether an image can be taken back into use. `change`: what became of it since it was read.
export function isUnused({ image }: Tile, change: string | undefined): boolean {
  if (change !== undefined) return change === EXCLUDED;
  return image?.state === "EXCLUDED" || image?.state === "SET_ASIDE";
}

// The coordinator knows images by id, people by file name.
export function namedText(
  message = "",
  imageId: string | undefined,
  fileNames: ReadonlyMap<string, string>,
): string {
  const name = fileNames.get(imageId ?? "");
  return name ? message.replace(`image ${imageId}`, () => name) : message;
}
