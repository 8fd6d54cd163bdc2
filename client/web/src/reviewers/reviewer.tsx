// One person's answers: how they were checked, and what followed.

import type { ComponentChildren } from "preact";
import type { ReviewerAlarmJson, ReviewerQualityJson } from "../../gen/loupe/v1/insight_pb";
import type { ReviewerStatsJson } from "../../gen/loupe/v1/provenance_pb";
import { call } from "../api";
import { useKept } from "../dashboards/answer";
import type { Column } from "../dashboards/columns";
import { Empty } from "../dashboards/empty";
import { Figure } from "../dashboards/figure";
import { NOTHING, count, interval, percent, score } from "../dashboards/formats";
import type { ProjectPageProps } from "../dashboards/pages";
import { Part } from "../dashboards/part";
import { Table } from "../dashboards/table";
import { Title } from "../dashboards/title";
import { When } from "../dashboards/when";
import { mayEngineer } from "../role";
import { pageAddress } from "../route";
import { counted, durationOf } from "../words";
import { Pausing } from "./pausing";
import { useQuality } from "./reviewers";
import "./reviewers.css";
import {
  alarmText,
  caughtText,
  evidenceText,
  numberIn,
  seconds,
  share,
  signedShare,
  tooFewText,
} from "./words";

const FRESH = 60; // seconds

export function ReviewerPage({ project, id, caller }: ProjectPageProps) {
  const { name = "" } = project;
  const quality = useQuality(name);
  const work = useKept(
    (maxAgeSeconds) => {
      const request = { project: name, period: "WEEK", maxAgeSeconds } as const;
      return call("ProvenanceService", "getLabelStats", request);
    },
    FRESH,
    [name],
  );
  return (
    <main class="reviewers">
      <Title text={id}>
        <a class="button" href={pageAddress("images", name, "", { by: id })}>
          Images
        </a>
        <a class="button" href={pageAddress("reviewers", name)}>
          All reviewers
        </a>
      </Title>
      <Part name="Work" answer={work}>
        {({ reviewers = [] }) => <Work stats={reviewers.find(({ reviewer }) => reviewer === id)} />}
      </Part>
      <Part name="Checks" answer={quality}>
        {({ reviewers = [] }) => {
          const found = reviewers.find(({ reviewer }) => reviewer === id);
          return (
            <>
              {found ? <Checks of={found} /> : <Empty>{id} has answered no task of the ranking yet.</Empty>}
              {mayEngineer(caller.role) && (
                <Pausing
                  project={name}
                  reviewer={id}
                  pause={found?.pause}
                  reload={() => quality.load(true)}
                />
              )}
            </>
          );
        }}
      </Part>
    </main>
  );
}

function Work({ stats }: { stats: ReviewerStatsJson | undefined }) {
  const { blindAnswers, shownAnswers, spentMs, outcomes = [] } = stats?.counts?.written ?? {};
  const answers = numberIn(blindAnswers) + numberIn(shownAnswers);
  if (answers === 0) return <Empty>No answer yet.</Empty>;
  const shown = outcomes.reduce((sum, { boxes }) => sum + numberIn(boxes), 0);
  const shareOf = (...kinds: string[]) =>
    outcomes
      .filter(({ outcome = "" }) => kinds.includes(outcome))
      .reduce((sum, { boxes }) => sum + numberIn(boxes), 0) / shown;
  return (
    <div class="figures">
      <Figure name="Answers" value={count(answers)}>
        {count(blindAnswers)} of them blind
      </Figure>
      <Figure
        name="Time an answer"
        value={numberIn(spentMs) > 0 ? durationOf(numberIn(spentMs) / answers) : NOTHING}
      />
      {shown > 0 && (
        <>
          <Figure
            name="Shown boxes accepted"
            value={percent(shareOf("OUTCOME_ACCEPTED", "OUTCOME_ACCEPTED_AT_ONCE"))}
          />
          <Figure
            name="Adjusted or relabelled"
            value={percent(shareOf("OUTCOME_ADJUSTED", "OUTCOME_RELABELLED"))}
          />
          <Figure
            name="Rejected or dropped"
            value={percent(shareOf("OUTCOME_REJECTED", "OUTCOME_DROPPED"))}
          />
        </>
      )}
    </div>
  );
}

