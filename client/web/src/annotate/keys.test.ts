import { expect, test } from "vitest";
import { chordOf, groups } from "./keys";

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
