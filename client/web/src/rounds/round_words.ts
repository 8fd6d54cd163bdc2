// What a round tells, in words: the same as those of `loupe round show`.

import type { EvaluationJson, GateJson, RoundJson } from "../../gen/loupe/v1/round_pb";
import { count, difference, numberOf, score } from "../dashboards/formats";
import { counted, durationOf } from "../words";

export function hasEnded(round: RoundJson): boolean {
  return ["done", "failed", "cancelled"].includes(round.state ?? "");
}

// Milliseconds that it has taken so far.
export function durationOfRound(round: RoundJson): number {
  return 1000 * (round.steps ?? []).reduce((sum, { seconds = 0 }) => sum + numberOf(seconds), 0);
}

// What the gate decided, and what it rests on.
export function gateSentence(gate: GateJson): string {
  const images = counted(numberOf(gate.images), "image", "images");
  if (gate.outcome === "GATE_NOT_JUDGED") {
    const why = "too few images of the holdout are labelled, or none has a box";
    return `Not judged: ${why} (${images}). The model serves.`;
  }
  if (gate.outcome === "GATE_FIRST") return "First: no model served before it, so it serves.";
  const high = numberOf(gate.differenceHigh);
  const low = numberOf(gate.differenceLow);
  const against = `model ${gate.againstModel}`;
  const differs = `${difference(numberOf(gate.difference))} from that of ${against}`;
  const before = score(numberOf(gate.againstAp50));
  const compared = `On the same ${images}, AP50 differs by ${differs}, ${before}.`;
  const means =
    low > 0
      ? "It is better."
      : high < 0
        ? "It is worse."
        : "The interval holds 0: neither is shown to be better.";
  const decided =
    gate.outcome === "GATE_HELD"
      ? `Held: ${against} goes on serving, unless somebody promotes this one.`
      : "Passed: it serves.";
  return `${compared} ${means} ${decided}`;
}

// What a model was judged on.
export function judgedOn(evaluation: EvaluationJson): string {
  const images = numberOf(evaluation.images);
  if (images === 0) return "Not judged: no image of the holdout was labelled blind.";
  const sample = evaluation.randomSample ? "a random sample of the holdout" : "imported, not a random sample";
  return `On ${counted(images, "image", "images")} (${sample}).`;
}

// Of the step that runs: how far it is, and how long it still takes.
export function progressWords(round: RoundJson): string {
  const { kind, done, total, imagesPerSecond } = round.progress ?? {};
  if (numberOf(total) === 0) return "";
  const all =
    kind === "train" || kind === "find_label_errors"
      ? counted(numberOf(total), "iteration", "iterations")
      : counted(numberOf(total), "image", "images");
  const words = [`${count(done)} of ${all}`];
  if (numberOf(imagesPerSecond) > 0) words.push(`${numberOf(imagesPerSecond).toFixed(1)} images/s`);
  if (round.secondsLeft !== undefined)
    words.push(`about ${durationOf(1000 * numberOf(round.secondsLeft))} left`);
  return words.join(" · ");
}
