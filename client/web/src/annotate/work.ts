// What a person has made of a task so far: the boxes, what is selected, and the way back. A pure reducer.

import { around, clipped, cornersBetween, moved, movedWithin, resized, sameCorners } from "./corners";
import type { Corners, Grip, Point } from "./corners";
import type { LabelError, Prediction, Task } from "./task";

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
  readonly copied: boolean; // from the image before, which looks almost the same
  readonly atOnce: boolean; // accepted with all that were left
}

// What is written about the image. Undo doesn't touch it: text fields have their own.
export interface Remarks {
  readonly note: string;
  readonly flags: readonly string[];
}

// Selection is a part of each step, so that undo shows what it changes.
interface Step {
  readonly boxes: readonly Box[];
  readonly selected: readonly number[];
  readonly decided: readonly string[];
  readonly below: Step | null;
}

export interface Work {
  readonly task: Task;
  readonly boxes: readonly Box[];
  readonly selected: readonly number[]; // ids of visible boxes, each once
  // Ids of label errors that were mended as proposed, or kept.
  readonly decided: readonly string[];
  readonly nextId: number;
  // Predicted boxes below it are hidden. That isn't an edit.
  readonly threshold: number;
  readonly remarks: Remarks;
  readonly past: Step | null;
  readonly future: Step | null;
}

// Ids that aren't those of visible boxes are passed over.
export type Action =
  | { do: "select"; ids: readonly number[] }
  | { do: "threshold"; value: number }
  | { do: "remark"; remarks: Remarks }
  | { do: "draw"; from: Point; to: Point; label: number }
  | { do: "move"; ids: readonly number[]; dx: number; dy: number }
  | { do: "resize"; id: number; grip: Grip; dx: number; dy: number }
  | { do: "relabel"; ids: readonly number[]; label: number }
  | { do: "accept" | "reject" | "delete" | "duplicate"; ids: readonly number[] }
  | { do: "copy"; boxes: readonly CopiedBox[] }
  | { do: "mend" | "keep"; error: string } // id of a label error
  | { do: "acceptAll" | "undo" | "redo" };

export interface CopiedBox {
  readonly corners: Corners;
  readonly label: number;
  readonly ignore: boolean;
}

const DUPLICATE_SHIFT = 12; // pixels

export function startWork(task: Task, threshold: number): Work {
  const predicted = task.predictions.map((prediction, i): Box => {
    const corners = clipped(prediction.corners, task.size);
    const { label } = prediction;
    return { ...drawn(corners, label), id: i + 1, state: "predicted", prediction };
  });
  const known = task.truth.map((box, i): Box => {
    const corners = clipped(box.corners, task.size);
    const { label, ignore, boxId } = box;
    const id = predicted.length + i + 1;
    return { ...drawn(corners, label), id, ignore, truthId: boxId };
  });
  const boxes = [...predicted, ...known];
  const { remarks } = task;
  const nextId = boxes.length + 1;
  const start = { selected: [], decided: [], past: null, future: null };
  return { task, boxes, nextId, threshold, remarks, ...start };
}

