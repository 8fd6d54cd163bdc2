// What is sent of a person's work. labeling.proto has the rules.

import type { CorrectedBoxJson } from "../../gen/loupe/v1/labeling_pb";
import { isVisible } from "./work";
import type { Box, Work } from "./work";

export interface Submission {
  readonly boxes: CorrectedBoxJson[];
  readonly rejected: number[];
  readonly hidden: number[];
  readonly acceptedAtOnce: number[];
  // Predicted boxes in view that nobody touched: they are no boxes of the answer. Only counted.
  readonly dropped: number;
}

// `spentMs`: on each box, by id.
export function submissionOf(work: Work, spentMs: ReadonlyMap<number, number>): Submission {
  const boxes: CorrectedBoxJson[] = [];
  const acceptedAtOnce: number[] = [];
  const contents = new Set<string>();
  for (const box of work.boxes) {
    if (box.state !== "confirmed") continue;
    const content = contentOf(box);
    if (contents.has(content)) continue; // The coordinator refuses the same box twice.
    contents.add(content);
    boxes.push(correctedBox(box, spentMs.get(box.id) ?? 0));
    if (box.atOnce) acceptedAtOnce.push(box.prediction!.index);
  }
  const indexes = (chosen: (box: Box) => boolean) =>
    work.boxes.filter(chosen).map((box) => box.prediction!.index);
  return {
    boxes,
    rejected: indexes((box) => box.state === "rejected"),
    hidden: indexes((box) => box.state === "predicted" && !isVisible(work, box)),
    acceptedAtOnce,
    dropped: droppedOf(work),
  };
}

export function droppedOf(work: Work): number {
  return work.boxes.filter((box) => box.state === "predicted" && isVisible(work, box)).length;
}

function correctedBox(box: Box, spentMs: number): CorrectedBoxJson {
  const corrected: CorrectedBoxJson = { box: box.corners, label: box.label };
  if (box.ignore) corrected.ignore = true;
  if (box.prediction) corrected.predictedIndex = box.prediction.index;
  if (box.truthId) corrected.boxId = box.truthId;
  if (box.copied) corrected.copied = true;
  if (spentMs > 0) corrected.spentMs = Math.round(spentMs);
  return corrected;
}

// Equal for boxes that the coordinator holds to be the same: it stores corners as floats.
function contentOf({ label, ignore, corners: { x1, y1, x2, y2 } }: Box): string {
  return [label, ignore, ...[x1, y1, x2, y2].map(Math.fround)].join(" ");
}
