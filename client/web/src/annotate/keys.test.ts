import { expect, test } from "vitest";
import { chordOf } from "./chord";
import { chordsOf, conflictOf, groups } from "./keys";
import { settingsOf } from "./settings";

const none = { ctrlKey: false, metaKey: false, shiftKey: false, altKey: false };

test.each([
  [{ key: "a", code: "KeyA" }, "A"],
  [{ key: "A", code: "KeyA", shiftKey: true }, "Shift+A"],
  [{ key: "ф", code: "KeyA" }, "A"],
  [{ key: "z", code: "KeyZ", ctrlKey: true }, "Ctrl+Z"],
  [{ key: "Z", code: "KeyZ", metaKey: true, shiftKey: true }, "Ctrl+Shift+Z"],
  [{ key: "z", code: "KeyY", ctrlKey: true }, "Ctrl+Z"], // a German keyboard
  [{ key: "?", code: "Slash", shiftKey: true }, "?"],
  [{ key: " ", code: "Space" }, "Space"],
  [{ key: "Tab", code: "Tab", shiftKey: true }, "Shift+Tab"],
  [{ key: "7", code: "Digit7" }, "7"],
  [{ key: "ArrowUp", code: "ArrowUp", shiftKey: true, ctrlKey: true }, "Ctrl+Shift+ArrowUp"],
])("%j is written %j", (event, chord) => {
  expect(chordOf({ ...none, ...event })).toBe(chord);
});

test("no two keys have the same chord", () => {
  const chords = groups.flatMap((group) => group.keys.flatMap((key) => key.chords));
  expect(new Set(chords).size).toBe(chords.length);
});

const keyOf = (name: string) => groups.flatMap((group) => group.keys).find((key) => key.name === name)!;

test("a person's key takes the place of the first one, and what others have is named", () => {
  const set = settingsOf({ keys: { accept: "Y", label: "P" } });
  expect(chordsOf(keyOf("accept"), set)).toEqual(["Y"]);
  expect(chordsOf(keyOf("undo"), settingsOf({ keys: { undo: "I" } }))).toEqual(["I", "Ctrl+Z"]);
  expect(chordsOf(keyOf("label"), set)[0]).toBe("1"); // fixed
  expect(conflictOf(keyOf("reject"), "Y", set)).toBe("Y is taken: accept what is selected, go to the next.");
  expect(conflictOf(keyOf("reject"), "A", set)).toBe("");
  expect(conflictOf(keyOf("reject"), "Tab", set)).toContain("next predicted box");
  expect(conflictOf(keyOf("accept"), "Y", set)).toBe("");
  expect(conflictOf(keyOf("accept"), "Q", set)).toBe(""); // before a class's
});

test.each([null, 7, "x", [], { keys: 1 }, { keys: { accept: 2 }, crosshairWidth: "wide", crosshair: 1 }])(
  "settings that make no sense are left out: %j",
  (stored) => {
    expect(settingsOf(stored)).toEqual(settingsOf({}));
  },
);
