// Made-up tasks and edits for property tests, from a seed.

import type { Task } from "./task";
import type { Action, Work } from "./work";

export type Random = () => number; // in [0, 1)

// mulberry32
export function randomOf(seed: number): Random {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function taskWith(changes: Partial<Task>): Task {
  return {
    id: "7",
    lease: "1",
    imageId: "3",
    hash: "00",
    mediaType: "image/jpeg",
    fileName: "part.jpg",
    size: { width: 200, height: 100 },
    blind: false,
    predictions: [],
    truth: [],
    newClasses: [],
    remarks: { note: "", flags: [] },
    generation: 1,
    why: "",
    requestReason: "",
    ...changes,
  };
}

export function randomTask(random: Random): Task {
  const size = { width: 1 + Math.floor(random() * 300), height: 1 + Math.floor(random() * 300) };
  // Some reach beyond the image.
  const corners = () => {
    const x1 = (random() * 1.1 - 0.05) * size.width;
    const y1 = (random() * 1.1 - 0.05) * size.height;
    return { x1, y1, x2: x1 + random() * size.width, y2: y1 + random() * size.height };
  };
  const label = () => 1 + Math.floor(random() * 3);
  const predictions = Array.from({ length: Math.floor(random() * 6) }, (_, index) => {
    return { index, corners: corners(), label: label(), score: 0.3 + random() * 0.7, sideCertainty: null };
  });
  const truth = Array.from({ length: Math.floor(random() * 3) }, (_, i) => {
    return { boxId: String(100 + i), corners: corners(), label: label(), ignore: random() < 0.3 };
  });
  return taskWith({ size, predictions, truth });
}

// Any action but undo and redo.
export function randomEdit(random: Random, work: Work): Action {
  const { width, height } = work.task.size;
  // Points and ways reach far beyond the image.
  const point = () => ({ x: (random() * 3 - 1) * width, y: (random() * 3 - 1) * height });
  const way = () => (random() < 0.3 ? Math.round(random() * 4 - 2) : (random() * 2 - 1) * 300);
  const side = () => (Math.floor(random() * 3) - 1) as -1 | 0 | 1;
  const anyId = () => work.boxes[Math.floor(random() * work.boxes.length)]?.id ?? 0;
  const id = anyId();
  // Mostly one, some of them of no box in view.
  const ids = random() < 0.6 ? [id] : Array.from({ length: Math.floor(random() * 5) }, anyId);
  const label = 1 + Math.floor(random() * 3);
  const copied = () => {
    const { x: x1, y: y1 } = point();
    return { corners: { x1, y1, x2: x1 + random() * 80, y2: y1 + random() * 80 }, label, ignore: false };
  };
  const actions: (() => Action)[] = [
    () => ({ do: "select", ids }),
    () => ({ do: "threshold", value: 0.3 + random() * 0.7 }),
    () => ({ do: "remark", remarks: { note: String(random()), flags: [] } }),
    () => ({ do: "draw", from: point(), to: random() < 0.2 ? point() : { x: 1, y: 1 }, label }),
    () => ({ do: "move", ids, dx: way(), dy: way() }),
    () => ({ do: "resize", id, grip: { x: side(), y: side() }, dx: way(), dy: way() }),
    () => ({ do: "relabel", ids, label }),
    () => ({ do: "accept", ids }),
    () => ({ do: "reject", ids }),
    () => ({ do: "delete", ids }),
    () => ({ do: "duplicate", ids }),
    () => ({ do: "copy", boxes: [copied(), copied()] }),
    () => ({ do: "acceptAll" }),
  ];
  return actions[Math.floor(random() * actions.length)]!();
}
