// Keys of the annotation page: one table for what they do and for the help that lists them.

import { computed } from "@preact/signals";
import type { Canvas } from "./canvas";
import { chordOf } from "./chord";
import { DIGITS, LETTERS, labelsByKey } from "./class_keys";
import type { Desk } from "./desk";
import type { Tool } from "./gestures";
import { currentError } from "./label_errors";
import { step } from "./pick";
import { change, settings } from "./settings";
import type { Settings } from "./settings";
import { boxOf, isVisible, selectedBoxes, soleBox } from "./work";

export interface Hands {
  readonly desk: Desk;
  readonly canvas: Canvas;
  readonly toggleHelp: () => void;
  readonly leaveCanvas: () => void;
  // Puts the focus into the field, which is in the panel.
  readonly enter: (field: "search" | "note") => void;
}

export interface Key {
  // In a person's settings.
  readonly name: string;
  // As `chordOf` writes them. A person can put another one in the place of the first, unless it is fixed.
  readonly chords: readonly string[];
  readonly isFixed?: boolean;
  // Instead of chords that are fixed.
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
const FAR = 10; // image pixels

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
        name: "accept",
        chords: ["A"],
        what: "accept what is selected, go to the next",
        press: (hands) => judge(hands, "accept"),
      },
      {
        name: "reject",
        chords: ["X"],
        what: "reject it, go to the next",
        press: (hands) => judge(hands, "reject"),
      },
      {
        name: "acceptAll",
        chords: ["Shift+A"],
        what: "accept all that are left",
        press: ({ desk }) => desk.dispatch({ do: "acceptAll" }),
      },
      {
        name: "next",
        chords: ["Tab", "."],
        what: "next predicted box, least certain first; when none is left, the others",
        press: (hands) => walk(hands, 1),
        repeats: true,
      },
      {
        name: "previous",
        chords: ["Shift+Tab", ","],
        what: "box before, of all",
        press: (hands) => walk(hands, -1),
        repeats: true,
      },
    ],
  },
  {
    title: "Likely errors in labels",
    keys: [
      {
        name: "mend",
        chords: ["Shift+M"],
        what: "mend the label as proposed, go to the next likely error",
        press: (hands) => decide(hands, "mend"),
      },
      {
        name: "keep",
        chords: ["Shift+K"],
        what: "keep the label as it is, go to the next likely error",
        press: (hands) => decide(hands, "keep"),
      },
    ],
  },
  {
    title: "New boxes",
    keys: [
      {
        name: "draw",
        chords: ["N"],
        what: "draw by a drag or two clicks; N again puts a box in the middle",
        press: draw,
      },
      {
        name: "extremes",
        chords: ["E"],
        what: "draw by four clicks: where it reaches farthest",
        press: (hands) => take(hands, "extremes", "Click the four points that reach farthest, in any order."),
      },
      {
        name: "duplicate",
        chords: ["D"],
        what: "duplicate what is selected",
        press: ({ desk }) => onSelected(desk, "duplicate"),
      },
      {
        name: "copy",
        chords: ["K"],
        what: "copy the boxes of the last image, if this one looks almost the same",
        press: ({ desk }) => desk.copyBoxes(),
      },
    ],
  },
  {
    title: "Selected boxes",
    keys: [
      {
        name: "label",
        chords: [...DIGITS, ...LETTERS],
        isFixed: true,
        shown: "1 … 9, 0, letters",
        what: "class of these boxes, and of those drawn next: the panel shows its key",
        press: label,
      },
      {
        name: "search",
        chords: ["/"],
        what: "search a class by its name",
        press: ({ enter }) => enter("search"),
      },
      {
        name: "move",
        chords: arrowChords(""),
        isFixed: true,
        shown: "Arrows",
        what: "move by a pixel; without a selection: pan",
        press: nudge,
        repeats: true,
      },
      {
        name: "moveFar",
        chords: arrowChords("Shift+"),
        isFixed: true,
        shown: "Shift+Arrows",
        what: "move by 10 pixels",
        press: nudge,
        repeats: true,
      },
      {
        name: "far",
        chords: ["J"],
        what: "arrows alone go by 10 pixels too, and back",
        press: ({ desk }) => {
          desk.goesFar = !desk.goesFar;
          desk.notice.value = desk.goesFar ? "Arrows go by 10 pixels." : "Arrows go by 1 pixel.";
        },
      },
      {
        name: "resize",
        chords: [...arrowChords("Ctrl+"), ...arrowChords("Ctrl+Shift+")],
        isFixed: true,
        shown: "Ctrl+Arrows",
        what: "resize by a pixel, with Shift by 10",
        press: nudge,
        repeats: true,
      },
      {
        name: "grab",
        chords: ["G"],
        what: "the nearest corner follows pointer and arrows, until a click, Enter or G",
        press: grab,
      },
      {
        name: "band",
        chords: ["B"],
        what: "select all boxes in a part of the image, also Shift+drag",
        press: (hands) => take(hands, "select", "Drag around the boxes."),
      },
      {
        name: "selectAll",
        chords: ["Ctrl+A"],
        what: "select all boxes",
        press: ({ desk }) => selectAll(desk),
      },
      {
        name: "delete",
        chords: ["Delete"],
        what: "delete",
        press: ({ desk }) => onSelected(desk, "delete"),
      },
      {
        name: "undo",
        chords: ["U", "Ctrl+Z"],
        what: "undo",
        press: ({ desk }) => desk.dispatch({ do: "undo" }),
        repeats: true,
      },
      {
        name: "redo",
        chords: ["R", "Ctrl+Y", "Ctrl+Shift+Z"],
        what: "redo",
        press: ({ desk }) => desk.dispatch({ do: "redo" }),
        repeats: true,
      },
    ],
  },
  {
    title: "View",
    keys: [
      {
        name: "zoom",
        chords: ["Z"],
        what: "zoom to what is selected, or else to the likely error, and back",
        press: ({ canvas }) => canvas.zoomToSelected(),
      },
      { name: "fit", chords: ["F"], what: "whole image", press: ({ canvas }) => canvas.fit() },
      {
        name: "zoomIn",
        chords: ["+", "="],
        what: "zoom in, also by the wheel",
        press: ({ canvas }) => canvas.zoomBy(ZOOM),
        repeats: true,
      },
      {
        name: "zoomOut",
        chords: ["-"],
        what: "zoom out",
        press: ({ canvas }) => canvas.zoomBy(1 / ZOOM),
        repeats: true,
      },
      {
        name: "pan",
        chords: ["Space"],
        shown: "Space held",
        isFixed: true,
        what: "drag pans",
        press: ({ canvas }) => canvas.holdSpace(true),
        release: ({ canvas }) => canvas.holdSpace(false),
      },
      { name: "hide", chords: ["H"], what: "hide the boxes, and show them again", press: hide },
      {
        name: "names",
        chords: ["L"],
        what: "while it is held: names of all boxes",
        press: ({ canvas }) => canvas.showNames(true),
        release: ({ canvas }) => canvas.showNames(false),
      },
      {
        name: "crosshair",
        chords: ["C"],
        what: "crosshair on and off",
        press: () => change({ crosshair: !settings.value.crosshair }),
      },
    ],
  },
  {
    title: "Images",
    keys: [
      {
        name: "submit",
        chords: ["Enter"],
        what: "submit and next",
        press: ({ desk, canvas }) => (canvas.gestures.isHolding ? canvas.gestures.putHeld() : desk.submit()),
      },
      {
        name: "skip",
        chords: ["S"],
        what: "skip the image",
        press: ({ desk }) => desk.skip(desk.skipReason.value),
      },
      {
        name: "note",
        chords: ["M"],
        what: "write a note about the image",
        press: ({ enter }) => enter("note"),
      },
      {
        name: "back",
        chords: ["Backspace"],
        what: "delete what is selected; without a selection: open the last image again",
        press: back,
      },
      {
        name: "escape",
        chords: ["Escape"],
        isFixed: true,
        what: "select nothing; then: leave the image, so that Tab walks the page; from there: back",
        press: escape,
      },
      { name: "help", chords: ["?"], what: "this list", press: ({ toggleHelp }) => toggleHelp() },
    ],
  },
];

