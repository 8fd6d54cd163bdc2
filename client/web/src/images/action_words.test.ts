import { expect, test } from "vitest";
import { EXCLUDED, isUnused, namedText } from "./action_words";

test("excluded images and those set aside can be restored", () => {
  expect(isUnused({ image: { state: "EXCLUDED" } }, undefined)).toBe(true);
  expect(isUnused({ image: { state: "SET_ASIDE" } }, undefined)).toBe(true);
  expect(isUnused({ image: { state: "USABLE" } }, undefined)).toBe(false);
});

test("what was done since an image was read counts", () => {
  expect(isUnused({ image: { state: "USABLE" } }, EXCLUDED)).toBe(true);
  expect(isUnused({ image: { state: "EXCLUDED" } }, "in use again")).toBe(false);
});

test("an image is told by its file name", () => {
  const names = new Map([["12", "a$&b.png"]]);
  expect(namedText("image 12 is excluded", "12", names)).toBe("a$&b.png is excluded");
  expect(namedText("image 13 is excluded", "13", names)).toBe("image 13 is excluded");
});
