// How far the people of a project can be trusted, and how that is checked.

import type { ReviewerQualityJson } from "../../gen/loupe/v1/insight_pb";
import { call } from "../api";
import { useKept } from "../dashboards/answer";
import type { Column } from "../dashboards/columns";
import { Downloads } from "../dashboards/downloads";
import { Empty } from "../dashboards/empty";
import { NOTHING } from "../dashboards/formats";
import type { ProjectPageProps } from "../dashboards/pages";
import { Part } from "../dashboards/part";
import { Table } from "../dashboards/table";
import { Title } from "../dashboards/title";
import { mayEngineer } from "../role";
import { pageAddress } from "../route";
import { counted } from "../words";
import { Control } from "./control";
import "./reviewers.css";
import { alarmText, caughtText, figureText, numberIn, seconds } from "./words";

const FRESH = 60; // seconds

export function useQuality(project: string) {
  return useKept(
    (maxAgeSeconds) => call("InsightService", "getLabelQuality", { project, maxAgeSeconds }),
    FRESH,
    [project],
  );
}

export function Reviewers({ project, caller, reload }: ProjectPageProps) {
  const { name = "" } = project;
  const quality = useQuality(name);
  return (
    <main class="reviewers">
      <Title text="Reviewers">
        <a class="button" href={pageAddress("disagreements", name)}>
          Disagreements
        </a>
        <a class="button" href={pageAddress("label errors", name)}>
          Label errors
        </a>
      </Title>
      <Part
        name="How they answer"
        answer={quality}
        actions={({ reviewers = [] }) =>
          reviewers.length > 0 && (
            <Downloads name={`${name}-reviewers`} columns={columnsOf(name)} rows={reviewers} />
          )
        }
      >
        {({ reviewers = [], waitingImages }) => (
          <>
            {reviewers.length === 0 && <Empty>Nobody has answered a task of the ranking yet.</Empty>}
            {reviewers.length > 0 && (
              <Table
                caption="Reviewers"
                columns={columnsOf(name)}
                rows={reviewers}
                rowKey={({ reviewer }) => reviewer ?? ""}
              />
            )}
            {numberIn(waitingImages) > 0 && (
              <p class="faint">
                {counted(numberIn(waitingImages), "image waits", "images wait")} for a second opinion.
              </p>
            )}
          </>
        )}
      </Part>
      {mayEngineer(caller.role) && <Control project={project} reload={reload} />}
    </main>
  );
}

function columnsOf(project: string): Column<ReviewerQualityJson>[] {
  return [
    {
      name: "reviewer",
      title: "Reviewer",
      value: ({ reviewer }) => reviewer,
      show: ({ reviewer = "" }) => <a href={pageAddress("reviewer", project, reviewer)}>{reviewer}</a>,
    },
    {
      name: "alarms",
      title: "Alarms",
      isText: true,
      value: ({ alarms = [] }) => alarms.map(alarmText).join(", "),
      show: ({ alarms = [], pause }) => (
        <>
          {alarms.map((alarm) => (
            <span key={alarm.kind} class="badge warn">
              {alarmText(alarm)}
            </span>
          ))}
          {pause && <span class="badge">paused</span>}
        </>
      ),
    },
    { name: "planted", title: "", value: ({ planted }) => planted ?? 0 },
    { name: "caught", title: "Planted errors caught", value: ({ caught }) => caught ?? 0, show: caughtText },
    {
      name: "misses_when_shown",
      title: "Misses when shown",
      value: ({ shownAgainstBlind: compared }) => compared && numberIn(compared.misses?.value),
      show: ({ shownAgainstBlind: compared }) => figureText(compared?.misses),
    },
    {
      name: "keeps_more",
      title: "Keeps more",
      value: ({ shownAgainstBlind: compared }) => compared?.kept && numberIn(compared.kept.value),
      show: ({ shownAgainstBlind: compared }) => figureText(compared?.kept),
    },
    {
      name: "seconds_a_box",
      title: "A box",
      value: ({ secondsABox }) => secondsABox && numberIn(secondsABox.value),
      show: ({ secondsABox }) => (secondsABox ? seconds(numberIn(secondsABox.value)) : NOTHING),
    },
    {
      name: "alpha",
      title: "Agreement (alpha)",
      value: ({ agreement }) => agreement?.alpha && numberIn(agreement.alpha),
      show: ({ agreement: { alpha } = {} }) =>
        alpha === undefined ? NOTHING : numberIn(alpha).toFixed(2),
    },
    { name: "paused", title: "", value: ({ pause }) => pause !== undefined },
  ];
}
