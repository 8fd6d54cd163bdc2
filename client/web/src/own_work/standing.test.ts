import { expect, test } from "vitest";
import type { AnswerJson } from "../../gen/loupe/v1/labeling_pb";
import { standingOf } from "./standing";

const late = "kept beside the truth: somebody else had answered meanwhile";
const rows: [AnswerJson, string][] = [
  [{ standing: "STANDING_TRUTH", canBeOpened: true, image: { state: "USABLE" } }, ""],
  [
    { standing: "STANDING_TRUTH", canBeOpened: false, image: { state: "USABLE" } },
    "no longer the truth: it was corrected or withdrawn since",
  ],
  [{ standing: "STANDING_LATE", canBeOpened: false, image: { state: "USABLE" } }, late],
  // Engineers may open the truth that stands in its place.
  [{ standing: "STANDING_LATE", canBeOpened: true, image: { state: "USABLE" } }, late],
  [
    { standing: "STANDING_TRUTH", image: { state: "EXCLUDED", stateReason: "blurred" } },
    "the image was left out: blurred",
  ],
  [{ standing: "STANDING_TRUTH", image: { state: "EXCLUDED", stateReason: "" } }, "the image was left out"],
  [
    { standing: "STANDING_TRUTH", image: { state: "SET_ASIDE", stateReason: "can't be decoded" } },
    "the picture can't be used: can't be decoded",
  ],
  [
    { standing: "STANDING_PLANTED", canBeOpened: true, caught: true },
    "a planted error, which you caught: not a label",
  ],
  [
    { standing: "STANDING_PLANTED", canBeOpened: true, caught: false },
    "a planted error, which you left in: not a label",
  ],
];

test.each(rows)("%j: %j", (answer, words) => {
  expect(standingOf(answer)).toBe(words);
});
