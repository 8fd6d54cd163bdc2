// Which images come next and why, how many are left, what comes before them, and who works on what.

import type { QueueEntryJson, QueueSummaryJson, SliceJson } from "../../gen/loupe/v1/labeling_pb";
import type { ProjectJson } from "../../gen/loupe/v1/project_pb";
import { call } from "../api";
import { useAnswer, usePages } from "../dashboards/answer";
import type { Column } from "../dashboards/columns";
import { Downloads } from "../dashboards/downloads";
import { Empty } from "../dashboards/empty";
import { Figure } from "../dashboards/figure";
import { count, numberOf } from "../dashboards/formats";
import type { ProjectPageProps } from "../dashboards/pages";
import { More, Part } from "../dashboards/part";
import { Title } from "../dashboards/title";
import { When } from "../dashboards/when";
import { reasonText, sliceNames } from "../image_history/words";
import { changeQuery, pageAddress } from "../route";
import { counted } from "../words";
import { QueueCards } from "./cards";
import { Held } from "./held";
import "./queue.css";
import { Requests } from "./requests";

const PAGE = 24;
// Calls for one page. Each looks at thousands of entries.
const MOST_CALLS = 5;
const filtered: SliceJson[] = ["UNCERTAIN", "RARE", "RANDOM", "SLICE_HOLDOUT"];

export function Queue({ project, query }: ProjectPageProps) {
  const name = project.name ?? "";
  const slice = filtered.find((each) => sliceNames[each] === query.get("slice"));
  const className = query.get("class") ?? "";
  const summary = useAnswer(() => call("LabelingService", "getQueueSummary", { project: name }), [name]);
  const pages = usePages(
    async (token) => {
      let pageToken = token;
      for (let calls = 1; ; ++calls) {
        const request = { project: name, pageSize: PAGE, pageToken, slice, className, unanswered: true };
        const { entries = [], nextPageToken = "" } = await call("LabelingService", "listQueue", request);
        const isEnough = entries.length > 0 || nextPageToken === "" || calls === MOST_CALLS;
        if (isEnough) return { rows: entries, nextPageToken };
        pageToken = nextPageToken;
      }
    },
    [name, slice, className],
  );
  const { rows } = pages;
  const inUse = (project.classes ?? []).filter(({ retired }) => !retired);
  const classes = inUse.map(({ name: each = "" }) => each);
  return (
    <main class="queue">
      <Title text="Queue">
        {rows && rows.length > 0 && (
          <Downloads name={`${name}-queue`} columns={columnsOf(project)} rows={rows} />
        )}
      </Title>
      <Part name="Waiting" answer={summary} style="left">
        {(value) => <Left project={name} summary={value} />}
      </Part>
      {(summary.value?.nextRequests?.length ?? 0) > 0 && (
        <Requests project={project} summary={summary.value!} />
      )}
      <section class="part" aria-label="Next">
        <div class="part-head">
          <h3>Next</h3>
          <label>
            Slice{" "}
            <select
              value={slice ? sliceNames[slice] : ""}
              onChange={(event) => changeQuery({ slice: event.currentTarget.value })}
            >
              <option value="">all</option>
              {filtered.map((each) => (
                <option key={each}>{sliceNames[each]}</option>
              ))}
            </select>
          </label>
          <label>
            Predicted class{" "}
            <select value={className} onChange={(event) => changeQuery({ class: event.currentTarget.value })}>
              <option value="">any</option>
              {classes.map((each) => (
                <option key={each}>{each}</option>
              ))}
              {className && !classes.includes(className) && <option>{className}</option>}
            </select>
          </label>
        </div>
        {rows && rows.length > 0 && <QueueCards project={project} entries={rows} />}
        {rows?.length === 0 && (
          <NothingWaits
            project={name}
            isFiltered={slice !== undefined || className !== ""}
            hasMore={pages.hasMore}
          />
        )}
        <More pages={pages} />
      </section>
      <Part name="Worked on now" answer={summary}>
        {(value) => <Held project={name} summary={value} />}
      </Part>
    </main>
  );
}

// How many images are left in each slice.
function Left({ project, summary }: { project: string; summary: QueueSummaryJson }) {
  const { slices = [], hasMore = false, generation = 0, model = 0, activeSince } = summary;
  const inAll = slices.reduce((sum, { images }) => sum + numberOf(images), 0);
  const atLeast = hasMore ? "at least " : "";
  return (
    <>
      <p>
        Ranking {generation},{" "}
        {model === 0 ? (
          "made before there was a model"
        ) : (
          <a href={pageAddress("model", project, model)}>by the predictions of model {model}</a>
        )}
        , active since <When at={activeSince} />. In it, {atLeast}
        {counted(inAll, "image waits", "images wait")} for an answer
        {hasMore && ": its next 10,000 entries were counted"}.
      </p>
      <div class="figures">
        {slices.map(({ slice = "SLICE_UNSPECIFIED", images }) => (
          <Figure key={slice} name={sliceNames[slice]} value={atLeast + count(images)}>
            {sliceTexts[slice]}
          </Figure>
        ))}
      </div>
    </>
  );
}

const sliceTexts: Partial<Record<SliceJson, string>> = {
  UNCERTAIN: "the model is unsure what they show",
  RARE: "with a rare class, or nothing at all",
  RANDOM: "drawn at random, for estimates",
  SLICE_HOLDOUT: "labelled blind, to judge models",
};

interface NothingProps {
  project: string;
  isFiltered: boolean;
  hasMore: boolean;
}

function NothingWaits({ project, isFiltered, hasMore }: NothingProps) {
  if (hasMore) return <Empty>None found so far. There are more entries to look at:</Empty>;
  if (isFiltered) {
    return (
      <Empty>
        No such image waits. <a href={pageAddress("queue", project)}>Show all that wait</a>
      </Empty>
    );
  }
  return (
    <Empty>
      Nothing waits in the ranking.{" "}
      <a href={pageAddress("setup", project, "", { part: "import" })}>Import pictures</a> or{" "}
      <a href={pageAddress("new round", project)}>start a round</a>
    </Empty>
  );
}

function columnsOf(project: ProjectJson): Column<QueueEntryJson>[] {
  const className = (label: number | undefined) =>
    project.classes?.find((each) => each.label === label)?.name ?? `class ${label}`;
  return [
    { name: "position", title: "", value: ({ reason }) => numberOf(reason?.position) },
    { name: "image_id", title: "", value: ({ image }) => image?.id },
    { name: "file_name", title: "", value: ({ image }) => image?.fileName },
    { name: "side", title: "", value: ({ image }) => image?.side?.toLowerCase() },
    { name: "slice", title: "", value: ({ reason }) => sliceNames[reason?.slice ?? "SLICE_UNSPECIFIED"] },
    { name: "score", title: "", value: ({ reason }) => reason?.score && Number(reason.score) },
    {
      name: "probability",
      title: "",
      value: ({ reason }) => reason?.probability && Number(reason.probability),
    },
    { name: "blind", title: "", value: ({ blind }) => blind ?? false },
    { name: "state", title: "", value: ({ state }) => state },
    { name: "held_by", title: "", value: ({ heldBy }) => heldBy || null },
    {
      name: "predicted",
      title: "",
      value: ({ predicted = [] }) =>
        predicted.map(({ label, score }) => `${className(label)} ${Number(score).toFixed(3)}`).join("; "),
    },
    { name: "why", title: "", value: ({ reason }) => (reason ? reasonText(reason) : "") },
  ];
}
