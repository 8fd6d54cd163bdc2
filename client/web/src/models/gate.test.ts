import { expect, test } from "vitest";
import { meaningOf } from "./gate";

test("one image isn't told as several", () => {
  const gate = { againstModel: 3, images: "1" };
  expect(meaningOf({ ...gate, outcome: "GATE_PASSED" })).toMatch("model 3, on 1 image.");
  expect(meaningOf({ ...gate, outcome: "GATE_NOT_JUDGED" })).toMatch(
    "1 labelled image of the holdout is too few",
  );
  expect(meaningOf({ ...gate, images: "7", outcome: "GATE_NOT_JUDGED" })).toMatch(
    "7 labelled images of the holdout are too few",
  );
});
