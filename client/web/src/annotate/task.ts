// A task as the coordinator serves it, in the page's own terms.

import type { BoxJson, PredictedBoxJson } from "../../gen/loupe/v1/annotation_pb";
import type { TaskJson } from "../../gen/loupe/v1/labeling_pb";
import type { Corners, Size } from "./corners";

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
  // Why the image was chosen; empty for annotators.
  readonly why: string;
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
    why: whyOf(json),
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

function cornersOf(box: BoxJson | undefined): Corners {
  const { x1 = 0, y1 = 0, x2 = 0, y2 = 0 } = box ?? {};
  return { x1: Number(x1), y1: Number(y1), x2: Number(x2), y2: Number(y2) };
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
  const slice = slices[reason?.slice ?? ""];
  if (!slice) return "";
  const score = reason?.score === undefined ? "" : `, score ${Number(reason.score).toFixed(2)}`;
  return `${slice}${score}`;
}

export function hexOf(base64: string): string {
  return Array.from(atob(base64), (byte) => byte.charCodeAt(0).toString(16).padStart(2, "0")).join("");
}

// Where the browser finds the picture. Only some PNG and TIFF files have 16 bits, which the file's type
// doesn't tell: the coordinator renders those, and sends the others as they are.
export function pictureAddress(task: Task, range: { low: number; high: number }): string {
  const mayHave16Bits = task.mediaType === "image/png" || task.mediaType === "image/tiff";
  const address = `/images/${task.hash}`;
  return mayHave16Bits ? `${address}/rendering?low=${range.low}&high=${range.high}` : address;
}
