import { expect, test } from "vitest";
import { outcomeOf } from "../models/gate";
import { durationOfRound, gateSentence, hasEnded, judgedOn, progressWords } from "./round_words";

const compared = { againstModel: 3, images: "120", againstAp50: 0.7, difference: 0.05 };

test("the gate says what it rests on and what follows", () => {
  expect(
    gateSentence({ outcome: "GATE_PASSED", ...compared, differenceLow: 0.01, differenceHigh: 0.09 }),
  ).toBe(
    "On the same 120 images, AP50 differs by +0.050 from that of model 3, 0.700. " +
      "It is better. Passed: it serves.",
  );
  expect(
    gateSentence({
      outcome: "GATE_HELD",
      ...compared,
      difference: -0.2,
      differenceLow: -0.3,
      differenceHigh: -0.1,
    }),
  ).toContain("by −0.200 from that of model 3, 0.700. It is worse. Held: model 3 goes on serving");
  expect(
    gateSentence({ outcome: "GATE_PASSED", ...compared, differenceLow: -0.01, differenceHigh: 0.09 }),
  ).toContain("The interval holds 0");
  expect(gateSentence({ outcome: "GATE_NOT_JUDGED", images: "3" })).toContain("Not judged: too few images");
  expect(gateSentence({ outcome: "GATE_FIRST" })).toContain("no model served before it");
});

test("outcomes that a later release knows have no word", () => {
  expect(outcomeOf({ outcome: "GATE_HELD" })).toBe("held");
  expect(outcomeOf({ outcome: "GATE_NEW" as "GATE_HELD" })).toBe("");
  expect(outcomeOf(undefined)).toBe("");
});

test("what runs says how far it is", () => {
  const progress = { kind: "train", done: "150", total: "400", imagesPerSecond: 12.34 };
  expect(progressWords({ progress, secondsLeft: 80 })).toBe(
    "150 of 400 iterations · 12.3 images/s · about 1 min 20 s left",
  );
  expect(progressWords({ progress: { kind: "find_label_errors", done: "5", total: "900" } })).toBe(
    "5 of 900 iterations",
  );
  expect(progressWords({ progress: { kind: "predict", total: "9" } })).toBe("0 of 9 images");
  expect(progressWords({ progress: { kind: "predict", total: "1" } })).toBe("0 of 1 image");
  expect(progressWords({})).toBe("");
});

test("a round's time is that of its steps", () => {
  expect(
    durationOfRound({ steps: [{ step: "waiting", seconds: 1.5 }, { step: "training" }, { seconds: 2 }] }),
  ).toBe(3500);
  expect(hasEnded({ state: "ranking" })).toBe(false);
  expect(hasEnded({ state: "failed" })).toBe(true);
});

test("what was judged on is said", () => {
  expect(judgedOn({})).toContain("Not judged");
  expect(judgedOn({ images: "1", randomSample: true })).toBe("On 1 image (a random sample of the holdout).");
  expect(judgedOn({ images: "20" })).toContain("not a random sample");
});
