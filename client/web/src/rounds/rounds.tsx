// The rounds of a project.

import type { RoundJson } from "../../gen/loupe/v1/round_pb";
import { call } from "../api";
import { usePages } from "../dashboards/answer";
import type { Column } from "../dashboards/columns";
import { Downloads } from "../dashboards/downloads";
import { Empty } from "../dashboards/empty";
import { count, numberOf, score } from "../dashboards/formats";
import type { ProjectPageProps } from "../dashboards/pages";
import { More } from "../dashboards/part";
import { Table } from "../dashboards/table";
import { Title } from "../dashboards/title";
import { When } from "../dashboards/when";
import { outcomeOf } from "../models/gate";
import { mayEngineer } from "../role";
import { pageAddress } from "../route";
import { durationOf } from "../words";
import { durationOfRound } from "./round_words";
import "./rounds.css";

export function Rounds({ project: { name = "" }, caller }: ProjectPageProps) {
  const pages = usePages(
    async (pageToken) => {
      const answer = await call("RoundService", "listRounds", { project: name, pageSize: 50, pageToken });
      return { rows: answer.rounds ?? [], nextPageToken: answer.nextPageToken ?? "" };
    },
    [name],
  );
  const { rows } = pages;
  const columns = columnsOf(name);
  return (
    <main class="rounds">
      <Title text="Rounds">
        {rows && rows.length > 0 && <Downloads name={`${name}-rounds`} columns={columns} rows={rows} />}
        {mayEngineer(caller.role) && (
          <a class="button primary" href={pageAddress("new round", name)}>
            New round
          </a>
        )}
      </Title>
      {rows?.length === 0 && (
        <Empty>
          No round yet. A round trains a model on the labels, judges it, and ranks the pool.{" "}
          {mayEngineer(caller.role) && <a href={pageAddress("new round", name)}>Start a round</a>}
        </Empty>
      )}
      {rows && rows.length > 0 && (
        <Table caption="Rounds" columns={columns} rows={rows} rowKey={(round) => round.number ?? 0} />
      )}
      <More pages={pages} />
    </main>
  );
}

function columnsOf(project: string): Column<RoundJson>[] {
  return [
    {
      name: "number",
      title: "Round",
      value: (round) => round.number,
      show: (round) => <a href={pageAddress("round", project, round.number ?? 0)}>{round.number}</a>,
    },
    { name: "state", title: "State", value: (round) => round.state, isText: true },
    {
      name: "model",
      title: "Model",
      value: (round) => round.model,
      show: ({ model = 0 }) => model > 0 && <a href={pageAddress("model", project, model)}>{model}</a>,
    },
    {
      name: "ap50",
      title: "AP50",
      value: ({ evaluation }) => evaluation && numberOf(evaluation.ap50),
      show: ({ evaluation }) => evaluation && score(numberOf(evaluation.ap50)),
    },
    { name: "gate", title: "Gate", value: ({ gate }) => outcomeOf(gate), isText: true },
    {
      name: "snapshot_images",
      title: "Images",
      value: (round) => numberOf(round.snapshotImages),
      show: (round) => count(round.snapshotImages),
    },
    {
      name: "snapshot_boxes",
      title: "Boxes",
      value: (round) => numberOf(round.snapshotBoxes),
      show: (round) => count(round.snapshotBoxes),
    },
    {
      name: "seconds",
      title: "Took",
      value: (round) => durationOfRound(round) / 1000,
      show: (round) => durationOf(durationOfRound(round)),
    },
    {
      name: "created_at",
      title: "Submitted",
      value: (round) => round.createdAt,
      show: (round) => <When at={round.createdAt} />,
    },
    { name: "error", title: "", value: (round) => round.error ?? "" },
  ];
}
