import type { CurveFitJson, CurveJson, CurvePointJson } from "../../gen/loupe/v1/insight_pb";
import { call } from "../api";
import { useKept } from "../dashboards/answer";
import { Chart, type Series } from "../dashboards/chart";
import type { Column } from "../dashboards/columns";
import { Downloads } from "../dashboards/downloads";
import { Empty } from "../dashboards/empty";
import { Figure } from "../dashboards/figure";
import { count, difference, interval, isNothing, numberOf, score } from "../dashboards/formats";
import { Part } from "../dashboards/part";
import { Choice } from "../dashboards/choice";
import { pageAddress } from "../route";
import { counted, durationOf } from "../words";
import { amountOf, curveData, fitOf, type Amount } from "./curve_data";
import { FRESH } from "./fresh";

// In words of CurvePoint, so that the files read as `loupe curve --json`.
const columns: Column<CurvePointJson>[] = [
  { name: "round", title: "Round", value: ({ round }) => round },
  { name: "model", title: "Model", value: ({ model }) => model },
  { name: "images", title: "Images", value: ({ images }) => numberOf(images) },
  { name: "boxes", title: "Boxes", value: ({ boxes }) => numberOf(boxes) },
  { name: "seconds", title: "Seconds", value: ({ seconds }) => numberOf(seconds) },
  { name: "judged_images", title: "Judged on", value: ({ judgedImages }) => numberOf(judgedImages) },
  { name: "random_sample", title: "", value: ({ randomSample }) => randomSample ?? false },
  { name: "ap50", title: "AP50", value: ({ ap50 }) => ap50 as number | undefined },
  { name: "ap50_low", title: "", value: (point) => ifJudged(point, point.ap50Low) },
  { name: "ap50_high", title: "", value: (point) => ifJudged(point, point.ap50High) },
  { name: "agreement", title: "", value: ({ agreement }) => agreement as number | undefined },
  { name: "withdrawn_labels", title: "", value: ({ withdrawnLabels }) => numberOf(withdrawnLabels) },
];

function ifJudged({ ap50 }: CurvePointJson, value: number | string | undefined): number | undefined {
  return ap50 === undefined ? undefined : numberOf(value);
}

const verdicts: Record<string, string> = {
  "go on": "Go on labelling",
  stop: "Stop labelling",
  "too early to say": "Too early to say",
  "no model was judged yet": "No model was judged yet",
  "all images are labelled": "All images are labelled",
};

const supports: Record<string, string> = {
  "go on": "for going on",
  stop: "for stopping",
};

const amounts: Record<Amount, string> = { images: "By images", seconds: "By time" };

// The newest ones; of older ones the curve doesn't say whether the gate held them.
const ROUNDS_READ = 100;

interface Read extends CurveJson {
  readonly held: ReadonlySet<number>; // rounds
}

async function read(project: string, maxAgeSeconds: number): Promise<Read> {
  const [curve, { rounds = [] }] = await Promise.all([
    call("InsightService", "getCurve", { project, maxAgeSeconds }),
    call("RoundService", "listRounds", { project, pageSize: ROUNDS_READ }),
  ]);
  const held = rounds.filter(({ gate }) => gate?.outcome === "GATE_HELD");
  return { ...curve, held: new Set(held.map(({ number = 0 }) => number)) };
}

interface Props {
  project: string;
  changedAt: string | undefined;
  by: Amount;
  choose: (by: Amount) => void;
}

// Whether to go on labelling, with the reasons and the curve that they come from.
export function Advice({ project, changedAt, by, choose }: Props) {
  const answer = useKept((maxAgeSeconds) => read(project, maxAgeSeconds), FRESH, [project], changedAt);
  return (
    <Part
      name="Go on or stop"
      answer={answer}
      style="advice card padded"
      actions={({ points = [] }) => (
        <>
          {points.length > 0 && <Choice name="Curve" choices={amounts} chosen={by} choose={choose} />}
          {points.length > 0 && <Downloads name={`${project}-curve`} columns={columns} rows={points} />}
        </>
      )}
    >
      {(curve) => <Shown project={project} curve={curve} by={by} />}
    </Part>
  );
}