export function reduce(work: Work, action: Action): Work {
  const { size } = work.task;
  switch (action.do) {
    case "select":
      return select(work, action.ids);
    case "threshold":
      if (action.value === work.threshold) return work;
      return select({ ...work, threshold: action.value }, work.selected);
    case "remark":
      return { ...work, remarks: action.remarks };
    case "draw":
      return add(work, [drawn(cornersBetween(action.from, action.to, size), action.label)]);
    case "move":
      return move(work, action.ids, action.dx, action.dy);
    case "resize":
      return change(work, [action.id], (box) =>
        reshaped(box, resized(box.corners, action.grip, action.dx, action.dy, size)),
      );
    case "relabel":
      return change(work, action.ids, (box) =>
        box.label === action.label ? box : { ...box, label: action.label, state: "confirmed" },
      );
    case "accept":
      return change(work, action.ids, (box) => (box.prediction ? accepted(box, false) : box));
    case "reject":
      return remove(work, action.ids, (box) => box.prediction !== null);
    case "delete":
      return remove(work, action.ids, () => true);
    case "duplicate":
      return duplicate(work, action.ids);
    case "copy":
      return add(work, copiesOf(work, action.boxes));
    case "mend":
    case "keep":
      return decide(work, action.error, action.do === "mend");
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
  const box = work.boxes.find((each) => each.id === id);
  return box && isVisible(work, box) ? box : undefined;
}

// In the order of `boxes`.
export function selectedBoxes(work: Work): Box[] {
  return visibleOf(work, work.selected);
}

function visibleOf(work: Work, ids: readonly number[]): Box[] {
  const chosen = new Set(ids);
  return work.boxes.filter((box) => chosen.has(box.id) && isVisible(work, box));
}

// The selected box, where it is the only one.
export function soleBox(work: Work): Box | undefined {
  return work.selected.length === 1 ? boxOf(work, work.selected[0]!) : undefined;
}

// The class that a choice of another one would change: of the selected boxes, or where none is selected
// `next`, of boxes drawn next. 0: the selected boxes have several.
export function chosenLabel(work: Work | null, next: number): number {
  const labels = new Set(work ? selectedBoxes(work).map((box) => box.label) : []);
  if (labels.size > 1) return 0;
  return [...labels][0] ?? next;
}

// Whether nothing would be lost with it.
export function isUntouched(work: Work): boolean {
  return work.past === null && work.remarks === work.task.remarks;
}

function select(work: Work, ids: readonly number[]): Work {
  const visible = new Set(work.boxes.filter((box) => isVisible(work, box)).map((box) => box.id));
  const selected = [...new Set(ids)].filter((id) => visible.has(id));
  const isSame = selected.length === work.selected.length && selected.every((id, i) => id === work.selected[i]);
  return isSame ? work : { ...work, selected };
}

function edit(work: Work, boxes: readonly Box[], selected: readonly number[]): Work {
  return select({ ...work, boxes, past: stepOf(work, work.past), future: null }, selected);
}

function stepOf({ boxes, selected, decided }: Work, below: Step | null): Step {
  return { boxes, selected, decided, below };
}

// Changes these of the visible boxes, in one step, and selects them.
function change(work: Work, ids: readonly number[], changed: (box: Box) => Box): Work {
  const chosen = new Set(ids);
  const boxes = work.boxes.map((box) => (chosen.has(box.id) && isVisible(work, box) ? changed(box) : box));
  return boxes.every((box, i) => box === work.boxes[i]) ? work : edit(work, boxes, ids);
}

// Boxes that are moved together keep their distances.
function move(work: Work, ids: readonly number[], dx: number, dy: number): Work {
  const corners = visibleOf(work, ids).map((box) => box.corners);
  if (corners.length === 0) return work;
  const by = movedWithin(around(corners), dx, dy, work.task.size);
  return change(work, ids, (box) => reshaped(box, moved(box.corners, by.x, by.y)));
}

function reshaped(box: Box, corners: Corners): Box {
  return sameCorners(box.corners, corners) ? box : { ...box, corners, state: "confirmed" };
}

// A box that was accepted with others is judged when it is accepted by itself.
function accepted(box: Box, atOnce: boolean): Box {
  if (box.state === "predicted") return { ...box, state: "confirmed", atOnce };
  return box.atOnce && !atOnce ? { ...box, atOnce } : box;
}

type NewBox = Omit<Box, "id">;

function drawn(corners: Corners, label: number): NewBox {
  const made = { prediction: null, truthId: "", copied: false, atOnce: false };
  return { label, corners, ignore: false, state: "confirmed", ...made };
}

function add(work: Work, added: readonly NewBox[]): Work {
  if (added.length === 0) return work;
  const boxes = added.map((box, i) => ({ ...box, id: work.nextId + i }));
  const nextId = work.nextId + boxes.length;
  return edit(
    { ...work, nextId },
    [...work.boxes, ...boxes],
    boxes.map((box) => box.id),
  );
}

function duplicate(work: Work, ids: readonly number[]): Work {
  const originals = visibleOf(work, ids);
  if (originals.length === 0) return work;
  const { size } = work.task;
  // Towards the side where there is more room, so that the new ones don't lie on the old ones.
  const whole = around(originals.map((box) => box.corners));
  const dx = whole.x1 > size.width - whole.x2 ? -DUPLICATE_SHIFT : DUPLICATE_SHIFT;
  const dy = whole.y1 > size.height - whole.y2 ? -DUPLICATE_SHIFT : DUPLICATE_SHIFT;
  const by = movedWithin(whole, dx, dy, size);
  if (by.x === 0 && by.y === 0) return work;
  return add(
    work,
    originals.map((box) => drawn(moved(box.corners, by.x, by.y), box.label)),
  );
}

// The copies that would be made of these boxes: not of those that are there already.
export function copiesOf(work: Work, boxes: readonly CopiedBox[]): NewBox[] {
  const visible = work.boxes.filter((box) => isVisible(work, box));
  const isThere = (corners: Corners, label: number) =>
    visible.some((box) => box.label === label && sameCorners(box.corners, corners));
  return boxes.flatMap(({ corners, label, ignore }): NewBox[] => {
    const inside = clipped(corners, work.task.size);
    return isThere(inside, label) ? [] : [{ ...drawn(inside, label), ignore, copied: true }];
  });
}

// What was a predicted box is kept as a rejected one.
function remove(work: Work, ids: readonly number[], mayGo: (box: Box) => boolean): Work {
  const gone = new Set(visibleOf(work, ids).filter(mayGo));
  if (gone.size === 0) return work;
  const boxes = work.boxes.flatMap((box): Box[] => {
    if (!gone.has(box)) return [box];
    return box.prediction ? [{ ...box, state: "rejected" }] : [];
  });
  return edit(work, boxes, work.selected);
}

// A label error is mended as proposed or kept. Nothing is selected then: what comes next is another place.
function decide(work: Work, id: string, isMended: boolean): Work {
  const error = work.task.labelErrors?.find((each) => each.id === id);
  if (!error || work.decided.includes(id)) return work;
  const mended = isMended ? mend(work, error) : work;
  const after = mended === work ? edit(work, work.boxes, []) : mended;
  return { ...after, selected: [], decided: [...work.decided, id] };
}

function mend(work: Work, { kind, boxId, corners, label }: LabelError): Work {
  const inside = corners && clipped(corners, work.task.size);
  if (kind === "missing") return inside ? add(work, [drawn(inside, label)]) : work;
  const ids = work.boxes.filter((box) => box.truthId === boxId).map((box) => box.id);
  if (kind === "invented") return remove(work, ids, () => true);
  if (kind === "wrong class") return reduce(work, { do: "relabel", ids, label });
  return change(work, ids, (box) => (inside ? reshaped(box, inside) : box));
}

function acceptAll(work: Work): Work {
  const boxes = work.boxes.map((box) =>
    box.state === "predicted" && isVisible(work, box) ? accepted(box, true) : box,
  );
  return boxes.every((box, i) => box === work.boxes[i]) ? work : edit(work, boxes, work.selected);
}

function undo(work: Work): Work {
  if (!work.past) return work;
  const { below, ...step } = work.past;
  return select({ ...work, ...step, past: below, future: stepOf(work, work.future) }, step.selected);
}

function redo(work: Work): Work {
  if (!work.future) return work;
  const { below, ...step } = work.future;
  return select({ ...work, ...step, past: stepOf(work, work.past), future: below }, step.selected);
}

export interface Kept {
  readonly boxes: readonly Box[];
  readonly nextId: number;
  readonly remarks: Remarks;
  // What led there, from the start on; a later release of the page may make something else of it.
  readonly actions: readonly Action[];
}

// Goes on with what was kept, and with the way back to each of its steps. Where the actions don't lead to the
// boxes, these count, and undo leads back to the task as it was served.
export function restore(start: Work, { boxes, nextId, remarks, actions }: Kept): Work {
  const again = actions.reduce(reduce, start);
  if (JSON.stringify(again.boxes) === JSON.stringify(boxes)) return { ...again, remarks };
  return { ...edit(start, boxes, []), nextId, remarks };
}

// The actions with one more. What the next one of its kind makes void is left out.
export function logged(actions: readonly Action[], action: Action): Action[] {
  const isVoid = ["select", "threshold", "remark"].includes(action.do) && actions.at(-1)?.do === action.do;
  return [...(isVoid ? actions.slice(0, -1) : actions), action];
}