const all = groups.flatMap((group) => group.keys);

// With what a person has set.
export function chordsOf(key: Key, { keys }: Settings): readonly string[] {
  const own = keys[key.name];
  return own === undefined || key.isFixed ? key.chords : [own, ...key.chords.slice(1)];
}

const keyOf = (name: string) => all.find((key) => key.name === name)!;

// Whether the chord chooses a class: a person may have put another key in its place.
export function choosesClass(chord: string): boolean {
  return table.value.get(chord)?.name === "label";
}

// The chord that a button of the page shows for what it does.
export function shownChord(name: string): string {
  return chordsOf(keyOf(name), settings.value)[0]!;
}

// As if the key was pressed.
export function pressKey(hands: Hands, name: string): void {
  const key = keyOf(name);
  key.press(hands, key.chords[0]!);
}

function tableOf(set: Settings): Map<string, Key> {
  // What a person has set goes before the others.
  const isOwn = (key: Key) => Number(key.name in set.keys && !key.isFixed);
  const keys = [...all].sort((a, b) => isOwn(a) - isOwn(b));
  return new Map(keys.flatMap((key) => chordsOf(key, set).map((chord) => [chord, key] as const)));
}

const table = computed(() => tableOf(settings.value));

// Why the key can't have this chord; empty: it can.
export function conflictOf(key: Key, chord: string, set: Settings): string {
  const other = tableOf(set).get(chord);
  // A person's own key goes before that of a class.
  if (other?.name === "label" && LETTERS.includes(chord)) return "";
  return other && other !== key ? `${chord} is taken: ${other.what}.` : "";
}

