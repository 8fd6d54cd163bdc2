// What a revision is and why its image was served, in words. Pure functions.

import type { OriginJson, OutcomeJson } from "../../gen/loupe/v1/annotation_pb";
import type { ReasonJson, SliceJson } from "../../gen/loupe/v1/labeling_pb";
import type { RevisionJson } from "../../gen/loupe/v1/provenance_pb";
import type { Change, ChangeKind, Step } from "./changes";

export const sliceNames: Record<SliceJson, string> = {
  SLICE_UNSPECIFIED: "",
  UNCERTAIN: "uncertain",
  RARE: "rare",
  RANDOM: "random",
  SLICE_HOLDOUT: "holdout",
  AUDIT: "audit",
  PLANTED: "planted",
};

export const originNames: Record<OriginJson, string> = {
  ORIGIN_UNSPECIFIED: "",
  DRAWN: "drawn",
  ACCEPTED: "accepted",
  ADJUSTED: "adjusted",
  RELABELLED: "relabelled",
  IMPORTED: "imported",
  COPIED: "copied",
};

export const outcomeNames: Record<OutcomeJson, string> = {
  OUTCOME_UNSPECIFIED: "",
  OUTCOME_ACCEPTED: "accepted",
  OUTCOME_ACCEPTED_AT_ONCE: "accepted at once",
  OUTCOME_ADJUSTED: "adjusted",
  OUTCOME_RELABELLED: "relabelled",
  OUTCOME_REJECTED: "rejected",
  OUTCOME_DROPPED: "dropped",
  OUTCOME_HIDDEN: "hidden",
};

// What became of a shown box.
export const outcomeTexts: Record<OutcomeJson, string> = {
  OUTCOME_UNSPECIFIED: "",
  OUTCOME_ACCEPTED: "accepted as it was shown",
  OUTCOME_ACCEPTED_AT_ONCE: "accepted with all that were left, by one act",
  OUTCOME_ADJUSTED: "its sides were moved",
  OUTCOME_RELABELLED: "it got another class",
  OUTCOME_REJECTED: "rejected",
  OUTCOME_DROPPED: "left untouched: it counts as wrong",
  OUTCOME_HIDDEN: "hidden by a threshold: nobody judged it",
};

// What is served next, and what was served. A sentence; empty: no ranking served it.
export function reasonText({
  slice = "SLICE_UNSPECIFIED",
  model = 0,
  score,
  probability,
}: ReasonJson): string {
  const by = model === 0 ? "" : `Model ${model} `;
  const scored = score === undefined ? "" : `, score ${Number(score).toFixed(4)}`;
  const drawn = probability === undefined ? "" : `, with probability ${Number(probability).toFixed(4)}`;
  switch (slice) {
    case "UNCERTAIN":
      return `${by}is unsure of what it shows${scored}.`;
    case "RARE":
      return `${by}sees a rare class in it, or nothing at all${scored}.`;
    case "RANDOM":
      return `Drawn at random${drawn}${scored}.`;
    case "SLICE_HOLDOUT":
      return `Its turn in the holdout, whose images judge the models${drawn}.`;
    case "AUDIT":
    case "PLANTED":
      return `Served to check reviewers${scored}.`;
    default:
      return "";
  }
}

// "Ranking 3, position 12." The first one is 1; the protocol counts from 0.
export function placeText({ generation = 0, position }: ReasonJson): string {
  return `Ranking ${generation}, position ${Number(position ?? 0) + 1}.`;
}

// Why the image of a revision was served. Empty: nobody was asked.
export function whyServed({ source, basedOn, reason }: RevisionJson): string {
  if (reason) return `${reasonText(reason)} ${placeText(reason)}`;
  if (source !== "reopen") return "";
  return `Asked for outside the ranking, on top of revision ${basedOn ?? 0}.`;
}

// "ben corrected revision 2"
export function deedOf({ source, author = "", basedOn = 0, standing, withdrawal }: RevisionJson): string {
  if (standing === "STANDING_WITHDRAWN")
    return `${author} took back revision ${basedOn}, by withdrawal ${withdrawal}`;
  if (standing === "STANDING_RESTORED")
    return `${author} gave back revision ${basedOn}, by undoing withdrawal ${withdrawal}`;
  if (source === "import")
    return basedOn
      ? `${author} imported other labels than those of revision ${basedOn}`
      : `${author} imported it`;
  return basedOn ? `${author} corrected revision ${basedOn}` : `${author} labelled it`;
}

// What the revision is now.
export function standingText({ revision, isTruthNow, isWithdrawn, truth }: Step): string {
  switch (revision.standing) {
    case "STANDING_LATE":
      return "It came after the truth had changed, and is kept beside the truth.";
    case "STANDING_OPINION":
      return "It is a second opinion, and is kept beside the truth.";
    case "STANDING_PLANTED":
      return "It answers a task with a planted error, and is never the truth.";
    case "STANDING_WITHDRAWN":
      return truth ? `Revision ${truth} was the truth again.` : "The image had no truth then.";
    case "STANDING_RESTORED":
      return `Revision ${truth} was the truth from then on.`;
    default:
      if (isTruthNow) return "It is the truth now.";
      return isWithdrawn ? "It is taken back." : "It is no longer the truth.";
  }
}

const changeTexts: Record<ChangeKind, string> = {
  added: "added",
  removed: "removed",
  moved: "moved",
  relabelled: "of another class",
  marked: "to ignore",
  kept: "as before",
};

// "moved (IoU 0.83), pit before"
export function changeText(
  { kinds, iou, before, after }: Change,
  className: (label: number) => string,
): string {
  return kinds
    .map((kind) => {
      if (kind === "moved") return `moved (IoU ${iou.toFixed(3)})`;
      if (kind === "relabelled") return `${className(before?.label ?? 0)} before`;
      if (kind === "marked") return after?.ignore ? "now to ignore" : "no longer to ignore";
      return changeTexts[kind];
    })
    .join(", ");
}
