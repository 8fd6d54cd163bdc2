// What each revision did to the truth of its image, and to which boxes. Pure functions.

import type { LabelBoxJson } from "../../gen/loupe/v1/annotation_pb";
import type { RevisionJson } from "../../gen/loupe/v1/provenance_pb";
import { cornersOf, sameCorners } from "../annotate/corners";
import { overlapOf } from "./boxes";

export interface Step {
  readonly revision: RevisionJson;
  // Number of the revision that is the truth since; 0: none is.
  readonly truth: number;
  // It is the truth that the last revision left.
  readonly isTruthNow: boolean;
  // It was the truth, and is taken back now.
  readonly isWithdrawn: boolean;
  // The boxes of the truth until then.
  readonly before: readonly LabelBoxJson[];
  // What the revision says: its boxes, or those of the truth that it brought back.
  readonly boxes: readonly LabelBoxJson[];
}

// In order of the revisions.
export function stepsOf(revisions: readonly RevisionJson[]): Step[] {
  const boxesOf = new Map(revisions.map(({ number = 0, boxes = [] }) => [number, boxes]));
  const standing = new Set<number>(); // numbers of the revisions that were the truth and weren't taken back
  let truth = 0;
  const steps = revisions.map((revision) => {
    const before = boxesOf.get(truth) ?? [];
    const { number = 0, basedOn = 0, boxes = [] } = revision;
    if (revision.standing === "STANDING_TRUTH") standing.add(number);
    if (revision.standing === "STANDING_WITHDRAWN") standing.delete(basedOn);
    if (revision.standing === "STANDING_RESTORED") standing.add(basedOn);
    truth = Math.max(0, ...standing);
    return { revision, truth, before, boxes: holdsBoxes(revision) ? boxes : (boxesOf.get(truth) ?? []) };
  });
  return steps.map((step) => {
    const { number = 0 } = step.revision;
    return {
      ...step,
      isTruthNow: number === truth,
      isWithdrawn: step.revision.standing === "STANDING_TRUTH" && !standing.has(number),
    };
  });
}

// The others only say which revision counts.
export function holdsBoxes({ standing }: RevisionJson): boolean {
  return standing !== "STANDING_WITHDRAWN" && standing !== "STANDING_RESTORED";
}

export type ChangeKind = "added" | "removed" | "moved" | "relabelled" | "marked" | "kept";

export interface Change {
  readonly boxId: string;
  readonly before: LabelBoxJson | null;
  readonly after: LabelBoxJson | null;
  // At least one; `kept` alone.
  readonly kinds: readonly ChangeKind[];
  // Overlap of the box before and after, from 0 to 1; 1 unless it was moved.
  readonly iou: number;
}

// Boxes by their identity: those of `after` in its order, then those that are gone.
export function changesBetween(before: readonly LabelBoxJson[], after: readonly LabelBoxJson[]): Change[] {
  const old = new Map(before.map((box) => [box.boxId ?? "", box]));
  const changes = after.map((box) => {
    const boxId = box.boxId ?? "";
    const was = old.get(boxId) ?? null;
    old.delete(boxId);
    return changeOf(boxId, was, box);
  });
  return [...changes, ...[...old].map(([boxId, was]) => changeOf(boxId, was, null))];
}

function changeOf(boxId: string, before: LabelBoxJson | null, after: LabelBoxJson | null): Change {
  if (!before || !after) return { boxId, before, after, kinds: [after ? "added" : "removed"], iou: 1 };
  const kinds: ChangeKind[] = [];
  const [from, to] = [cornersOf(before.box), cornersOf(after.box)];
  const isMoved = !sameCorners(from, to);
  if (isMoved) kinds.push("moved");
  if (before.label !== after.label) kinds.push("relabelled");
  if ((before.ignore ?? false) !== (after.ignore ?? false)) kinds.push("marked");
  if (kinds.length === 0) kinds.push("kept");
  return { boxId, before, after, kinds, iou: isMoved ? overlapOf(from, to) : 1 };
}

// "2 added, 1 moved"; "": nothing changed.
export function summaryOf(changes: readonly Change[]): string {
  const words: [ChangeKind, string][] = [
    ["added", "added"],
    ["removed", "removed"],
    ["moved", "moved"],
    ["relabelled", "of another class"],
    ["marked", "marked or unmarked to ignore"],
  ];
  return words
    .map(([kind, word]) => [changes.filter(({ kinds }) => kinds.includes(kind)).length, word] as const)
    .filter(([count]) => count > 0)
    .map(([count, word]) => `${count} ${word}`)
    .join(", ");
}