// Handles the keys of a page until the returned function is called.
export function listenToKeys(hands: Hands, root: HTMLElement): () => void {
  const held = new Map<string, Key>(); // by code, since Shift may change between press and release

  function press(event: KeyboardEvent): void {
    const chord = chordOf(event);
    const key = table.value.get(chord);
    if (chord === "Escape" && event.target !== root && !isInDialog(event)) return root.focus();
    if (!key || isForElement(event, chord, root)) return;
    event.preventDefault();
    hands.desk.touch();
    if (event.repeat && !key.repeats) return;
    // What a drag makes would be lost, or come to another image.
    if (hands.canvas.gestures.isDragging && key.name !== "escape" && !key.release) {
      hands.desk.notice.value = "Keys wait until you let go. Escape gives the drag up.";
      return;
    }
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

function isInDialog({ target }: KeyboardEvent): boolean {
  return target instanceof Element && target.closest("dialog") !== null;
}

// They take all keys but Escape.
export const FIELDS = "input:not([type=range], [type=checkbox]), textarea, select";

// Whether the element that has the focus takes the key itself.
function isForElement(event: KeyboardEvent, chord: string, root: HTMLElement): boolean {
  const element = event.target instanceof Element ? event.target : document.body;
  if (isInDialog(event)) return chord !== "?" || element.closest("[data-takes-keys]") !== null;
  if (element.closest(FIELDS)) return true;
  if (chord === "Tab" || chord === "Shift+Tab") return element !== root;
  if (element.closest("input[type=range]")) return chord.includes("Arrow");
  if (element.closest("button, a, summary, input")) return chord === "Enter" || chord === "Space";
  return false;
}

function judge({ desk, canvas }: Hands, verdict: "accept" | "reject"): void {
  desk.judge(verdict);
  canvas.reveal();
}

// Nobody decides about what they don't see.
function decide({ desk, canvas }: Hands, verdict: "mend" | "keep"): void {
  const work = desk.work.value;
  if (!work) return;
  const error = currentError(work);
  canvas.hideBoxes(false);
  if (error) desk.dispatch({ do: verdict, error: error.id });
  else desk.notice.value = "No likely error in the labels is left here.";
  canvas.reveal();
}

function walk({ desk, canvas }: Hands, by: 1 | -1): void {
  const work = desk.work.value;
  if (!work) return;
  const id = step(work, by);
  desk.dispatch({ do: "select", ids: [id] });
  canvas.reveal();
  if (id === work.selected.at(-1) && boxOf(work, id)?.state === "predicted") {
    desk.notice.value = `No other predicted box is left. ${shownChord("previous")} walks all boxes.`;
  }
}

// The same key again puts the tool away.
function take({ desk, canvas }: Hands, tool: Tool, notice: string): void {
  const isSecond = canvas.tool === tool;
  canvas.gestures.cancel();
  canvas.take(isSecond ? "none" : tool);
  desk.notice.value = isSecond ? "" : notice;
}

function draw(hands: Hands): void {
  const { canvas } = hands;
  const isSecond = canvas.tool === "draw";
  take(hands, "draw", `Drag a box, or click two corners. ${shownChord("draw")} again puts one in the middle.`);
  if (!isSecond) return;
  canvas.drawInMiddle();
}

function grab({ desk, canvas }: Hands): void {
  const { gestures } = canvas;
  if (gestures.isHolding) return gestures.putHeld();
  canvas.take("none");
  if (gestures.grab()) desk.notice.value = "The corner follows. A click or Enter puts it, Escape leaves it.";
}

function hide({ desk, canvas }: Hands): void {
  const areHidden = !canvas.areBoxesHidden;
  canvas.hideBoxes(areHidden);
  desk.notice.value = areHidden ? "The boxes are hidden. The same key shows them." : "";
}

function label({ desk }: Hands, chord: string): void {
  const chosen = labelsByKey(desk.offered).get(chord);
  if (chosen !== undefined) desk.chooseLabel(chosen);
}

function nudge({ desk, canvas }: Hands, chord: string): void {
  const [x, y] = arrows[chord.slice(chord.lastIndexOf("+") + 1)]!;
  const work = desk.work.value;
  const by = chord.includes("Shift+") || desk.goesFar ? FAR : 1;
  const [dx, dy] = [x * by, y * by];
  if (canvas.gestures.isHolding) return canvas.gestures.moveHeld(dx, dy);
  if (!work || work.selected.length === 0) return canvas.pan(-x * PAN, -y * PAN);
  if (!chord.includes("Ctrl+")) return desk.dispatch({ do: "move", ids: work.selected, dx, dy });
  const box = soleBox(work);
  if (!box) return;
  desk.dispatch({ do: "resize", id: box.id, grip: { x: x === 0 ? 0 : 1, y: y === 0 ? 0 : 1 }, dx, dy });
}

export function selectAll(desk: Desk): void {
  const work = desk.work.value;
  if (!work) return;
  const visible = work.boxes.filter((box) => isVisible(work, box));
  desk.dispatch({ do: "select", ids: visible.map((box) => box.id) });
}

function onSelected(desk: Desk, what: "duplicate" | "delete"): void {
  desk.dispatch({ do: what, ids: desk.work.value?.selected ?? [] });
}

function back({ desk }: Hands): void {
  const work = desk.work.value;
  if (work && selectedBoxes(work).length > 0) onSelected(desk, "delete");
  else void desk.reopenLast();
}

function escape({ desk, canvas, leaveCanvas }: Hands): void {
  desk.notice.value = "";
  if (canvas.gestures.cancel()) return;
  if (canvas.tool !== "none") canvas.take("none");
  else if (desk.work.value?.selected.length) desk.dispatch({ do: "select", ids: [] });
  else leaveCanvas();
}
