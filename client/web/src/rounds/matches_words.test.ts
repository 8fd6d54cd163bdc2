import { expect, test } from "vitest";
import { countOf, kindOf, matchWords } from "./matches_words";
import { thresholdIn } from "./threshold";

const classes = [
  { label: 1, name: "pit" },
  { label: 2, name: "<b>crack</b>" },
];

test("each kind says what is wrong with the box", () => {
  const found = { predictedBox: {}, predictedLabel: 1, score: 0.91 };
  expect(matchWords({ kind: "FALSE_POSITIVE", ...found }, classes)).toBe("pit 0.910");
  expect(matchWords({ kind: "FALSE_POSITIVE", ...found, trueBox: { label: 1 } }, classes)).toContain(
    "found already",
  );
  expect(matchWords({ kind: "CONFUSED", ...found, trueBox: { label: 2 } }, classes)).toBe(
    "<b>crack</b>, taken for pit 0.910",
  );
  expect(matchWords({ kind: "MISSED", trueBox: { label: 1 }, nearScore: 0.3 }, classes)).toBe(
    "pit, seen with 0.300 only",
  );
  expect(matchWords({ kind: "MISSED", trueBox: { label: 3 } }, classes)).toBe("class 3");
  expect(matchWords({ kind: "BADLY_PLACED", ...found, iou: 0.25 }, classes)).toBe("pit 0.910, IoU 0.25");
});

test("counts add up what isn't asked for", () => {
  const counts = [
    { kind: "CONFUSED" as const, trueLabel: 1, predictedLabel: 2, boxes: "3" },
    { kind: "CONFUSED" as const, trueLabel: 2, predictedLabel: 1, boxes: "4" },
    { kind: "FALSE_POSITIVE" as const, predictedLabel: 1, boxes: "5" },
  ];
  expect(countOf(counts, "CONFUSED")).toBe(7);
  expect(countOf(counts, "CONFUSED", { trueLabel: 2 })).toBe(4);
  expect(countOf(counts, "FALSE_POSITIVE", { trueLabel: 0, predictedLabel: 1 })).toBe(5);
  expect(countOf(counts, "MISSED")).toBe(0);
});

test("an address that chooses nothing shows the first kind, from a score of 0.5", () => {
  expect(kindOf(null).word).toBe("false");
  expect(kindOf("missed").kind).toBe("MISSED");
  for (const text of ["", "threshold="]) expect(thresholdIn(new URLSearchParams(text))).toBe(0.5);
  expect(thresholdIn(new URLSearchParams("threshold=0.25"))).toBe(0.25);
});
