import { expect, test } from "vitest";
import { CLASS_KEYS, LETTERS, keyOf, labelsByKey } from "./class_keys";
import { groups } from "./keys";

const classes = (...keys: string[]) =>
  keys.map((key, i) => ({ label: i + 1, name: `c${i}`, display: { key } }));

test("classes without a key have the digits of their places, as far as these are free", () => {
  expect([...labelsByKey(classes("", "", ""))]).toEqual([
    ["1", 1],
    ["2", 2],
    ["3", 3],
  ]);
  expect([...labelsByKey(classes("", "1", "Q"))]).toEqual([
    ["1", 2],
    ["Q", 3],
  ]);
  expect(keyOf(1, classes("", "1", "Q"))).toBe("");
  const many = classes(...Array.from({ length: 12 }, () => ""));
  expect(keyOf(10, many)).toBe("0");
  expect(keyOf(11, many)).toBe("");
});

test("the letters for classes do nothing else on the page", () => {
  const others = groups.flatMap(({ keys }) => keys).filter(({ name }) => name !== "label");
  const taken = new Set(others.flatMap(({ chords }) => chords));
  expect(LETTERS.filter((letter) => taken.has(letter))).toEqual([]);
  const free = [..."ABCDEFGHIJKLMNOPQRSTUVWXYZ"].filter((letter) => !taken.has(letter));
  expect(free).toEqual(LETTERS);
  expect(CLASS_KEYS).not.toContain("0");
});
