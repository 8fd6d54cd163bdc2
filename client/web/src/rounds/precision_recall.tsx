import type { ModelQualityJson } from "../../gen/loupe/v1/insight_pb";
import type { ProjectJson } from "../../gen/loupe/v1/project_pb";
import { nameOf } from "../annotate/class_panel";
import { shownColour } from "../annotate/palette";
import { Chart } from "../dashboards/chart";
import type { Column } from "../dashboards/columns";
import { Downloads } from "../dashboards/downloads";
import { numberOf, percent } from "../dashboards/formats";

const SHOWN = 6; // more curves hide each other

interface Row {
  readonly name: string;
  readonly recall: number;
  readonly precision: number;
  readonly score: number;
}

const columns: Column<Row>[] = [
  { name: "class", title: "", value: ({ name }) => name },
  { name: "recall", title: "", value: ({ recall }) => recall },
  { name: "precision", title: "", value: ({ precision }) => precision },
  { name: "score", title: "", value: ({ score }) => score },
];

interface Props {
  quality: ModelQualityJson;
  project: ProjectJson;
  name: string; // of the files
}

export function PrecisionRecall({ quality, project, name }: Props) {
  const curves = (quality.classes ?? []).filter(({ curve }) => (curve ?? []).length > 0);
  if (curves.length === 0) return null;
  const shown = [...curves].sort((a, b) => numberOf(b.boxes) - numberOf(a.boxes)).slice(0, SHOWN);
  const x = Array.from({ length: 101 }, (_, i) => i / 100);
  const rows = () =>
    Promise.resolve(
      curves.flatMap(({ label = 0, curve = [] }) =>
        curve.map((point) => ({
          name: nameOf(project.classes, label),
          recall: numberOf(point.recall),
          precision: numberOf(point.precision),
          score: numberOf(point.score),
        })),
      ),
    );
  return (
    <div class="with-files">
      <div class="card charts">
        <Chart
          title="Precision and recall at IoU 0.5"
          x={x}
          xName="recall"
          xText={(recall) => percent(recall, 0)}
          yName="precision"
          yText={(precision) => percent(precision, 0)}
          yRange={[0, 1.02]}
          series={shown.map(({ label = 1, curve = [] }) => ({
            name: nameOf(project.classes, label),
            values: x.map((_, at) => (curve[at] ? numberOf(curve[at]!.precision) : null)),
            colour: shownColour(project.classes?.find((each) => each.label === label) ?? { label }),
          }))}
        />
        {curves.length > SHOWN && (
          <p class="faint">The {SHOWN} classes with the most boxes are drawn; the files have all of them.</p>
        )}
      </div>
      <Downloads name={name} columns={columns} rows={rows} />
    </div>
  );
}
