// Keys of the annotation page: one table for what they do and for the help that lists them.

import type { Canvas } from "./canvas";
import type { Desk } from "./desk";
import { step } from "./pick";
import { boxOf } from "./work";

export interface Hands {
  readonly desk: Desk;
  readonly canvas: Canvas;
  readonly toggleHelp: () => void;
  readonly leaveCanvas: () => void;
}

interface Key {
  // As `chordOf` writes them; the first one is shown.
  readonly chords: readonly string[];
  readonly shown?: string;
  readonly what: string;
  readonly press: (hands: Hands, chord: string) => void;
  // Until then what `press` did lasts.
  readonly release?: (hands: Hands) => void;
  // Held down it goes on. Others don't: a held Enter would submit images that nobody has seen.
  readonly repeats?: boolean;
}

interface Group {
  readonly title: string;
  readonly keys: readonly Key[];
}

const PAN = 80; // screen pixels
const ZOOM = 1.25;

const digits = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "0"];
const arrows: Record<string, [number, number]> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};
const arrowChords = (prefix: string) => Object.keys(arrows).map((arrow) => prefix + arrow);

export const groups: readonly Group[] = [
  {
    title: "The model's boxes",
    keys: [
      {
        chords: ["A"],
        what: "accept the selected box, go to the next",
        press: (hands) => judge(hands, "accept"),
      },
      { chords: ["X"], what: "reject it, go to the next", press: (hands) => judge(hands, "reject") },
      {
        chords: ["Shift+A"],
        what: "accept all that are left",
        press: ({ desk }) => desk.dispatch({ do: "acceptAll" }),
      },
      {
        chords: ["Tab"],
        what: "next box, least certain first",
        press: (hands) => walk(hands, 1),
        repeats: true,
      },
      { chords: ["Shift+Tab"], what: "box before", press: (hands) => walk(hands, -1), repeats: true },
    ],
  },
  {
    title: "Boxes",
    keys: [
      { chords: ["N"], shown: "N, or drag", what: "draw; N twice puts a box in the middle", press: draw },
      {
        chords: digits,
        shown: "1 … 9, 0",
        what: "class of the selected box, and of those drawn next",
        press: label,
      },
      {
        chords: arrowChords(""),
        shown: "Arrows",
        what: "move by a pixel; without a selection: pan",
        press: nudge,
        repeats: true,
      },
      {
        chords: arrowChords("Shift+"),
        shown: "Shift+Arrows",
        what: "move by 10 pixels",
        press: nudge,
        repeats: true,
      },
      {
        chords: [...arrowChords("Ctrl+"), ...arrowChords("Ctrl+Shift+")],
        shown: "Ctrl+Arrows",
        what: "resize by a pixel, with Shift by 10",
        press: nudge,
        repeats: true,
      },
      { chords: ["D"], what: "copy the selected box", press: ({ desk }) => onSelected(desk, "copy") },
      {
        chords: ["Delete"],
        what: "delete the selected box",
        press: ({ desk }) => onSelected(desk, "delete"),
      },
      {
        chords: ["Ctrl+Z", "U"],
        shown: "Ctrl+Z, U",
        what: "undo",
        press: ({ desk }) => desk.dispatch({ do: "undo" }),
        repeats: true,
      },
      {
        chords: ["Ctrl+Shift+Z", "Ctrl+Y", "R"],
        shown: "Ctrl+Y, R",
        what: "redo, also Ctrl+Shift+Z",
        press: ({ desk }) => desk.dispatch({ do: "redo" }),
        repeats: true,
      },
    ],
  },
  {
    title: "View",
    keys: [
      {
        chords: ["Z"],
        what: "zoom to the selected box, and back",
        press: ({ canvas }) => canvas.zoomToSelected(),
      },
      { chords: ["F"], what: "whole image", press: ({ canvas }) => canvas.fit() },
      {
        chords: ["+", "="],
        shown: "+, wheel",
        what: "zoom in",
        press: ({ canvas }) => canvas.zoomBy(ZOOM),
        repeats: true,
      },
      {
        chords: ["-"],
        shown: "−, wheel",
        what: "zoom out",
        press: ({ canvas }) => canvas.zoomBy(1 / ZOOM),
        repeats: true,
      },
      {
        chords: ["Space"],
        shown: "Space held",
        what: "drag pans",
        press: ({ canvas }) => canvas.holdSpace(true),
        release: ({ canvas }) => canvas.holdSpace(false),
      },
      {
        chords: ["H"],
        shown: "H held",
        what: "hide the boxes",
        press: ({ canvas }) => canvas.hideBoxes(true),
        release: ({ canvas }) => canvas.hideBoxes(false),
      },
      {
        chords: ["L"],
        shown: "L held",
        what: "show all names",
        press: ({ canvas }) => canvas.showNames(true),
        release: ({ canvas }) => canvas.showNames(false),
      },
    ],
  },
  {
    title: "Images",
    keys: [
      { chords: ["Enter"], what: "submit and next", press: ({ desk }) => desk.submit() },
      { chords: ["S"], what: "skip the image", press: ({ desk }) => desk.skip(desk.skipReason.value) },
      {
        chords: ["Backspace"],
        what: "delete the selected box; without one: open the last image again",
        press: back,
      },
      {
        chords: ["Escape"],
        what: "select nothing; then: leave the image, so that Tab walks the page; from there: back",
        press: escape,
      },
      { chords: ["?"], what: "this list", press: ({ toggleHelp }) => toggleHelp() },
    ],
  },
];

