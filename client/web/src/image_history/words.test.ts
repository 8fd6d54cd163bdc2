import { expect, test } from "vitest";
import type { RevisionJson } from "../../gen/loupe/v1/provenance_pb";
import { changesBetween, stepsOf } from "./changes";
import { changeText, deedOf, reasonText, standingText, whyServed } from "./words";

test.each([
  [{ slice: "UNCERTAIN", model: 3, score: 0.52134 }, "Model 3 is unsure of what it shows, score 0.5213."],
  [
    { slice: "RARE", model: 3, score: 1 },
    "Model 3 sees a rare class in it, or nothing at all, score 1.0000.",
  ],
  [{ slice: "RANDOM", model: 0, probability: 0.25 }, "Drawn at random, with probability 0.2500."],
  [{ slice: "SLICE_HOLDOUT", model: 2 }, "Its turn in the holdout, whose images judge the models."],
] as const)("the reason %j is in words", (reason, text) => {
  expect(reasonText(reason)).toBe(text);
});

test("why it was served is told of what was asked for, and of nothing that was imported", () => {
  const reason = { slice: "RANDOM", generation: 2, position: "17" } as const;
  expect(whyServed({ source: "task", reason })).toBe("Drawn at random. Ranking 2, position 18.");
  expect(whyServed({ source: "reopen", basedOn: 3 })).toBe(
    "Asked for outside the ranking, on top of revision 3.",
  );
  expect(whyServed({ source: "import" })).toBe("");
});

test.each([
  [{ source: "import", author: "eve" }, "eve imported it"],
  [{ source: "task", author: "ann", basedOn: 0 }, "ann labelled it"],
  [{ source: "reopen", author: "ben", basedOn: 2 }, "ben corrected revision 2"],
  [
    { source: "withdraw", author: "eve", basedOn: 1, standing: "STANDING_WITHDRAWN", withdrawal: "4" },
    "eve took back revision 1, by withdrawal 4",
  ],
] as const)("%j is a deed", (revision, text) => {
  expect(deedOf(revision)).toBe(text);
});

test("a revision says what it is now", () => {
  const revisions: RevisionJson[] = [
    { number: 1, standing: "STANDING_TRUTH" },
    { number: 2, standing: "STANDING_TRUTH" },
    { number: 3, standing: "STANDING_LATE" },
    { number: 4, standing: "STANDING_WITHDRAWN", basedOn: 2 },
  ];
  expect(stepsOf(revisions).map(standingText)).toEqual([
    "It is the truth now.",
    "It is taken back.",
    "It came after the truth had changed, and is kept beside the truth.",
    "Revision 1 was the truth again.",
  ]);
});

test("changes of a box are in words", () => {
  const box = { x1: 0, y1: 0, x2: 10, y2: 10 };
  const [change] = changesBetween(
    [{ boxId: "1", label: 1, box }],
    [{ boxId: "1", label: 2, box: { ...box, x2: 20 }, ignore: true }],
  );
  expect(changeText(change!, (label) => `c${label}`)).toBe("moved (IoU 0.500), c1 before, now to ignore");
});
