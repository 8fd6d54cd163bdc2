// What a round would take, before it is started.

import type { ComponentChildren } from "preact";
import type { RoundPlanJson } from "../../gen/loupe/v1/round_pb";
import { count, numberOf } from "../dashboards/formats";
import { counted, durationOf } from "../words";

export function Cost({ plan, isOld }: { plan: RoundPlanJson; isOld: boolean }) {
  const { trainingSeconds, evaluatingSeconds, predictingSeconds, workers = 0, roundsBefore = 0 } = plan;
  const folds = plan.recipe?.labelErrors?.folds ?? 0;
  return (
    <div class={isOld ? "faint" : ""} aria-live="polite">
      <table>
        <caption class="unseen">What the round would take</caption>
        <tbody>
          <Step name="Train">
            {counted(numberOf(plan.snapshotImages), "labelled image", "labelled images")},{" "}
            {counted(numberOf(plan.snapshotBoxes), "box", "boxes")}, {epochsOf(plan)}{" "}
            <Time seconds={trainingSeconds} />
          </Step>
          <Step name="Evaluate">
            {counted(numberOf(plan.evaluatedImages), "image", "images")} of the holdout{" "}
            <Time seconds={evaluatingSeconds} />
          </Step>
          <Step name="Predict">
            {counted(numberOf(plan.predictedImages), "image", "images")} of the pool{" "}
            <Time seconds={predictingSeconds} />
          </Step>
          {folds > 0 && (
            <Step name="Check">
              {counted(folds, "further training", "further trainings")} to search the labels{" "}
              <Time seconds={plan.checkingSeconds} />
            </Step>
          )}
        </tbody>
      </table>
      {trainingSeconds === undefined && (
        <p class="faint">No job with such a detector is done yet, so nobody knows how long it takes.</p>
      )}
      {workers === 0 && <p class="error">No worker is here. Start one: loupe-worker run</p>}
      {roundsBefore > 0 && <p>{counted(roundsBefore, "round comes", "rounds come")} first.</p>}
    </div>
  );
}

function Step({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <tr>
      <th scope="row" class="text">
        {name}
      </th>
      <td class="text">{children}</td>
    </tr>
  );
}

function Time({ seconds }: { seconds: number | string | undefined }) {
  return seconds === undefined ? null : <strong>· about {durationOf(1000 * Number(seconds))}</strong>;
}

// How often each image is seen.
function epochsOf({ recipe, snapshotImages }: RoundPlanJson): string {
  const { iterations = 0, batchSize = 0, accumulationSteps = 1 } = recipe?.training ?? {};
  const epochs = (iterations * batchSize * accumulationSteps) / Math.max(1, numberOf(snapshotImages));
  return `${epochs < 10 ? epochs.toFixed(1) : count(Math.round(epochs))} epochs`;
}
