// Two models side by side, in words.

import type { BoxCountsJson, ModelComparisonJson } from "../../gen/loupe/v1/insight_pb";
import { FEWEST_BOXES, count, numberOf } from "../dashboards/formats";
import { counted } from "../words";
import { numberIn } from "./gate";

export interface Compared {
  project: string;
  first: string; // numbers or names
  second: string;
  scoreThreshold: number;
}

// What the interval of the difference says.
export function verdictOf({ first, second, ap50, images }: ModelComparisonJson): string {
  const low = numberIn(ap50?.low);
  const high = numberIn(ap50?.high);
  if (!ap50) return "The images hold no box, so there is no AP50.";
  if (low === undefined || high === undefined) {
    return `Fewer than ${FEWEST_BOXES} boxes are too few to tell. Label more of the holdout.`;
  }
  const on = counted(numberOf(images), "image", "images");
  if (low > 0) return `Model ${second} is better, on ${on}: the interval is above 0.`;
  if (high < 0) return `Model ${first} is better, on ${on}: the interval is below 0.`;
  const told = counted(numberOf(images), "image doesn't tell", "images don't tell");
  return `${told} which is better: the interval holds 0.`;
}

// "12 right, 3 false, 1 missed"
export function countsText({ truePositives, falsePositives, falseNegatives }: BoxCountsJson = {}): string {
  return `${count(truePositives)} right, ${count(falsePositives)} false, ${count(falseNegatives)} missed`;
}
