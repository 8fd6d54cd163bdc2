// How good the round's model is on the labelled holdout, and what it gets wrong.

import type { ModelQualityJson } from "../../gen/loupe/v1/insight_pb";
import type { ProjectJson } from "../../gen/loupe/v1/project_pb";
import type { EvaluationJson, RoundJson } from "../../gen/loupe/v1/round_pb";
import type { TokenJson } from "../../gen/loupe/v1/token_pb";
import { call } from "../api";
import { useAnswer } from "../dashboards/answer";
import { Figure } from "../dashboards/figure";
import { FEWEST_BOXES, difference, fewBoxesNote, interval, numberOf, score } from "../dashboards/formats";
import { Part } from "../dashboards/part";
import { differenceInterval, isCompared, outcomeOf } from "../models/gate";
import { mayRead } from "../role";
import { ClassTable } from "./class_table";
import { Confusion } from "./confusion";
import { Matches } from "./matches";
import { PrecisionRecall } from "./precision_recall";
import { gateSentence, judgedOn } from "./round_words";
import { thresholdIn } from "./threshold";

interface Props {
  round: RoundJson;
  project: ProjectJson;
  query: URLSearchParams;
  caller: TokenJson;
}

export function Judgement({ round, project, query, caller }: Props) {
  return mayRead(caller.role) ? (
    <Judged round={round} project={project} query={query} caller={caller} />
  ) : (
    <Headline round={round} quality={null} />
  );
}

function Judged({ round, project, query, caller }: Props) {
  const name = project.name ?? "";
  const threshold = thresholdIn(query);
  const answer = useAnswer(
    () =>
      call("InsightService", "getModelQuality", {
        project: name,
        model: String(round.model),
        scoreThreshold: threshold,
      }),
    [name, round.model, threshold],
  );
  const { value: quality } = answer;
  return (
    <>
      <Headline round={round} quality={quality} />
      <Part name="By class" answer={answer} style="by-class">
        {(value) => (
          <>
            <ClassTable quality={value} project={project} name={`${name}-round-${round.number}-classes`} />
            <PrecisionRecall
              quality={value}
              project={project}
              name={`${name}-round-${round.number}-precision`}
            />
          </>
        )}
      </Part>
      {quality && numberOf(quality.evaluation?.images) > 0 && (
        <>
          <Confusion quality={quality} project={project} query={query} round={round.number ?? 0} />
          <Matches quality={quality} project={project} query={query} round={round} caller={caller} />
        </>
      )}
    </>
  );
}

function Headline({ round, quality }: { round: RoundJson; quality: ModelQualityJson | null }) {
  const evaluation = round.evaluation ?? {};
  const { gate } = round;
  const now = quality?.evaluation;
  const boxes = (quality?.classes ?? []).reduce((sum, each) => sum + numberOf(each.boxes), 0);
  const hasInterval = quality?.ap50 && boxes >= FEWEST_BOXES;
  const note = fewBoxesNote(quality?.classes ?? []);
  return (
    <section class="part" aria-label="Verdict">
      <h3>Verdict of the holdout</h3>
      <div class="card headline">
        {gate && (
          <p>
            <span class={`badge ${outcomeOf(gate)}`}>{outcomeOf(gate)}</span> {gateSentence(gate)}
          </p>
        )}
        <div class="figures">
          {gate && isCompared(gate) && (
            <Figure
              name="AP50 against what served"
              value={difference(numberOf(gate.difference))}
              interval={differenceInterval(gate)}
            >
              90 % interval, on the same images
            </Figure>
          )}
          <Figure
            name="AP50"
            value={score(numberOf(evaluation.ap50))}
            interval={
              hasInterval &&
              !differs(evaluation, now) &&
              interval(numberOf(quality.ap50!.low), numberOf(quality.ap50!.high))
            }
          >
            {judgedOn(evaluation)}
          </Figure>
          <Figure name="AP" value={score(numberOf(evaluation.ap))}>
            mean over IoU 0.50 to 0.95
          </Figure>
          <Figure name="AP75" value={score(numberOf(evaluation.ap75))} />
        </div>
        {note && <p class="faint">{note}</p>}
        {now && differs(evaluation, now) && (
          <p class="warn">
            Labels of the holdout changed since: by those of now, AP50 is {score(numberOf(now.ap50))}
            {hasInterval && ` (${interval(numberOf(quality.ap50!.low), numberOf(quality.ap50!.high))})`}. What
            follows is by the labels of now.
          </p>
        )}
      </div>
    </section>
  );
}

function differs(before: EvaluationJson, now: EvaluationJson | undefined): boolean {
  return (
    now !== undefined && (before.ap50 !== now.ap50 || before.ap !== now.ap || before.images !== now.images)
  );
}