const table = new Map(
  groups.flatMap((group) => group.keys.flatMap((key) => key.chords.map((chord) => [chord, key] as const))),
);

// Handles the keys of a page until the returned function is called.
export function listenToKeys(hands: Hands, root: HTMLElement): () => void {
  const held = new Map<string, Key>(); // by code, since Shift may change between press and release

  function press(event: KeyboardEvent): void {
    const chord = chordOf(event);
    const key = table.get(chord);
    if (chord === "Escape" && event.target !== root && !isInDialog(event)) return root.focus();
    if (!key || isForElement(event, chord, root)) return;
    event.preventDefault();
    hands.desk.touch();
    if (event.repeat && !key.repeats) return;
    if (key.release) held.set(event.code, key);
    key.press(hands, chord);
  }
  function release(event: KeyboardEvent): void {
    held.get(event.code)?.release?.(hands);
    held.delete(event.code);
  }
  function releaseAll(): void {
    for (const key of held.values()) key.release?.(hands);
    held.clear();
  }

  document.addEventListener("keydown", press);
  document.addEventListener("keyup", release);
  addEventListener("blur", releaseAll);
  return () => {
    document.removeEventListener("keydown", press);
    document.removeEventListener("keyup", release);
    removeEventListener("blur", releaseAll);
  };
}

// `Ctrl+Shift+Z`, `?`, `ArrowLeft`. Letters are those of a Latin keyboard also where another one is set.
export function chordOf(
  event: Pick<KeyboardEvent, "key" | "code" | "ctrlKey" | "metaKey" | "shiftKey" | "altKey">,
): string {
  let { key } = event;
  if (/^Key[A-Z]$/.test(event.code) && !/^[a-z]$/i.test(key)) key = event.code.slice(3);
  if (key === " ") key = "Space";
  if (key.length === 1) key = key.toUpperCase();
  const isSign = key.length === 1 && !/[A-Z]/.test(key); // Shift is a part of it
  const shift = event.shiftKey && !isSign ? "Shift+" : "";
  return (event.ctrlKey || event.metaKey ? "Ctrl+" : "") + (event.altKey ? "Alt+" : "") + shift + key;
}

function isInDialog({ target }: KeyboardEvent): boolean {
  return target instanceof Element && target.closest("dialog") !== null;
}

// Whether the element that has the focus takes the key itself.
function isForElement(event: KeyboardEvent, chord: string, root: HTMLElement): boolean {
  const element = event.target instanceof Element ? event.target : document.body;
  if (isInDialog(event)) return chord !== "?";
  if (element.closest("input:not([type=range]), textarea, select")) return true;
  if (chord === "Tab" || chord === "Shift+Tab") return element !== root;
  if (element.closest("input[type=range]")) return chord.includes("Arrow");
  if (element.closest("button, a, summary")) return chord === "Enter" || chord === "Space";
  return false;
}

function judge({ desk, canvas }: Hands, verdict: "accept" | "reject"): void {
  desk.judge(verdict);
  canvas.reveal();
}

function walk({ desk, canvas }: Hands, by: 1 | -1): void {
  const work = desk.work.value;
  if (!work) return;
  desk.dispatch({ do: "select", id: step(work, by) });
  canvas.reveal();
}

function draw({ desk, canvas }: Hands): void {
  const isSecond = canvas.isArmed;
  canvas.arm(!isSecond);
  desk.notice.value = isSecond ? "" : "Drag a box. N again puts one in the middle, Escape none.";
  if (!isSecond) return;
  const [from, to] = canvas.middle();
  desk.dispatch({ do: "draw", from, to, label: desk.label.value });
}

function label({ desk }: Hands, chord: string): void {
  const classes = (desk.project.value.classes ?? []).filter((each) => !each.retired);
  const chosen = classes[digits.indexOf(chord)]?.label;
  if (chosen !== undefined) desk.chooseLabel(chosen);
}

function nudge({ desk, canvas }: Hands, chord: string): void {
  const [x, y] = arrows[chord.slice(chord.lastIndexOf("+") + 1)]!;
  const work = desk.work.value;
  const box = work && boxOf(work, work.selected);
  if (!box) return canvas.pan(-x * PAN, -y * PAN);
  const by = chord.includes("Shift+") ? 10 : 1;
  const [dx, dy] = [x * by, y * by];
  if (!chord.includes("Ctrl+")) return desk.dispatch({ do: "move", id: box.id, dx, dy });
  desk.dispatch({ do: "resize", id: box.id, grip: { x: x === 0 ? 0 : 1, y: y === 0 ? 0 : 1 }, dx, dy });
}

function onSelected(desk: Desk, what: "copy" | "delete"): void {
  const id = desk.work.value?.selected ?? 0;
  if (id !== 0) desk.dispatch({ do: what, id });
}

function back({ desk }: Hands): void {
  if (desk.work.value?.selected) onSelected(desk, "delete");
  else void desk.reopenLast();
}

function escape({ desk, canvas, leaveCanvas }: Hands): void {
  desk.notice.value = "";
  if (canvas.isArmed) canvas.arm(false);
  else if (desk.work.value?.selected) desk.dispatch({ do: "select", id: 0 });
  else leaveCanvas();
}
