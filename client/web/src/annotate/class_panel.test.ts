import { expect, test } from "vitest";
import { found } from "./class_panel";

const classes = ["scratch", "dent", "crack", "Cross"].map((name, i) => ({ name, label: i + 1 }));
const names = (text: string) => found(classes, text).map(({ name, i }) => [name, i]);

test("names that begin with the text come first, with their own places", () => {
  expect(names("cr")).toEqual([
    ["crack", 2],
    ["Cross", 3],
    ["scratch", 0],
  ]);
  expect(names("")).toEqual(classes.map(({ name }, i) => [name, i]));
  expect(names("x")).toEqual([]);
});
