// Kinds of matches between predicted and true boxes, in words.

import type { ClassJson } from "../../gen/loupe/v1/annotation_pb";
import type { BoxMatchJson, MatchCountJson, MatchKindJson } from "../../gen/loupe/v1/insight_pb";
import { nameOf } from "../annotate/class_panel";
import { numberOf, score } from "../dashboards/formats";

interface Kind {
  readonly kind: MatchKindJson;
  readonly word: string; // in the address
  readonly title: string;
  readonly order: string; // what the list falls by
}

export const kinds: readonly Kind[] = [
  {
    kind: "FALSE_POSITIVE",
    word: "false",
    title: "False boxes",
    order: "Predicted boxes on nothing, or a second one on an object that is found: the highest score first.",
  },
  {
    kind: "MISSED",
    word: "missed",
    title: "Missed",
    order: "True boxes that no prediction found: the largest first, and those that the model hardly saw.",
  },
  {
    kind: "CONFUSED",
    word: "confused",
    title: "Wrong class",
    order: "Predicted boxes on an object of another class, IoU 0.5 or more: the highest score first.",
  },
  {
    kind: "BADLY_PLACED",
    word: "placed",
    title: "Badly placed",
    order:
      "Predicted boxes of the right class with an IoU of 0.1 to 0.5: high scores and small overlaps first.",
  },
  {
    kind: "MATCHED",
    word: "right",
    title: "Right",
    order: "Predicted boxes of the right class with an IoU of 0.5 or more: the smallest overlap first.",
  },
];

export function kindOf(word: string | null): Kind {
  return kinds.find((each) => each.word === word) ?? kinds[0]!;
}

// How many boxes of a kind; of classes that aren't named, any.
export function countOf(
  counts: readonly MatchCountJson[],
  kind: MatchKindJson,
  classes: { trueLabel?: number; predictedLabel?: number } = {},
): number {
  return counts
    .filter((each) => each.kind === kind)
    .filter((each) => classes.trueLabel === undefined || (each.trueLabel ?? 0) === classes.trueLabel)
    .filter(
      (each) => classes.predictedLabel === undefined || (each.predictedLabel ?? 0) === classes.predictedLabel,
    )
    .reduce((sum, each) => sum + numberOf(each.boxes), 0);
}

// "scratch 0.93", "dent, taken for scratch 0.81", "dent".
export function matchWords(match: BoxMatchJson, classes: readonly ClassJson[]): string {
  const truth = nameOf(classes, match.trueBox?.label ?? 0);
  const predicted = `${nameOf(classes, match.predictedLabel ?? 0)} ${score(numberOf(match.score))}`;
  const iou = `IoU ${numberOf(match.iou).toFixed(2)}`;
  switch (match.kind) {
    case "MISSED":
      return numberOf(match.nearScore) > 0
        ? `${truth}, seen with ${score(numberOf(match.nearScore))} only`
        : truth;
    case "CONFUSED":
      return `${truth}, taken for ${predicted}`;
    case "FALSE_POSITIVE":
      return match.trueBox ? `${predicted}, the object is found already` : predicted;
    default:
      return `${predicted}, ${iou}`;
  }
}
