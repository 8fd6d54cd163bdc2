// A task as the coordinator serves it, in the page's own terms.

import type { LabelErrorJson, PredictedBoxJson } from "../../gen/loupe/v1/annotation_pb";
import type { TaskJson } from "../../gen/loupe/v1/labeling_pb";
import { cornersOf, type Corners, type Size } from "./corners";
import type { Remarks } from "./work";

export interface Prediction {
  readonly index: number;
  readonly corners: Corners;
  readonly label: number;
  readonly score: number;
  // Of the left, top, right and bottom side, in [0, 1]; null: not known.
  readonly sideCertainty: readonly number[] | null;
}

// A box of the truth that the task corrects.
export interface TruthBox {
  readonly boxId: string;
  readonly corners: Corners;
  readonly label: number;
  readonly ignore: boolean;
}

// What seems wrong with the truth that the task corrects.
export interface LabelError {
  readonly id: string;
  readonly kind: "missing" | "moved" | "wrong class" | "invented";
  readonly boxId: string; // of the box of the truth; empty: one is missing
  // What should be there instead; null: nothing.
  readonly corners: Corners | null;
  readonly label: number;
  readonly logOdds: number; // how much more the model believes in that than in the label; above 0
}

export interface Task {
  readonly id: string;
  readonly lease: string;
  readonly imageId: string;
  readonly hash: string; // of the picture, in hex
  readonly mediaType: string;
  readonly fileName: string;
  readonly size: Size;
  readonly blind: boolean;
  readonly predictions: readonly Prediction[];
  readonly truth: readonly TruthBox[];
  readonly newClasses: readonly number[];
  readonly remarks: Remarks; // of the answer that the task corrects
  readonly generation: number | null; // of the ranking that served it; null: none did
  // Why the image was chosen; empty for annotators.
  readonly why: string;
  readonly requestReason: string; // of who asked for the look; empty: nobody did, or said why
  // The likeliest first. Tasks that an earlier release of the page has kept have none.
  readonly labelErrors?: readonly LabelError[];
}

export function taskOf(json: TaskJson): Task {
  const image = json.image ?? {};
  return {
    id: json.taskId ?? "",
    lease: json.lease ?? "",
    imageId: image.id ?? "",
    hash: hexOf(image.sha256 ?? ""),
    mediaType: image.mediaType ?? "",
    fileName: image.fileName ?? "",
    size: { width: image.width ?? 0, height: image.height ?? 0 },
    blind: json.blind ?? false,
    predictions: (json.predictions ?? []).map(predictionOf),
    truth: (json.boxes ?? []).map((box) => ({
      boxId: box.boxId ?? "",
      corners: cornersOf(box.box),
      label: box.label ?? 0,
      ignore: box.ignore ?? false,
    })),
    newClasses: json.newClasses ?? [],
    remarks: { note: json.note ?? "", flags: json.flags ?? [] },
    generation: json.reason ? json.reason.generation ?? 0 : null,
    why: whyOf(json),
    requestReason: json.requestReason ?? "",
    labelErrors: (json.labelErrors ?? []).flatMap(labelErrorOf),
  };
}

function predictionOf(json: PredictedBoxJson): Prediction {
  const sides = (json.sideCertainty ?? []).map(Number);
  return {
    index: json.index ?? 0,
    corners: cornersOf(json.box),
    label: json.label ?? 0,
    score: Number(json.score ?? 0),
    sideCertainty: sides.length === 4 ? sides : null,
  };
}

export const errorKinds: Record<string, LabelError["kind"] | undefined> = {
  LABEL_MISSING: "missing",
  LABEL_MOVED: "moved",
  LABEL_WRONG_CLASS: "wrong class",
  LABEL_INVENTED: "invented",
};

// Those of a kind that only a later release knows are left out.
function labelErrorOf(json: LabelErrorJson): LabelError[] {
  const kind = errorKinds[json.kind ?? ""];
  if (!kind) return [];
  return [
    {
      id: json.id ?? "",
      kind,
      boxId: kind === "missing" ? "" : json.boxId ?? "",
      corners: json.box ? cornersOf(json.box) : null,
      label: json.label ?? 0,
      logOdds: Number(json.logOdds ?? 0),
    },
  ];
}

const slices: Record<string, string> = {
  UNCERTAIN: "the model is unsure of it",
  RARE: "it may show a rare class",
  RANDOM: "drawn at random",
  SLICE_HOLDOUT: "for judging models",
  AUDIT: "to check the queue",
  PLANTED: "planted",
};

function whyOf({ kind, reason }: TaskJson): string {
  if (kind === "REOPEN") return "opened again";
  if (kind === "CLASS_ADDED") return "a class was added";
  if (kind === "REVIEW") return "a second look was asked for";
  if (kind === "ASSIGNED") return "given to you";
  if (kind === "OVERLAP") return "a second opinion";
  if (kind === "PLANTED_ERROR") return "with a planted error";
  const slice = slices[reason?.slice ?? ""];
  if (!slice) return "";
  const score = reason?.score === undefined ? "" : `, score ${Number(reason.score).toFixed(2)}`;
  return `${slice}${score}`;
}

export function hexOf(base64: string): string {
  return Array.from(atob(base64), (byte) => byte.charCodeAt(0).toString(16).padStart(2, "0")).join("");
}

// Which levels of a picture with 16 bits are black and white.
interface Range {
  readonly low: number;
  readonly high: number;
}

// Where the browser finds the picture: the coordinator renders those that may have 16 bits, and sends the
// others as they are.
export function pictureAddress(task: Pick<Task, "hash" | "mediaType">, range: Range): string {
  const levels = levelsOf(task.mediaType, range);
  return levels ? `/images/${task.hash}/rendering${levels}` : `/images/${task.hash}`;
}

// `hash`: of the picture, in hex.
export function thumbnailAddress(hash: string, mediaType: string, range: Range): string {
  return `/images/${hash}/thumbnail${levelsOf(mediaType, range)}`;
}

// Only some PNG and TIFF files have 16 bits, which the file's type doesn't tell.
function levelsOf(mediaType: string, { low, high }: Range): string {
  return mediaType === "image/png" || mediaType === "image/tiff" ? `?low=${low}&high=${high}` : "";
}
