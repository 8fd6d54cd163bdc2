// Likely errors in the labels of an image: which are left to decide, and where they are.

import { clipped, iou, sameCorners } from "./corners";
import type { Corners } from "./corners";
import type { LabelError } from "./task";
import { isVisible } from "./work";
import type { Box, Work } from "./work";

const SAME_THING = 0.5; // IoU

// The first one that is left to decide; undefined: none is.
export function currentError(work: Work): LabelError | undefined {
  return work.task.labelErrors?.find((error) => !isDecided(work, error));
}

// Whether it was mended or kept, or boxes were changed so that it says nothing any more.
export function isDecided(work: Work, error: LabelError): boolean {
  if (work.decided.includes(error.id)) return true;
  if (error.kind === "missing") {
    const { corners, label } = error;
    const isThere = (box: Box) => box.label === label && !!corners && iou(box.corners, corners) >= SAME_THING;
    return work.boxes.some((box) => isVisible(work, box) && isThere(box));
  }
  const box = wrongBox(work, error);
  const before = work.task.truth.find(({ boxId }) => boxId === error.boxId);
  if (!box || !before) return true;
  const { label, ignore, corners } = before;
  const isSame = sameCorners(box.corners, clipped(corners, work.task.size));
  return box.label !== label || box.ignore !== ignore || !isSame;
}

// The box that seems wrong; undefined: one is missing, or it is gone.
export function wrongBox(work: Work, { boxId }: LabelError): Box | undefined {
  return boxId === "" ? undefined : work.boxes.find((box) => box.truthId === boxId);
}

// Where the box is that mending leaves; null: it leaves none. Another class leaves the box in its place.
export function proposedCorners(work: Work, error: LabelError): Corners | null {
  if (error.kind === "wrong class") return wrongBox(work, error)?.corners ?? null;
  return error.corners && clipped(error.corners, work.task.size);
}

// Where to look.
export function placesOf(work: Work, error: LabelError): Corners[] {
  const places = [wrongBox(work, error)?.corners, proposedCorners(work, error)];
  return places.flatMap((corners) => corners ?? []);
}
