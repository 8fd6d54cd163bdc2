// What label errors say.

import type { ClassJson } from "../../gen/loupe/v1/annotation_pb";
import { numbered } from "../words";
import { nameOf } from "./class_panel";
import { wrongBox } from "./label_errors";
import type { LabelError } from "./task";
import type { Work } from "./work";

type Said = Pick<LabelError, "kind" | "label">;

// `wrong`: class of the box that seems wrong.
export function errorWords({ kind, label }: Said, wrong: number, classes?: readonly ClassJson[]): string {
  const name = nameOf(classes, wrong);
  switch (kind) {
    case "missing":
      return `Something is missing here: ${nameOf(classes, label)}`;
    case "moved":
      return `The box of ${name} lies beside its thing`;
    case "wrong class":
      return `${name} looks like ${nameOf(classes, label)}`;
    case "invented":
      return `Nothing seems to be here, but a box of ${name}`;
  }
}

// What mending does.
export const mendWords: Record<LabelError["kind"], string> = {
  missing: "add box",
  moved: "move box",
  "wrong class": "change class",
  invented: "delete box",
};

// "1 of 3: Something is missing here: crack, odds 13 to 1".
export function currentWords(work: Work, error: LabelError, classes?: readonly ClassJson[]): string {
  const errors = work.task.labelErrors ?? [];
  const words = errorWords(error, wrongBox(work, error)?.label ?? 0, classes);
  return `${errors.indexOf(error) + 1} of ${errors.length}: ${words}, ${oddsText(error.logOdds)}`;
}

const MOST_ODDS = 1000; // what is beyond says no more

export function oddsText(logOdds: number): string {
  const odds = Math.exp(logOdds);
  if (odds > MOST_ODDS) return `odds over ${numbered(MOST_ODDS)} to 1`;
  return `odds ${numbered(odds < 9.95 ? Number(odds.toFixed(1)) : Math.round(odds))} to 1`;
}
