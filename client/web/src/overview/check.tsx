import type { ClassCoverageJson } from "../../gen/loupe/v1/insight_pb";
import type { ProjectJson } from "../../gen/loupe/v1/project_pb";
import { call } from "../api";
import { useKept } from "../dashboards/answer";
import { classColumn } from "../dashboards/class_column";
import type { Column } from "../dashboards/columns";
import { Downloads } from "../dashboards/downloads";
import { NOTHING, count, interval, numberOf } from "../dashboards/formats";
import { Part } from "../dashboards/part";
import { Table } from "../dashboards/table";
import { FRESH } from "./fresh";

const rounded = (value: number) => count(Math.round(value));

// In words of `loupe check --json`.
function columnsOf({ classes }: ProjectJson): Column<ClassCoverageJson>[] {
  const ifExpected = (row: ClassCoverageJson, value: number | string | undefined) =>
    row.expectedBoxes === undefined ? undefined : numberOf(value);
  return [
    classColumn(classes),
    {
      name: "boxes",
      title: "Boxes in the pool",
      value: (row) => numberOf(row.boxes),
      show: (row) => count(row.boxes),
    },
    {
      name: "expected_boxes",
      title: "Expected in the rest",
      value: (row) => ifExpected(row, row.expectedBoxes),
      show: (row) =>
        row.expectedBoxes === undefined ? (
          <span class="faint">{NOTHING}</span>
        ) : (
          <>
            {rounded(numberOf(row.expectedBoxes))}{" "}
            <span class="faint">
              {interval(numberOf(row.expectedLow), numberOf(row.expectedHigh), rounded)}
            </span>
          </>
        ),
    },
    { name: "expected_low", title: "", value: (row) => ifExpected(row, row.expectedLow) },
    { name: "expected_high", title: "", value: (row) => ifExpected(row, row.expectedHigh) },
    { name: "missing", title: "", value: (row) => row.missing ?? false },
    { name: "thin", title: "", value: (row) => row.thin ?? false },
    { name: "underrepresented", title: "", value: (row) => row.underrepresented ?? false },
  ];
}

// Whether the labelled images represent the rest.
export function Check({ project, changedAt }: { project: ProjectJson; changedAt: string | undefined }) {
  const name = project.name ?? "";
  const answer = useKept(
    (maxAgeSeconds) => call("InsightService", "checkLabels", { project: name, maxAgeSeconds }),
    FRESH,
    [name],
    changedAt,
  );
  const columns = columnsOf(project);
  return (
    <Part
      name="Do the labels represent the pool?"
      answer={answer}
      style="check card padded"
      actions={({ classes = [] }) =>
        classes.length > 0 && <Downloads name={`${name}-check`} columns={columns} rows={classes} />
      }
    >
      {({ findings = [], classes = [] }) => (
        <>
          {findings.length === 0 && <p>Nothing stands out.</p>}
          <ul class="findings">
            {findings.map((finding) => (
              <li key={finding}>{finding}</li>
            ))}
          </ul>
          {classes.length > 0 && (
            <Table
              caption="Boxes per class"
              columns={columns}
              rows={classes}
              rowKey={({ label = 0 }) => label}
            />
          )}
        </>
      )}
    </Part>
  );
}
