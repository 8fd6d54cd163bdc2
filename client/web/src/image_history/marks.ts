// What is drawn over the picture, and how. Pure functions.

import type { LabelBoxJson, OutcomeJson } from "../../gen/loupe/v1/annotation_pb";
import type { ScoredBoxJson } from "../../gen/loupe/v1/insight_pb";
import type { ShownBoxJson } from "../../gen/loupe/v1/provenance_pb";
import { cornersOf, type Corners } from "../annotate/corners";
import type { Change } from "./changes";
import { outcomeNames } from "./words";

export type Look =
  | "kept"
  | "changed"
  | "ignored" // a region to ignore
  | "before" // where a box was, or of which class
  | "removed"
  | "predicted"
  | "rejected"
  | "dropped"
  | "hidden";

export interface Mark {
  readonly key: string;
  readonly boxId: string; // empty: it is no box of a label
  readonly corners: Corners;
  readonly label: number;
  readonly look: Look;
  readonly note: string; // beside the name of the class
  readonly from?: Corners; // of a box that was moved: where it was
}

// Boxes with what became of them by the revision; without `withChanges` the boxes alone.
export function marksOfChanges(changes: readonly Change[], withChanges: boolean): Mark[] {
  return changes.flatMap(({ boxId, kinds, before, after }) => {
    const isChanged = withChanges && !kinds.includes("kept");
    if (!after) return withChanges && before ? [markOf(before, "removed", "removed")] : [];
    const mark = markOf(after, after.ignore ? "ignored" : isChanged ? "changed" : "kept", "");
    if (!isChanged || !before) return [{ ...mark, note: isChanged ? "added" : "" }];
    const was = { ...markOf(before, "before", "before"), key: `before ${boxId}` };
    if (!kinds.includes("moved")) return [{ ...mark, note: kinds.join(", ") }];
    return [was, { ...mark, note: kinds.join(", "), from: was.corners }];
  });
}

function markOf(box: LabelBoxJson, look: Look, note: string): Mark {
  const { boxId = "", label = 0 } = box;
  return { key: `box ${boxId}`, boxId, corners: cornersOf(box.box), label, look, note };
}

const looks: Partial<Record<OutcomeJson, Look>> = {
  OUTCOME_ADJUSTED: "predicted",
  OUTCOME_RELABELLED: "predicted",
  OUTCOME_REJECTED: "rejected",
  OUTCOME_DROPPED: "dropped",
  OUTCOME_HIDDEN: "hidden",
};

// Boxes that were shown. One that was accepted is a box of the label, in the same place.
export function marksOfShown(shown: readonly ShownBoxJson[]): Mark[] {
  return shown.flatMap(({ box, outcome = "OUTCOME_UNSPECIFIED" }) => {
    const look = looks[outcome];
    if (!look) return [];
    return [
      {
        key: `shown ${box?.index ?? 0}`,
        boxId: "",
        corners: cornersOf(box?.box),
        label: box?.label ?? 0,
        look,
        note: `${outcomeNames[outcome]} ${Number(box?.score ?? 0).toFixed(2)}`,
      },
    ];
  });
}

export function marksOfPrediction(boxes: readonly ScoredBoxJson[]): Mark[] {
  return boxes.map(({ box, label = 0, score = 0 }, i) => ({
    key: `predicted ${i}`,
    boxId: "",
    corners: cornersOf(box),
    label,
    look: "predicted",
    note: Number(score).toFixed(2),
  }));
}

export function outlineOf({ x1, y1, x2, y2 }: Corners): string {
  return `M${x1} ${y1}H${x2}V${y2}H${x1}Z`;
}

// The lines of a mark, as a path of SVG: its outline, with what its look adds.
export function pathOf({ corners, look, from }: Pick<Mark, "corners" | "look" | "from">): string {
  const { x1, y1, x2, y2 } = corners;
  const outline = outlineOf(corners);
  const slash = `M${x1} ${y2}L${x2} ${y1}`;
  if (look === "removed" || look === "rejected") return `${outline}${slash}M${x1} ${y1}L${x2} ${y2}`;
  if (look === "dropped") return outline + slash;
  if (!from) return outline;
  // From the corners where they were.
  return `${outline}M${from.x1} ${from.y1}L${x1} ${y1}M${from.x2} ${from.y2}L${x2} ${y2}`;
}
