// What a person has made of a task so far: the boxes, what is selected, and the way back. A pure reducer.

import { clipped, cornersBetween, moved, resized, sameCorners } from "./corners";
import type { Corners, Grip, Point } from "./corners";
import type { Prediction, Task } from "./task";

export interface Box {
  readonly id: number; // within the task, never used again
  readonly label: number;
  readonly corners: Corners;
  readonly ignore: boolean;
  // `predicted`: nobody has touched it. `rejected`: kept so that the answer can tell; not shown.
  readonly state: "predicted" | "confirmed" | "rejected";
  // What it was made from; at most one of the two.
  readonly prediction: Prediction | null;
  readonly truthId: string; // of the box of the truth; empty: none
}

// Selection is a part of each step, so that undo shows what it changes.
interface Step {
  readonly boxes: readonly Box[];
  readonly selected: number;
  readonly below: Step | null;
}

export interface Work {
  readonly task: Task;
  readonly boxes: readonly Box[];
  readonly selected: number; // id of a visible box; 0: none
  readonly nextId: number;
  // Predicted boxes below it are hidden. That isn't an edit.
  readonly threshold: number;
  readonly past: Step | null;
  readonly future: Step | null;
}

export type Action =
  | { do: "select"; id: number }
  | { do: "threshold"; value: number }
  | { do: "draw"; from: Point; to: Point; label: number }
  | { do: "move"; id: number; dx: number; dy: number }
  | { do: "resize"; id: number; grip: Grip; dx: number; dy: number }
  | { do: "relabel"; id: number; label: number }
  | { do: "accept" | "reject" | "delete" | "copy"; id: number }
  | { do: "acceptAll" | "undo" | "redo" };

const COPY_SHIFT = 12; // pixels

export function startWork(task: Task, threshold: number): Work {
  const predicted = task.predictions.map((prediction, i): Box => {
    const corners = clipped(prediction.corners, task.size);
    const { label } = prediction;
    return { id: i + 1, label, corners, ignore: false, state: "predicted", prediction, truthId: "" };
  });
  const known = task.truth.map((box, i): Box => {
    const corners = clipped(box.corners, task.size);
    const { label, ignore, boxId } = box;
    const id = predicted.length + i + 1;
    return { id, label, corners, ignore, state: "confirmed", prediction: null, truthId: boxId };
  });
  const boxes = [...predicted, ...known];
  return { task, boxes, selected: 0, nextId: boxes.length + 1, threshold, past: null, future: null };
}

export function reduce(work: Work, action: Action): Work {
  switch (action.do) {
    case "select":
      return select(work, action.id);
    case "threshold":
      return select({ ...work, threshold: action.value }, work.selected);
    case "draw":
      return add(work, cornersBetween(action.from, action.to, work.task.size), action.label);
    case "move":
      return change(work, action.id, (box) =>
        reshaped(box, moved(box.corners, action.dx, action.dy, work.task.size)),
      );
    case "resize":
      return change(work, action.id, (box) =>
        reshaped(box, resized(box.corners, action.grip, action.dx, action.dy, work.task.size)),
      );
    case "relabel":
      return change(work, action.id, (box) =>
        box.label === action.label ? box : { ...box, label: action.label, state: "confirmed" },
      );
    case "accept":
      return change(work, action.id, accepted);
    case "reject":
      return boxOf(work, action.id)?.prediction ? remove(work, action.id) : work;
    case "delete":
      return remove(work, action.id);
    case "copy":
      return copy(work, action.id);
    case "acceptAll":
      return acceptAll(work);
    case "undo":
      return undo(work);
    case "redo":
      return redo(work);
  }
}

export function isVisible(work: Work, box: Box): boolean {
  if (box.state === "predicted") return box.prediction!.score >= work.threshold;
  return box.state === "confirmed";
}

// undefined: there is none, or it isn't visible.
export function boxOf(work: Work, id: number): Box | undefined {
  const box = id === 0 ? undefined : work.boxes.find((each) => each.id === id);
  return box && isVisible(work, box) ? box : undefined;
}

export function isUntouched(work: Work): boolean {
  return work.past === null;
}

function select(work: Work, id: number): Work {
  const selected = boxOf(work, id) ? id : 0;
  return { ...work, selected };
}

function edit(work: Work, boxes: readonly Box[], selected: number): Work {
  const past = { boxes: work.boxes, selected: work.selected, below: work.past };
  return { ...work, boxes, selected, past, future: null };
}

function change(work: Work, id: number, changed: (box: Box) => Box): Work {
  const before = boxOf(work, id);
  if (!before) return work;
  const after = changed(before);
  if (after === before) return work;
  const boxes = work.boxes.map((box) => (box === before ? after : box));
  return edit(work, boxes, id);
}

function reshaped(box: Box, corners: Corners): Box {
  return sameCorners(box.corners, corners) ? box : { ...box, corners, state: "confirmed" };
}

function accepted(box: Box): Box {
  return box.state === "predicted" ? { ...box, state: "confirmed" } : box;
}

function add(work: Work, corners: Corners, label: number): Work {
  const id = work.nextId;
  const box: Box = { id, label, corners, ignore: false, state: "confirmed", prediction: null, truthId: "" };
  return { ...edit(work, [...work.boxes, box], id), nextId: id + 1 };
}

function copy(work: Work, id: number): Work {
  const box = boxOf(work, id);
  if (!box) return work;
  const { size } = work.task;
  // Towards the side where there is more room, so that the copy doesn't lie on its original.
  const dx = box.corners.x1 > size.width - box.corners.x2 ? -COPY_SHIFT : COPY_SHIFT;
  const dy = box.corners.y1 > size.height - box.corners.y2 ? -COPY_SHIFT : COPY_SHIFT;
  const corners = moved(box.corners, dx, dy, size);
  return sameCorners(corners, box.corners) ? work : add(work, corners, box.label);
}

function remove(work: Work, id: number): Work {
  const before = boxOf(work, id);
  if (!before) return work;
  const boxes = before.prediction
    ? work.boxes.map((box): Box => (box === before ? { ...box, state: "rejected" } : box))
    : work.boxes.filter((box) => box !== before);
  return edit(work, boxes, 0);
}

function acceptAll(work: Work): Work {
  const boxes = work.boxes.map((box) => (isVisible(work, box) ? accepted(box) : box));
  return boxes.every((box, i) => box === work.boxes[i]) ? work : edit(work, boxes, work.selected);
}

function undo(work: Work): Work {
  if (!work.past) return work;
  const { boxes, selected, below } = work.past;
  const future = { boxes: work.boxes, selected: work.selected, below: work.future };
  return select({ ...work, boxes, past: below, future }, selected);
}

function redo(work: Work): Work {
  if (!work.future) return work;
  const { boxes, selected, below } = work.future;
  const past = { boxes: work.boxes, selected: work.selected, below: work.past };
  return select({ ...work, boxes, past, future: below }, selected);
}

// Goes on with boxes that were kept; undo leads back to the task as it was served.
export function restore(work: Work, boxes: readonly Box[], nextId: number): Work {
  return { ...edit(work, boxes, 0), nextId };
}
