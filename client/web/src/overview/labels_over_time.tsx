import { call } from "../api";
import { useKept } from "../dashboards/answer";
import { Chart } from "../dashboards/chart";
import { Choice } from "../dashboards/choice";
import type { Column } from "../dashboards/columns";
import { Downloads } from "../dashboards/downloads";
import { Empty } from "../dashboards/empty";
import { count, utc } from "../dashboards/formats";
import { Part } from "../dashboards/part";
import { annotateAddress } from "../route";
import { FRESH_COUNTS } from "./fresh";
import { origins, periodsOf, type LabelPeriod } from "./label_periods";

export type Period = "day" | "week";
const choices: Record<Period, string> = { day: "By day", week: "By week" };

const columns: Column<LabelPeriod>[] = [
  { name: "begins", title: "From", value: ({ begins }) => begins },
  { name: "images", title: "Images", value: ({ images }) => images },
  ...origins.map(([origin, title]) => ({
    name: origin.toLowerCase(),
    title,
    value: ({ boxes }: LabelPeriod) => boxes.get(origin) ?? 0,
  })),
];

interface Props {
  project: string;
  per: Period;
  choose: (per: Period) => void;
}

export function LabelsOverTime({ project, per, choose }: Props) {
  const period = per === "day" ? "DAY" : "WEEK";
  const answer = useKept(
    async (maxAgeSeconds) => {
      const stats = await call("ProvenanceService", "getLabelStats", { project, period, maxAgeSeconds });
      return { periods: periodsOf(stats), computedAt: stats.computedAt };
    },
    FRESH_COUNTS,
    [project, period],
  );
  return (
    <Part
      name="Labels over time"
      answer={answer}
      style="labels-over-time card padded"
      actions={({ periods }) => (
        <>
          <Choice name="Periods" choices={choices} chosen={per} choose={choose} />
          {periods.length > 0 && <Downloads name={`${project}-labels`} columns={columns} rows={periods} />}
        </>
      )}
    >
      {({ periods }) =>
        periods.length === 0 ? (
          <Empty>
            Nobody has labelled an image yet. <a href={annotateAddress(project)}>Label the first one</a>
          </Empty>
        ) : (
          <Shown periods={periods} per={per} />
        )
      }
    </Part>
  );
}

function Shown({ periods, per }: { periods: readonly LabelPeriod[]; per: Period }) {
  const colours = ["--series-6", "--series-1", "--series-3", "--series-2", "--series-4", "--series-5"];
  const series = origins.map(([origin, name], i) => ({
    name,
    values: periods.map(({ boxes }) => boxes.get(origin) ?? 0),
    colour: colours[i]!,
  }));
  return (
    <>
      <Chart
        title="Labels over time"
        x={periods.map(({ begins }) => Date.parse(begins) / 1000)}
        xName={per === "day" ? "day (UTC)" : "week (UTC, from Monday)"}
        xText={(seconds) => utc(new Date(seconds * 1000), "day")}
        xIsTime
        yName="boxes of today's labels"
        yText={count}
        series={series.filter(({ values }) => values.some((value) => value > 0))}
        isStacked
        height={220}
      />
    </>
  );
}
