import { expect, test } from "vitest";
import { found } from "./class_panel";

const classes = ["scratch", "dent", "crack", "Cross"].map((name, i) => ({ name, label: i + 1 }));
const names = (text: string) => found(classes, text).map(({ name }) => name);

test("names that begin with the text come first", () => {
  expect(names("cr")).toEqual(["crack", "Cross", "scratch"]);
  expect(names("")).toEqual(classes.map(({ name }) => name));
  expect(names("x")).toEqual([]);
});
