// The models of a project, newest first.

import type { ModelJson } from "../../gen/loupe/v1/model_pb";
import { call } from "../api";
import { usePages } from "../dashboards/answer";
import type { Column } from "../dashboards/columns";
import { Downloads } from "../dashboards/downloads";
import { Empty } from "../dashboards/empty";
import { count, difference, numberOf, score } from "../dashboards/formats";
import type { ProjectPageProps } from "../dashboards/pages";
import { More } from "../dashboards/part";
import { Table } from "../dashboards/table";
import { Title } from "../dashboards/title";
import { When } from "../dashboards/when";
import { mayEngineer, mayRead } from "../role";
import { pageAddress } from "../route";
import { differenceInterval, isCompared, numberIn, outcomeOf } from "./gate";
import "./models.css";

const PAGE = 50;

async function pageOf(project: string, pageToken: string, pageSize = PAGE) {
  const answer = await call("ModelService", "listModels", { project, pageSize, pageToken });
  return { rows: answer.models ?? [], nextPageToken: answer.nextPageToken ?? "" };
}

async function allModels(project: string): Promise<ModelJson[]> {
  const models: ModelJson[] = [];
  let pageToken = "";
  do {
    const page = await pageOf(project, pageToken, 1000);
    models.push(...page.rows);
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  return models;
}

export function Models({ project, caller }: ProjectPageProps) {
  const { name = "" } = project;
  const pages = usePages((pageToken) => pageOf(name, pageToken), [name]);
  const judged = pages.rows?.filter(({ evaluation }) => evaluation) ?? [];
  return (
    <main class="models">
      <Title text="Models">
        {mayRead(caller.role) && judged.length > 1 && (
          <a
            class="button"
            href={pageAddress("compare", name, "", { a: judged[1]!.number, b: judged[0]!.number })}
          >
            Compare two
          </a>
        )}
        {pages.rows && pages.rows.length > 0 && (
          <Downloads name={`${name}-models`} columns={columnsOf(name)} rows={() => allModels(name)} />
        )}
      </Title>
      {pages.rows?.length === 0 && (
        <Empty>
          No model yet: a round trains one.{" "}
          {mayEngineer(caller.role) ? (
            <a href={pageAddress("new round", name)}>Start a round</a>
          ) : (
            "An engineer starts it."
          )}
        </Empty>
      )}
      {pages.rows && pages.rows.length > 0 && (
        <Table caption="Models" columns={columnsOf(name)} rows={pages.rows} rowKey={({ id }) => id ?? ""} />
      )}
      <More pages={pages} />
      {mayEngineer(caller.role) && (
        <p class="faint">
          Weights from elsewhere come in on the command line, for rounds to start from:{" "}
          <code>loupe model import --weights FILE.safetensors --preset small</code>
        </p>
      )}
    </main>
  );
}

function columnsOf(project: string): Column<ModelJson>[] {
  const linkTo = (page: "model" | "round", number: number | undefined, text = String(number)) =>
    number ? <a href={pageAddress(page, project, number)}>{text}</a> : "";
  return [
    {
      name: "number",
      title: "Model",
      value: ({ number }) => number,
      show: ({ number }) => linkTo("model", number),
    },
    {
      name: "ap50",
      title: "AP50",
      value: ({ evaluation }) => figureOf(evaluation?.ap50),
      show: ({ evaluation }) => score(numberIn(evaluation?.ap50)),
    },
    {
      name: "name",
      title: "Name",
      isText: true,
      value: ({ name }) => name,
      show: ({ name, withdrawnLabels }) => (
        <>
          {name}
          {numberOf(withdrawnLabels) > 0 && (
            <span class="badge warn" title="It learned from labels that were withdrawn since">
              {count(withdrawnLabels)} withdrawn
            </span>
          )}
        </>
      ),
    },
    {
      name: "state",
      title: "State",
      isText: true,
      value: ({ state }) => state,
      show: ({ state }) => <State state={state} />,
    },
    { name: "preset", title: "Preset", isText: true, value: ({ preset }) => preset },
    { name: "ap", title: "", value: ({ evaluation }) => figureOf(evaluation?.ap) },
    {
      name: "judged_images",
      title: "Judged on",
      value: ({ evaluation }) => numberOf(evaluation?.images),
      show: ({ evaluation }) => evaluation && count(evaluation.images),
    },
    {
      name: "gate",
      title: "Gate",
      isText: true,
      value: ({ gate }) => outcomeOf(gate),
      show: ({ gate = {} }) => (
        <>
          {outcomeOf(gate)}{" "}
          {isCompared(gate) && (
            <span class="faint">
              {difference(numberIn(gate.difference))} ({differenceInterval(gate)})
            </span>
          )}
        </>
      ),
    },
    {
      name: "difference",
      title: "",
      value: ({ gate }) => (isCompared(gate) ? numberIn(gate?.difference) : null),
    },
    {
      name: "difference_low",
      title: "",
      value: ({ gate }) => (isCompared(gate) ? numberIn(gate?.differenceLow) : null),
    },
    {
      name: "difference_high",
      title: "",
      value: ({ gate }) => (isCompared(gate) ? numberIn(gate?.differenceHigh) : null),
    },
    {
      name: "snapshot_images",
      title: "Trained on",
      value: ({ snapshotImages }) => numberOf(snapshotImages),
      show: ({ snapshotImages, round }) => (round ? count(snapshotImages) : ""),
    },
    { name: "snapshot_boxes", title: "", value: ({ snapshotBoxes }) => numberOf(snapshotBoxes) },
    {
      name: "parent",
      title: "Parent",
      value: ({ parent }) => parent || null,
      show: ({ parent }) => linkTo("model", parent),
    },
    {
      name: "round",
      title: "Round",
      value: ({ round }) => round || null,
      show: ({ round }) => (round ? linkTo("round", round) : <span class="faint">imported</span>),
    },
    { name: "withdrawn_labels", title: "", value: ({ withdrawnLabels }) => numberOf(withdrawnLabels) },
    {
      name: "created_at",
      title: "Made",
      isText: true,
      value: ({ createdAt }) => createdAt,
      show: ({ createdAt }) => <When at={createdAt} only="day" />,
    },
  ];
}

// The protocol's -1 is undefined.
function figureOf(value: number | string | undefined): number | null {
  return typeof value === "number" && value >= 0 ? value : null;
}

export function State({ state }: { state: string | undefined }) {
  return state === "serving" ? <span class="badge">serving</span> : <>{state}</>;
}
