// The gate of a model in words.

import type { GateJson } from "../../gen/loupe/v1/round_pb";
import { difference, interval, numberOf } from "../dashboards/formats";
import { counted } from "../words";

const OUTCOMES: Record<string, string> = {
  GATE_FIRST: "first",
  GATE_PASSED: "passed",
  GATE_HELD: "held",
  GATE_NOT_JUDGED: "not judged",
};

// Empty: there is none.
export function outcomeOf(gate: GateJson | undefined): string {
  return OUTCOMES[gate?.outcome ?? ""] ?? "";
}

// Whether the difference to the model that served was measured.
export function isCompared(gate: GateJson | undefined): boolean {
  return gate?.outcome === "GATE_PASSED" || gate?.outcome === "GATE_HELD";
}

export function differenceInterval({ differenceLow, differenceHigh }: GateJson): string {
  return interval(numberIn(differenceLow), numberIn(differenceHigh), difference);
}

export function meaningOf(gate: GateJson): string {
  const images = numberOf(gate.images);
  const against = `model ${gate.againstModel}, on ${counted(images, "image", "images")}`;
  switch (gate.outcome) {
    case "GATE_PASSED":
      return `It passed the gate: it isn't clearly worse than ${against}.`;
    case "GATE_HELD":
      return `The gate held it: it is clearly worse than ${against}.`;
    case "GATE_FIRST":
      return "No model served before it, so the gate had nothing to compare it with.";
    default:
      return `Its gate didn't judge: ${counted(
        images,
        "labelled image of the holdout is",
        "labelled images of the holdout are",
      )} too few.`;
  }
}

// JSON of the protocol has "NaN" and the like as texts.
export function numberIn(value: number | string | undefined): number | undefined {
  return typeof value === "number" ? value : undefined;
}
