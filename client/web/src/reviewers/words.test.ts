import { expect, test } from "vitest";
import { alarmText, askedWords, caughtText, evidenceText, figureText, tooFewText } from "./words";

test("an alarm tells its evidence in the unit of its kind", () => {
  const kept = { kind: "PLANTED_ERRORS_KEPT", value: 0.25, low: 0.055, high: 0.572 } as const;
  expect(alarmText(kept)).toBe("leaves planted errors in");
  expect(evidenceText(kept)).toBe("25 % caught (6 % to 57 %)");
  expect(evidenceText({ kind: "NOT_LOOKED_AT", value: 0.15, low: 0.1, high: 0.2 })).toBe(
    "0.1 s a box (0.1 s to 0.2 s)",
  );
  expect(evidenceText({ kind: "MISSES_WHEN_SHOWN", value: 0.12, low: 0.01, high: 0.2 })).toBe(
    "+12 % (+1 % to +20 %)",
  );
  expect(alarmText({})).toContain("doesn't know");
});

test("zeros that the protocol leaves out are figures, too", () => {
  expect(evidenceText({ kind: "PLANTED_ERRORS_KEPT", high: 0.26 })).toBe("0 % caught (0 % to 26 %)");
  expect(figureText({ low: -0.04, high: 0.05 })).toBe("0 % (−4 % to +5 %)");
  expect(figureText(undefined)).toBe("–");
  expect(caughtText({ planted: 12 })).toBe("0 of 12");
  expect(caughtText({})).toBe("–");
});

test("what is too little to compare is said", () => {
  expect(tooFewText({ shownImages: "4", blindImages: "12" })).toContain("4 shown and 12 blind");
  expect(tooFewText({ shownImages: "14", blindImages: "12" })).toContain("no box");
  expect(tooFewText({ shownAgainstBlind: {} })).toBe("");
});

test("what came of asking for reviews is told, and what was asked for already is no trouble", () => {
  expect(askedWords({ imageIds: ["1"] })).toBe("Somebody else will look at 1 image.");
  const asked = (imageId: string) => ({ imageId, reason: "ALREADY_ASKED", message: "Image is asked about." });
  const gone = { imageId: "4", reason: "IMAGE_REMOVED", message: "Image 4 was removed." };
  expect(askedWords({ imageIds: ["1", "5"], problems: [asked("2"), asked("3"), gone] })).toBe(
    "Somebody else will look at 2 images. 2 were asked for already. Image 4 was removed.",
  );
});
