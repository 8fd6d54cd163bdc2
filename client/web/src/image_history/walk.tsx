import { useSignal } from "@preact/signals";
import { useMemo, useRef } from "preact/hooks";
import type { PredictionJson } from "../../gen/loupe/v1/insight_pb";
import type { ImageProvenanceJson } from "../../gen/loupe/v1/provenance_pb";
import { nameOf } from "../annotate/class_panel";
import { call } from "../api";
import { useAnswer } from "../dashboards/answer";
import { save } from "../dashboards/downloads";
import { Empty } from "../dashboards/empty";
import { count } from "../dashboards/formats";
import type { ProjectPageProps } from "../dashboards/pages";
import { Title } from "../dashboards/title";
import { mayEngineer } from "../role";
import { pageAddress } from "../route";
import { Actions } from "./actions";
import { BoxLife } from "./box_life";
import { changesBetween, stepsOf, summaryOf } from "./changes";
import { useWalkKeys } from "./keys";
import { Learned } from "./learned";
import { marksOfChanges, marksOfPrediction, marksOfShown } from "./marks";
import { Predictions, leastScoreIn } from "./predictions";
import { useQuietQuery, type Ask } from "./quiet_query";
import { RevisionPanel } from "./revision_panel";
import { Stage } from "./stage";
import type { StageView } from "./stage_view";
import { Timeline } from "./timeline";

interface Props extends ProjectPageProps {
  history: ImageProvenanceJson;
  load: () => Promise<void>; // reads the history again
}

export function Walk({ project, id, query: address, caller, history, load }: Props) {
  const [query, ask] = useQuietQuery(address);
  const name = project.name ?? "";
  const { image = {}, revisions = [] } = history;
  const className = (label: number) => nameOf(project.classes, label);

  const steps = useMemo(() => stepsOf(revisions), [history]);
  const changes = useMemo(() => steps.map(({ before, boxes }) => changesBetween(before, boxes)), [history]);
  const asked = query.get("revision");
  const place =
    asked === null ? steps.length - 1 : steps.findIndex(({ revision }) => String(revision.number) === asked);
  const step = steps[place];
  const changed = useMemo(() => changes[place] ?? [], [changes, place]);

  const boxId = query.get("box") ?? "";
  // Who walks the boxes asks for the life of the last one alone.
  const settledBox = address.get("box") ?? "";
  const model = query.get("model") ?? "";
  const leastScore = leastScoreIn(query);
  const withChanges = query.get("changes") !== "off";
  const withShown = query.get("shown") !== "off";
  const prediction = useAnswer<PredictionJson | null>(
    async () =>
      model ? call("InsightService", "getPrediction", { project: name, imageId: id, model }) : null,
    [name, id, model],
  );
  const predicted = useMemo(
    () => (prediction.value?.boxes ?? []).filter(({ score }) => Number(score ?? 0) >= leastScore),
    [prediction.value, leastScore],
  );
  const marks = useMemo(
    () => [
      ...marksOfPrediction(predicted),
      ...(step && withShown ? marksOfShown(step.revision.shownBoxes ?? []) : []),
      ...marksOfChanges(changed, withChanges),
    ],
    [predicted, step, changed, withChanges, withShown],
  );

  function walkTo(to: number) {
    const number = steps[Math.max(0, Math.min(to, steps.length - 1))]?.revision.number;
    if (number !== undefined) ask({ revision: number });
  }

  const select = (box: string) => ask({ box });
  const root = useRef<HTMLDivElement>(null);
  const view = useRef<StageView>(null);
  const pointed = useSignal<string | null>(null); // key of the mark that the pointer is at in a list
  const point = (key: string | null) => void (pointed.value = key);
  const boxes = changed.map((change) => change.boxId);
  useWalkKeys({ root, view, place, places: steps.length, boxes, boxId, walkTo, select });

  return (
    <main class="history">
      <Title text={image.fileName || `Image ${id}`}>
        <button
          type="button"
          onClick={() =>
            save(`${name}-image-${id}.json`, "application/json", `${JSON.stringify(history, null, 2)}\n`)
          }
        >
          History as JSON
        </button>
        {image.side === "POOL" && image.state === "USABLE" && (
          <a class="button" href={pageAddress("images", name, "", { like: id })}>
            More like this
          </a>
        )}
        {mayEngineer(caller.role) && <Actions project={name} image={image} load={load} />}
      </Title>
      <p class="faint facts">
        <a href={pageAddress("images", name)}>Images</a> · image {id} · {count(image.width)} ×{" "}
        {count(image.height)} · {image.side === "HOLDOUT" ? "holdout" : "pool"}
        {image.group && ` · group ${image.group}`} · {image.labelled ? "labelled" : "not labelled"}
        {image.state !== "USABLE" && (
          <strong>
            {" "}
            · {stateNames[image.state ?? ""] ?? ""}
            {image.stateReason && `: ${image.stateReason}`}
          </strong>
        )}
      </p>
      <div class="walk">
        <div class="seen">
          <Stage
            project={project}
            image={image}
            marks={marks}
            boxId={boxId}
            pointed={pointed.value}
            root={root}
            view={view}
            select={select}
            className={className}
          >
            <Layer name="changes" isOn={withChanges} ask={ask}>
              changes
            </Layer>
            <Layer name="shown" isOn={withShown} ask={ask}>
              shown boxes
            </Layer>
          </Stage>
          {steps.length > 0 && <Timeline steps={steps} changes={changes} place={place} walkTo={walkTo} />}
        </div>
        <div class="told">
          {steps.length === 0 && <Empty>Nobody has labelled this image yet.</Empty>}
          {steps.length > 0 && !step && (
            <Empty>
              The image has no revision {asked}: it has {steps.length}.{" "}
              <a href={pageAddress("image", name, id)}>Look at the last one</a>
            </Empty>
          )}
          {settledBox && <BoxLife project={project} image={id} boxId={settledBox} ask={ask} />}
          {step && (
            <RevisionPanel
              project={project}
              step={step}
              steps={steps.length}
              place={place}
              changes={changed}
              summary={summaryOf(changed)}
              boxId={boxId}
              walkTo={walkTo}
              ask={ask}
              point={point}
              className={className}
            />
          )}
          <Predictions
            project={project}
            history={history}
            answer={prediction}
            model={model}
            leastScore={leastScore}
            boxes={predicted}
            ask={ask}
            point={point}
            className={className}
          />
          <Learned project={name} history={history} />
        </div>
      </div>
    </main>
  );
}

const stateNames: Record<string, string> = {
  SET_ASIDE: "set aside",
  EXCLUDED: "excluded",
  REMOVED: "removed",
};

interface LayerProps {
  name: string; // in the query
  isOn: boolean;
  ask: Ask;
  children: string;
}

function Layer({ name, isOn, ask, children }: LayerProps) {
  return (
    <label>
      <input type="checkbox" checked={isOn} onChange={() => ask({ [name]: isOn ? "off" : "" })} />
      {children}
    </label>
  );
}
