import type { RoundJson } from "../../gen/loupe/v1/round_pb";
import { numberOf } from "../dashboards/formats";
import { durationOf } from "../words";
import { hasEnded } from "./round_words";

const STEPS = ["waiting", "training", "evaluating", "predicting", "ranking"];
const CHECKING = "checking"; // of rounds whose recipe says so

// The steps of a round in order, with the time that each took so far.
export function Steps({ round }: { round: RoundJson }) {
  const isChecked = numberOf(round.recipe?.labelErrors?.folds) > 0;
  const took = new Map((round.steps ?? []).map(({ step, seconds }) => [step ?? "", numberOf(seconds)]));
  return (
    <ol class="steps" aria-label="Steps">
      {(isChecked ? [...STEPS, CHECKING] : STEPS).map((step) => {
        const seconds = took.get(step);
        const runs = step === round.state && !hasEnded(round);
        return (
          <li key={step} class={seconds === undefined ? "open" : ""} aria-current={runs ? "step" : undefined}>
            <span>{step}</span>
            <span class="faint">{seconds === undefined ? "–" : durationOf(1000 * seconds)}</span>
          </li>
        );
      })}
    </ol>
  );
}