function Checks({ of: one }: { of: ReviewerQualityJson }) {
  const { alarms = [], pastAlarms = [], shownAgainstBlind: compared, agreement, accuracy, secondsABox } = one;
  const tooFew = tooFewText(one);
  return (
    <>
      {alarms.length > 0 && (
        <ul class="card alarms">
          {alarms.map((alarm) => (
            <li key={alarm.kind}>
              <strong>{alarmText(alarm)}</strong>: {evidenceText(alarm)}
            </li>
          ))}
        </ul>
      )}
      <div class="figures">
        <Figure name="Planted errors caught" value={caughtText(one)}>
          of the last 12; 8 or fewer are too few
        </Figure>
        {compared && (
          <>
            <IntervalOf name="Misses when shown" of={compared.misses} show={signedShare}>
              of a blind answer's boxes
            </IntervalOf>
            {compared.kept && (
              <IntervalOf name="Keeps more when shown" of={compared.kept} show={signedShare}>
                of the predicted boxes
              </IntervalOf>
            )}
            {compared.placement && (
              <IntervalOf name="Nearer to what is shown" of={compared.placement} show={plain}>
                in IoU
              </IntervalOf>
            )}
          </>
        )}
        {secondsABox && (
          <IntervalOf name="Seconds a shown box" of={secondsABox} show={seconds}>
            the median of {counted(numberIn(one.timedAnswers), "answer", "answers")}
          </IntervalOf>
        )}
        {agreement && (
          <Figure
            name="Agreement with others"
            value={agreement.alpha === undefined ? NOTHING : plain(numberIn(agreement.alpha))}
            interval={
              agreement.alpha !== undefined &&
              interval(numberIn(agreement.alphaLow), numberIn(agreement.alphaHigh), plain)
            }
          >
            Krippendorff's alpha over {count(agreement.images)} images; mean IoU{" "}
            {score(iouOf(agreement.meanIou))}
          </Figure>
        )}
        {accuracy !== undefined && (
          <Figure name="Right" value={share(numberIn(accuracy))}>
            by all answers together
          </Figure>
        )}
      </div>
      {tooFew && <p class="faint">{tooFew}</p>}
      {pastAlarms.length > 0 && (
        <Table
          caption="Alarms that took effect"
          columns={alarmColumns}
          rows={pastAlarms}
          rowKey={({ raisedAt, kind }) => `${raisedAt} ${kind}`}
        />
      )}
    </>
  );
}

const plain = (value: number) => value.toFixed(2);
const iouOf = (iou: number | string | undefined) => (iou === undefined ? undefined : numberIn(iou));

interface IntervalProps {
  name: string;
  of: { value?: number | string; low?: number | string; high?: number | string } | undefined;
  show: (value: number) => string;
  children: ComponentChildren;
}

function IntervalOf({ name, of = {}, show, children }: IntervalProps) {
  return (
    <Figure
      name={name}
      value={show(numberIn(of.value))}
      interval={interval(numberIn(of.low), numberIn(of.high), show)}
    >
      {children}
    </Figure>
  );
}

const alarmColumns: Column<ReviewerAlarmJson>[] = [
  {
    name: "raised_at",
    title: "Alarm of",
    value: ({ raisedAt }) => raisedAt,
    show: ({ raisedAt }) => <When at={raisedAt} />,
  },
  { name: "kind", title: "What", isText: true, value: alarmText },
  { name: "evidence", title: "Evidence", isText: true, value: evidenceText },
  { name: "reviews", title: "Answers given to others", value: ({ reviews }) => reviews ?? 0 },
];
