import type { MatchKindJson, ModelQualityJson } from "../../gen/loupe/v1/insight_pb";
import type { ProjectJson } from "../../gen/loupe/v1/project_pb";
import { nameOf, Swatch } from "../annotate/class_panel";
import type { Column } from "../dashboards/columns";
import { Downloads } from "../dashboards/downloads";
import { count } from "../dashboards/formats";
import { changeQuery, pageAddress } from "../route";
import { counted } from "../words";
import { countOf, kinds } from "./matches_words";
import { DEFAULT_THRESHOLD, thresholdIn } from "./threshold";

interface Props {
  quality: ModelQualityJson;
  project: ProjectJson;
  query: URLSearchParams;
  round: number;
}

interface Cell {
  readonly kind: MatchKindJson;
  readonly trueLabel: number; // 0: none
  readonly predictedLabel: number;
  readonly boxes: number;
}

const DEEPEST = 45; // per cent of the tone: on a deeper one the number is hard to read

// What became of the true boxes of each class, and of predicted ones on nothing. A cell leads to its boxes.
export function Confusion({ quality, project, query, round }: Props) {
  const counts = quality.matches ?? [];
  const labels = (quality.classes ?? []).map(({ label = 0 }) => label);
  const cell = (kind: MatchKindJson, trueLabel: number, predictedLabel: number): Cell => ({
    kind,
    trueLabel,
    predictedLabel,
    boxes: countOf(counts, kind, { trueLabel, predictedLabel }),
  });
  const rows = labels.map((label) => ({
    label,
    cells: [
      ...labels.map((predicted) => cell(predicted === label ? "MATCHED" : "CONFUSED", label, predicted)),
      cell("BADLY_PLACED", label, label),
      cell("MISSED", label, 0),
    ],
  }));
  const onNothing = labels.map((predicted) => cell("FALSE_POSITIVE", 0, predicted));
  const name = (label: number) => nameOf(project.classes, label);
  const address = ({ kind, trueLabel, predictedLabel }: Cell) =>
    pageAddress("round", project.name ?? "", round, {
      threshold: query.get("threshold") ?? undefined,
      kind: kinds.find((each) => each.kind === kind)!.word,
      true: trueLabel || undefined,
      predicted: predictedLabel || undefined,
      side: "holdout",
    });
  // What a cell counts, for who doesn't see where it stands.
  const told = ({ kind, trueLabel, predictedLabel, boxes }: Cell): string => {
    if (kind === "FALSE_POSITIVE")
      return `${counted(boxes, "false box", "false boxes")} of ${name(predictedLabel)}`;
    const some = `${counted(boxes, "box", "boxes")} of ${name(trueLabel)}`;
    if (kind === "CONFUSED") return `${some}, taken for ${name(predictedLabel)}`;
    const what = { MATCHED: "right", BADLY_PLACED: "badly placed", MISSED: "missed" }[kind as string];
    return `${some}, ${what}`;
  };
  const columns: Column<Cell>[] = [
    { name: "true_class", title: "", value: ({ trueLabel }) => trueLabel && name(trueLabel) },
    {
      name: "predicted_class",
      title: "",
      value: ({ predictedLabel }) => predictedLabel && name(predictedLabel),
    },
    { name: "kind", title: "", value: ({ kind }) => kind.toLowerCase() },
    { name: "boxes", title: "", value: ({ boxes }) => boxes },
  ];
  const all = [...rows.flatMap(({ cells }) => cells), ...onNothing];

  function show(each: Cell, total: number) {
    const share = total > 0 ? each.boxes / total : 0;
    const tone = each.kind === "MATCHED" ? "right" : "wrong";
    return (
      <td key={`${each.kind}-${each.predictedLabel}`} class={tone} style={{ "--share": `${DEEPEST * share}%` }}>
        {each.boxes === 0 ? (
          <span class="faint">0</span>
        ) : (
          <a href={address(each)} aria-label={told(each)}>
            {count(each.boxes)}
          </a>
        )}
      </td>
    );
  }

  return (
    <section class="part" aria-label="Confusion matrix">
      <div class="part-head">
        <h3>Confusion matrix</h3>
        <label class="threshold">
          Boxes count from score{" "}
          <input
            type="number"
            min="0.01"
            max="1"
            step="0.05"
            value={thresholdIn(query)}
            onChange={({ currentTarget: { value, validity } }) => {
              if (validity.rangeUnderflow || validity.rangeOverflow || value === "") return;
              changeQuery(
                { threshold: Number(value) === DEFAULT_THRESHOLD ? undefined : value },
                { replace: true },
              );
            }}
          />
        </label>
        <Downloads name={`${project.name}-round-${round}-confusion`} columns={columns} rows={all} />
      </div>
      <div class="card scroll" tabIndex={0} role="group" aria-label="Confusion matrix">
        <table class="confusion">
          <caption class="unseen">Rows: true classes. Columns: what the model made of their boxes.</caption>
          <thead>
            <tr>
              <th scope="col" class="text">
                true ↓ predicted →
              </th>
              {labels.map((label) => (
                <th key={label} scope="col">
                  <Swatch label={label} /> {name(label)}
                </th>
              ))}
              <th scope="col">badly placed</th>
              <th scope="col">missed</th>
            </tr>
          </thead>
          <tbody>
            {rows.map(({ label, cells }) => {
              const total = cells.reduce((sum, { boxes }) => sum + boxes, 0);
              return (
                <tr key={label}>
                  <th scope="row" class="text">
                    <Swatch label={label} /> {name(label)}
                  </th>
                  {cells.map((each) => show(each, total))}
                </tr>
              );
            })}
            <tr>
              <th scope="row" class="text">
                nothing there
              </th>
              {onNothing.map((each) =>
                show(
                  each,
                  onNothing.reduce((sum, { boxes }) => sum + boxes, 0),
                ),
              )}
              <td />
              <td />
            </tr>
          </tbody>
        </table>
      </div>
      <p class="faint">
        Of the holdout, boxes with a score of at least {thresholdIn(query)}. A box is first matched with a
        true box of its class at IoU 0.5; what is left, with one of another class at IoU 0.5; then with one of
        its class at IoU 0.1 (badly placed). A number leads to its boxes.
      </p>
    </section>
  );
}
