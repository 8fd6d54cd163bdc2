import { expect, test } from "vitest";
import { progressOf } from "./progress";

test("how far a project is, in words", () => {
  expect(progressOf({ images: "1200", labelled: "41" })).toBe(`41 of ${(1200).toLocaleString()} labelled`);
});

test("a project without images says so", () => {
  expect(progressOf({})).toBe("no pictures yet");
});
