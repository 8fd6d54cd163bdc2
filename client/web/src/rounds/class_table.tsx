import type { ClassQualityJson, ModelQualityJson } from "../../gen/loupe/v1/insight_pb";
import type { ProjectJson } from "../../gen/loupe/v1/project_pb";
import { classColumn } from "../dashboards/class_column";
import type { Column } from "../dashboards/columns";
import { Downloads } from "../dashboards/downloads";
import { FEWEST_BOXES, count, interval, numberOf, score } from "../dashboards/formats";
import { Table } from "../dashboards/table";

const defined = (value: unknown) => (Number(value ?? 0) === -1 ? null : Number(value ?? 0));

interface Props {
  quality: ModelQualityJson;
  project: ProjectJson;
  name: string; // of the files
}

export function ClassTable({ quality, project, name }: Props) {
  const classes = quality.classes ?? [];
  const columns: Column<ClassQualityJson>[] = [
    classColumn(project.classes),
    {
      name: "boxes",
      title: "True boxes",
      value: ({ boxes }) => numberOf(boxes),
      show: ({ boxes }) => count(boxes),
    },
    {
      name: "ap50",
      title: "AP50",
      value: ({ ap50 }) => defined(ap50),
      show: ({ ap50 }) => score(numberOf(ap50)),
    },
    {
      name: "ap50_low",
      title: "90 % interval",
      value: ({ ap50Interval }) => ap50Interval && numberOf(ap50Interval.low),
      show: ({ boxes, ap50Interval }) =>
        numberOf(boxes) < FEWEST_BOXES ? (
          <span class="faint">too few boxes</span>
        ) : (
          ap50Interval && interval(numberOf(ap50Interval.low), numberOf(ap50Interval.high))
        ),
    },
    {
      name: "ap50_high",
      title: "",
      value: ({ ap50Interval }) => ap50Interval && numberOf(ap50Interval.high),
    },
    { name: "ap", title: "AP", value: ({ ap }) => defined(ap), show: ({ ap }) => score(numberOf(ap)) },
  ];
  return (
    <div class="with-files">
      <Table caption="AP by class" columns={columns} rows={classes} rowKey={({ label = 0 }) => label} />
      <Downloads name={name} columns={columns} rows={classes} />
    </div>
  );
}
