// Images on which two people see different things, to be decided by a third.

import { useSignal } from "@preact/signals";
import type { LabelBoxJson } from "../../gen/loupe/v1/annotation_pb";
import type { DisagreementJson } from "../../gen/loupe/v1/insight_pb";
import type { CorrectedBoxJson, TaskJson } from "../../gen/loupe/v1/labeling_pb";
import type { ProjectJson } from "../../gen/loupe/v1/project_pb";
import type { TokenJson } from "../../gen/loupe/v1/token_pb";
import { call } from "../api";
import { usePages } from "../dashboards/answer";
import { useChange } from "../dashboards/change";
import { Empty } from "../dashboards/empty";
import type { ProjectPageProps } from "../dashboards/pages";
import { More } from "../dashboards/part";
import { Thumbnail, type DrawnBox } from "../dashboards/thumbnail";
import { Title } from "../dashboards/title";
import { mayEngineer } from "../role";
import { annotateAddress, pageAddress } from "../route";
import { counted } from "../words";
import "./reviewers.css";

const PAGE = 20;

export function Disagreements({ project, caller }: ProjectPageProps) {
  const { name = "" } = project;
  const pages = usePages(
    async (pageToken) => {
      const request = { project: name, pageSize: PAGE, pageToken };
      const answer = await call("InsightService", "listDisagreements", request);
      return { rows: answer.images ?? [], nextPageToken: answer.nextPageToken ?? "", total: answer.total };
    },
    [name],
  );
  const total = Number(pages.first?.total ?? 0);
  return (
    <main class="reviewers">
      <Title text="Disagreements">
        <a class="button" href={pageAddress("reviewers", name)}>
          Reviewers
        </a>
      </Title>
      {pages.rows?.length === 0 && (
        <Empty>No two answers to an image differ, or somebody has decided between them.</Empty>
      )}
      {total > 0 && (
        <p>
          On {counted(total, "image", "images")} two people see different things. The first answer is the
          truth until somebody decides.
        </p>
      )}
      <ol class="disagreements">
        {pages.rows?.map((row) => (
          <li key={row.image?.id} class="card">
            <Row project={project} row={row} caller={caller} />
          </li>
        ))}
      </ol>
      <More pages={pages} />
    </main>
  );
}

interface RowProps {
  project: ProjectJson;
  row: DisagreementJson;
  caller: TokenJson;
}

function Row({ project, row, caller }: RowProps) {
  const { image = {}, differing = 0, first = [], second = [], firstAuthor, secondAuthor } = row;
  const isOne = caller.name === firstAuthor || caller.name === secondAuthor;
  const decides = mayEngineer(caller.role) && !isOne;
  const decided = useSignal("");
  const change = useChange();
  // Opens the image, and sends the boxes of the answer that is taken.
  async function take(author: string | undefined, boxesOf: (task: TaskJson) => CorrectedBoxJson[]) {
    const request = { project: project.name ?? "", imageId: image.id ?? "" };
    const task = await change.call("LabelingService", "openTask", request);
    const { taskId = "", lease = "" } = task;
    if (!isSame(task.boxes ?? [], first)) {
      await change.call("LabelingService", "release", { tasks: [{ taskId, lease }] });
      throw new Error("Somebody has answered this image since: load the page again.");
    }
    await change.call("LabelingService", "submit", { taskId, lease, boxes: boxesOf(task), client: "page" });
    decided.value = `${author}'s answer is the truth.`;
  }
  const side = (words: string, author: string | undefined, boxes: readonly LabelBoxJson[]) => (
    <figure>
      <Thumbnail image={image} project={project} width={400} boxes={boxes.map(drawn)} alt={words} />
      <figcaption>
        {words}: {author}, {counted(boxes.length, "box", "boxes")}
      </figcaption>
    </figure>
  );
  return (
    <>
      <p>
        <a href={pageAddress("image", project.name ?? "", image.id)}>{image.fileName}</a>:{" "}
        {counted(differing, "thing differs", "things differ")}
      </p>
      <div class="sides">
        {side("First", firstAuthor, first)}
        {side("Second", secondAuthor, second)}
      </div>
      {mayEngineer(caller.role) && isOne && <p class="faint">A third person decides.</p>}
      {decided.value && <p role="status">{decided.value}</p>}
      {decides && !decided.value && (
        <div class="ways">
          <button
            type="button"
            disabled={change.isBusy}
            onClick={() => void change.run(() => take(firstAuthor, ({ boxes = [] }) => boxes.map(kept)))}
          >
            Take the first
          </button>
          <button
            type="button"
            disabled={change.isBusy}
            onClick={() => void change.run(() => take(secondAuthor, () => second.map(added)))}
          >
            Take the second
          </button>
          <a class="button" href={annotateAddress(project.name ?? "", image.id)}>
            Correct it
          </a>
        </div>
      )}
      <p class="error" role="alert">
        {change.error}
      </p>
    </>
  );
}

// Whether the truth is still the one that is shown.
function isSame(boxes: readonly LabelBoxJson[], shown: readonly LabelBoxJson[]): boolean {
  const textOf = (each: readonly LabelBoxJson[]) =>
    JSON.stringify(each.map(({ boxId, box, label }) => [boxId, box, label]).sort());
  return textOf(boxes) === textOf(shown);
}

function drawn({ box, label = 0 }: LabelBoxJson): DrawnBox {
  const [x1, y1, x2, y2] = [box?.x1, box?.y1, box?.x2, box?.y2].map((side) => Number(side ?? 0));
  return { x1: x1!, y1: y1!, x2: x2!, y2: y2!, label };
}

const added = ({ box, label, ignore }: LabelBoxJson): CorrectedBoxJson => ({ box, label, ignore });
const kept = (box: LabelBoxJson): CorrectedBoxJson => ({ ...added(box), boxId: box.boxId });
