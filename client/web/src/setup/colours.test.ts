import { expect, test } from "vitest";
import { areAlike, warningsOf } from "./colours";

test("colours that look alike are found, also for who can't tell red from green", () => {
  expect(areAlike("#ff0000", "#fa0a05")).toBe("everybody");
  expect(areAlike("#ff0000", "#0000ff")).toBe("");
  expect(areAlike("#d2692d", "#87961e")).toBe("some");
  expect(areAlike("#ffffff", "#000000")).toBe("");
});

const classOf = (label: number, name: string, color = "") => ({ label, name, display: { color } });

test("the palette alone gives no warning, as far as it goes", () => {
  const names = ["a", "b", "c", "d", "e", "f", "g"];
  expect(warningsOf(names.map((name, i) => classOf(i + 1, name)))).toEqual([]);
});

test("warnings name the classes", () => {
  expect(
    warningsOf([classOf(1, "pit", "#101010"), classOf(2, "dent", "#e69f00"), classOf(3, "rim", "#e69f00")]),
  ).toEqual([
    "pit: so dark a colour is lost in the picture's frame and in the edges of boxes.",
    "dent and rim: their colours look alike to everybody.",
  ]);
  expect(warningsOf([classOf(1, "a", "#ffffff"), { ...classOf(2, "b", "#ffffff"), retired: true }])).toEqual(
    [],
  );
});