function Shown({ project, curve, by }: { project: string; curve: Read; by: Amount }) {
  const { points = [], reasons = [], verdict = "", noFit } = curve;
  if (points.length === 0) {
    return (
      <Empty>
        This part tells how good each round's model is, and whether more labels would help. No round has
        finished yet. <a href={pageAddress("rounds", project)}>See the rounds</a>
      </Empty>
    );
  }
  const isJudged = points.some(({ ap50 }) => ap50 !== undefined);
  return (
    <>
      <div class="verdict">
        <strong class={verdict.replaceAll(" ", "-")}>{verdicts[verdict] ?? verdict}</strong>
        {isJudged && (
          <ul>
            {reasons.map(({ speaksFor = "", text }) => (
              <li key={text}>
                <span class={`badge ${speaksFor.replaceAll(" ", "-")}`}>
                  {supports[speaksFor] ?? speaksFor}
                </span>{" "}
                {text}
              </li>
            ))}
          </ul>
        )}
        {!isJudged && (
          <p>
            No image of the holdout with a box is labelled blind yet: models are judged on those.{" "}
            <a href={pageAddress("queue", project)}>See what is queued</a>
          </p>
        )}
      </div>
      <Figures curve={curve} by={by} />
      <Curve curve={curve} by={by} />
      {noFit && <p class="faint">No forecast: {noFit}</p>}
      {fitOf(curve, by)?.cFixed && (
        <p class="faint">
          There are too few rounds to tell where the curve ends, so AP50 1 is assumed: forecasts far ahead are
          too high.
        </p>
      )}
    </>
  );
}

function Figures({ curve, by }: { curve: CurveJson; by: Amount }) {
  const last = curve.points?.filter(({ ap50 }) => ap50 !== undefined).at(-1);
  if (!last) return null;
  return (
    <div class="figures">
      <Figure
        name={`AP50 of round ${last.round}`}
        value={score(numberOf(last.ap50))}
        interval={interval(numberOf(last.ap50Low), numberOf(last.ap50High))}
      >
        on {counted(numberOf(last.judgedImages), "image", "images")} of the holdout
        {last.randomSample ? "" : ", not a random sample"}
      </Figure>
      <Forecasts fit={fitOf(curve, by)} by={by} />
    </div>
  );
}

// What the fitted curve gains from now on: it rarely runs through the last round, so its AP50 alone would
// contradict the one measured.
function Forecasts({ fit, by }: { fit: CurveFitJson | undefined; by: Amount }) {
  const forecasts = fit?.forecasts ?? [];
  const now = numberOf(forecasts.find(({ at }) => at === "now")?.ap50);
  return (
    <>
      {forecasts
        .filter(({ at }) => at !== "now")
        .map(({ at, n, ap50, ap50Low, ap50High }) => {
          const gain = numberOf(ap50) - now;
          return (
            <Figure
              key={at}
              name={`Forecast: ${at}`}
              value={isNothing(gain) ? "no change" : `${difference(gain)} AP50`}
            >
              at {amountText(numberOf(n), by)}: on the fitted curve from {score(now)} to{" "}
              {score(numberOf(ap50))} ({interval(numberOf(ap50Low), numberOf(ap50High))})
            </Figure>
          );
        })}
    </>
  );
}

function amountText(n: number, by: Amount): string {
  return by === "images" ? counted(Math.round(n), "image", "images") : durationOf(1000 * n);
}

function Curve({ curve, by }: { curve: Read; by: Amount }) {
  const data = curveData(curve, by, curve.held);
  if (data.x.length === 0) {
    const tookTime = (curve.points ?? []).some((point) => amountOf(point, by) > 0);
    return tookTime ? null : <p class="faint">People spent no time on these labels: they were imported.</p>;
  }
  const series: Series[] = [
    {
      name: "Rounds (90 % interval)",
      values: data.ap50,
      low: data.ap50Low,
      high: data.ap50High,
      colour: "--series-1",
      kind: "points",
    },
    {
      name: "Rounds that the gate held",
      values: data.held,
      low: data.heldLow,
      high: data.heldHigh,
      colour: "--series-5",
      kind: "points",
    },
    { name: "Fitted curve", values: data.fitted, colour: "--series-3" },
    {
      name: "Forecast (90 % band)",
      values: data.forecast,
      low: data.forecastLow,
      high: data.forecastHigh,
      colour: "--series-2",
      kind: "dashed",
    },
  ];
  return (
    <Chart
      title="Learning curve"
      x={data.x}
      xName={by === "images" ? "labelled images" : "time that people spent"}
      xText={(n) => (by === "images" ? count(Math.round(n)) : durationOf(1000 * n))}
      notes={data.rounds.map((round) => (round === null ? "" : `round ${round}`))}
      yName="AP50"
      yText={score}
      series={series.filter(({ values }) => values.some((value) => value !== null))}
    />
  );
}
