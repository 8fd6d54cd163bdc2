import type {
  ClassFiguresJson,
  PoolEstimatesJson,
  PoolFigureJson,
  PoolFiguresJson,
} from "../../gen/loupe/v1/insight_pb";
import type { ProjectJson } from "../../gen/loupe/v1/project_pb";
import { call } from "../api";
import { useKept } from "../dashboards/answer";
import { classColumn } from "../dashboards/class_column";
import type { Column } from "../dashboards/columns";
import { Downloads } from "../dashboards/downloads";
import { Empty } from "../dashboards/empty";
import { Figure } from "../dashboards/figure";
import { NOTHING, count, interval, numberOf, percent, score } from "../dashboards/formats";
import { Part } from "../dashboards/part";
import { Table } from "../dashboards/table";
import { pageAddress } from "../route";
import { counted } from "../words";
import { FRESH } from "./fresh";

type Name = "precision" | "recall" | "ap50" | "prevalence" | "boxesLeft";

const rounded = (value: number) => count(Math.round(value));
// In words of `loupe estimate --json`.
const figures: { field: Name; name: string; title: string; show: (value: number) => string }[] = [
  { field: "precision", name: "precision", title: "Precision", show: score },
  { field: "recall", name: "recall", title: "Recall", show: score },
  { field: "ap50", name: "ap50", title: "AP50", show: score },
  { field: "prevalence", name: "prevalence", title: "Images with it", show: percent },
  { field: "boxesLeft", name: "boxes_left", title: "Boxes left", show: rounded },
];

function columnsOf({ classes }: ProjectJson): Column<ClassFiguresJson>[] {
  return [
    classColumn(classes),
    ...figures.flatMap(({ field, name, title, show }): Column<ClassFiguresJson>[] => [
      {
        name,
        title,
        value: (row) => valueOf(row.figures?.[field]),
        show: (row) => <Estimate figure={row.figures?.[field]} show={show} />,
      },
      { name: `${name}_low`, title: "", value: (row) => row.figures?.[field]?.low as number | undefined },
      { name: `${name}_high`, title: "", value: (row) => row.figures?.[field]?.high as number | undefined },
    ]),
    { name: "images_to_look_at", title: "", value: (row) => numberOf(row.imagesToLookAt) },
  ];
}

function valueOf(figure: PoolFigureJson | undefined): number | undefined {
  return figure && numberOf(figure.value);
}

function rangeOf({ low, high }: PoolFigureJson, show: (value: number) => string): string {
  return low === undefined || high === undefined ? "" : interval(numberOf(low), numberOf(high), show);
}

function Estimate({ figure, show }: { figure: PoolFigureJson | undefined; show: (value: number) => string }) {
  if (!figure) return <span class="faint">{NOTHING}</span>;
  return (
    <>
      {show(numberOf(figure.value))} <span class="faint">{rangeOf(figure, show)}</span>
    </>
  );
}

interface Props {
  project: ProjectJson;
  changedAt: string | undefined;
  mayStart: boolean; // a round
}

// How good the model is on pictures that nobody chose, and what is left to draw.
export function Estimates({ project, changedAt, mayStart }: Props) {
  const name = project.name ?? "";
  const answer = useKept(
    (maxAgeSeconds) => call("InsightService", "estimatePool", { project: name, maxAgeSeconds }),
    FRESH,
    [name],
    changedAt,
  );
  const columns = columnsOf(project);
  return (
    <Part
      name="Estimates from the random slice"
      answer={answer}
      style="estimates card padded"
      actions={({ classes = [] }) =>
        classes.length > 0 && <Downloads name={`${name}-estimates`} columns={columns} rows={classes} />
      }
    >
      {(estimates) => (
        <>
          {estimates.noFigures && <NoFigures project={name} estimates={estimates} mayStart={mayStart} />}
          {estimates.allClasses && <AllClasses estimates={estimates} all={estimates.allClasses} />}
          {estimates.notJudged && <p>No model is judged: {estimates.notJudged}.</p>}
          <Classes classes={estimates.classes ?? []} columns={columns} />
        </>
      )}
    </Part>
  );
}

interface NoFiguresProps {
  project: string;
  estimates: PoolEstimatesJson;
  mayStart: boolean;
}

function NoFigures({ project, estimates, mayStart }: NoFiguresProps) {
  const slice = numberOf(estimates.sliceImages);
  if (slice > 0 && !estimates.openImage) {
    return (
      <Empty>
        No figures: the random slice is used up, and its {counted(slice, "image", "images")} are too few or
        hold too few boxes. The next round draws a new one.{" "}
        {mayStart && <a href={pageAddress("new round", project)}>Start a round</a>}
      </Empty>
    );
  }
  return (
    <Empty>
      No figures yet: {estimates.noFigures}.{" "}
      <a href={pageAddress("queue", project, "", { slice: "random" })}>See the random slice</a>
    </Empty>
  );
}

interface ClassesProps {
  classes: readonly ClassFiguresJson[];
  columns: readonly Column<ClassFiguresJson>[];
}

function Classes({ classes, columns }: ClassesProps) {
  if (classes.length === 0) return null;
  if (!classes.some((each) => Object.keys(each.figures ?? {}).length > 0)) {
    return <p class="faint">No class has enough boxes in these images for figures of its own.</p>;
  }
  return (
    <Table caption="Estimates per class" columns={columns} rows={classes} rowKey={({ label = 0 }) => label} />
  );
}

function AllClasses({ estimates, all }: { estimates: PoolEstimatesJson; all: PoolFiguresJson }) {
  const left = all.boxesLeft;
  const boxesLeft = Math.round(numberOf(left?.value));
  return (
    <>
      <div class="figures">
        {figures.map(({ field, title, show }) => {
          const figure = all[field];
          return (
            figure && (
              <Figure
                key={field}
                name={field === "prevalence" ? "Images with a box" : title}
                value={show(numberOf(figure.value))}
                interval={rangeOf(figure, show)}
              />
            )
          );
        })}
      </div>
      <p class="faint">
        From {counted(numberOf(estimates.answeredImages), "image", "images")} that were drawn at random
        {estimates.model ? `, of model ${estimates.model} at scores from ${estimates.scoreThreshold} up` : ""}
        . Intervals hold in 95 of 100 cases.{" "}
        {left && `About ${counted(boxesLeft, "box is", "boxes are")} still to draw in the pool.`}
      </p>
    </>
  );
}
