import type { ScoredBoxJson, PredictionJson } from "../../gen/loupe/v1/insight_pb";
import type { ProjectJson } from "../../gen/loupe/v1/project_pb";
import type { ImageProvenanceJson } from "../../gen/loupe/v1/provenance_pb";
import { Swatch } from "../annotate/class_panel";
import { cornersOf } from "../annotate/corners";
import { call } from "../api";
import { useAnswer, type Answer } from "../dashboards/answer";
import type { Column } from "../dashboards/columns";
import { Downloads } from "../dashboards/downloads";
import { score } from "../dashboards/formats";
import { Loading } from "../dashboards/part";
import { Trouble } from "../failure";
import { pageAddress } from "../route";
import { counted } from "../words";
import type { Ask } from "./quiet_query";
import { Rows } from "./revision_panel";

const LEAST_SCORE = 0.3; // as people are shown

// The lowest score of boxes that the address asks for.
export function leastScoreIn(query: URLSearchParams): number {
  return Number(query.get("score") || LEAST_SCORE);
}

interface Props {
  project: ProjectJson;
  history: ImageProvenanceJson;
  answer: Answer<PredictionJson | null>;
  model: string; // number or name; empty: no model's boxes are drawn
  leastScore: number;
  boxes: readonly ScoredBoxJson[]; // with such a score
  ask: Ask;
  point: (key: string | null) => void;
  className: (label: number) => string;
}

// What a model predicts in the image.
export function Predictions({
  project,
  history,
  answer,
  model,
  leastScore,
  boxes,
  ask,
  point,
  className,
}: Props) {
  const name = project.name ?? "";
  const models = history.predictedByModels ?? [];
  const isOther = model !== "" && !models.includes(Number(model));
  const columns: Column<ScoredBoxJson>[] = [
    { name: "label", title: "", value: ({ label }) => label },
    { name: "class", title: "", value: ({ label }) => className(label ?? 0) },
    { name: "score", title: "", value: (box) => Number(box.score ?? 0) },
    {
      name: "calibrated_score",
      title: "",
      value: ({ calibratedScore }) => calibratedScore && Number(calibratedScore),
    },
    { name: "x1", title: "", value: ({ box }) => cornersOf(box).x1 },
    { name: "y1", title: "", value: ({ box }) => cornersOf(box).y1 },
    { name: "x2", title: "", value: ({ box }) => cornersOf(box).x2 },
    { name: "y2", title: "", value: ({ box }) => cornersOf(box).y2 },
  ];
  return (
    <section class="part" aria-label="Predictions">
      <div class="part-head">
        <h3>Predictions</h3>
        {answer.value && (
          <Downloads name={`${name}-prediction-${answer.value.model}`} columns={columns} rows={boxes} />
        )}
      </div>
      {models.length === 0 && !isOther && <p class="faint">No model has predicted this image.</p>}
      {(models.length > 0 || isOther) && (
        <div class="choices">
          <label>
            Model{" "}
            <select value={model} onChange={(event) => ask({ model: event.currentTarget.value })}>
              <option value="">none</option>
              {models.map((number) => (
                <option key={number} value={String(number)}>
                  {number}
                </option>
              ))}
              {isOther && <option value={model}>{model}</option>}
            </select>
          </label>
          {model && (
            <label>
              Score from {leastScore.toFixed(2)}{" "}
              <input
                type="range"
                min="0"
                max="1"
                step="0.05"
                value={leastScore}
                onInput={(event) => ask({ score: event.currentTarget.value })}
              />
            </label>
          )}
        </div>
      )}
      {answer.error && <Trouble error={answer.error} retry={() => void answer.load()} />}
      {model && answer.value === null && !answer.error && <Loading />}
      {answer.value && (
        <>
          <p>
            <a href={pageAddress("model", name, answer.value.model)}>Model {answer.value.model}</a> predicts{" "}
            {counted(boxes.length, "box", "boxes")} with a score of at least {leastScore.toFixed(2)}.{" "}
            <Trained project={name} history={history} model={answer.value.model ?? 0} />
          </p>
          <Rows
            rows={boxes}
            draw={(box) => {
              const { label = 0, calibratedScore } = box;
              const key = `predicted ${boxes.indexOf(box)}`;
              return (
                <li
                  key={key}
                  class="row"
                  onPointerEnter={() => point(key)}
                  onPointerLeave={() => point(null)}
                >
                  <Swatch label={label} />
                  <span class="name">
                    {className(label)} {score(Number(box.score ?? 0))}
                  </span>
                  {calibratedScore !== undefined && (
                    <span class="faint">right with probability {score(Number(calibratedScore))}</span>
                  )}
                </li>
              );
            }}
          />
        </>
      )}
    </section>
  );
}

// What a model predicts in an image that it learned from says little about it.
function Trained({
  project,
  history,
  model,
}: {
  project: string;
  history: ImageProvenanceJson;
  model: number;
}) {
  const { value } = useAnswer(
    () => call("ProvenanceService", "getModelProvenance", { project, model: String(model) }),
    [project, model],
  );
  const round = value?.model?.round ?? 0;
  const isTrained =
    history.trainedInRounds?.includes(round) || history.pseudoLabelledInRounds?.includes(round);
  if (!isTrained) return null;
  return <strong>It learned from this image: what it predicts here says little about others.</strong>;
}
