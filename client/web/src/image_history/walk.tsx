import { useSignal } from "@preact/signals";
import { useEffect, useLayoutEffect, useMemo, useRef } from "preact/hooks";
import type { ImageJson } from "../../gen/loupe/v1/annotation_pb";
import type { PredictionJson } from "../../gen/loupe/v1/insight_pb";
import type { ProjectJson } from "../../gen/loupe/v1/project_pb";
import type { ImageProvenanceJson } from "../../gen/loupe/v1/provenance_pb";
import { nameOf } from "../annotate/class_panel";
import { hexOf, pictureAddress } from "../annotate/task";
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
import { Learned } from "./learned";
import { marksOfChanges, marksOfPrediction, marksOfShown, pathOf, type Look, type Mark } from "./marks";
import { Predictions, leastScoreIn } from "./predictions";
import { useQuietQuery, type Ask } from "./quiet_query";
import { RevisionPanel } from "./revision_panel";
import { StageView } from "./stage_view";
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

  const stage = useRef<HTMLDivElement>(null);
  const view = useRef<StageView | null>(null);
  const pointed = useSignal<string | null>(null); // key of the mark that the pointer is at in a list
  const isThere = useSignal<boolean | null>(null); // null: the picture is on its way
  const picture = addressOf(image, project);
  useLayoutEffect(() => {
    const made = new StageView(stage.current!, {
      select: (box) => ask({ box }),
      nameOf: className,
      settled: (came) => (isThere.value = came),
    });
    made.open(picture, { width: image.width ?? 1, height: image.height ?? 1 });
    view.current = made;
    return () => made.leave();
  }, [picture]);
  useLayoutEffect(() => {
    view.current!.show(marks, pointed.value ?? (boxId ? `box ${boxId}` : null));
  }, [marks, boxId, pointed.value, picture]);
  useEffect(() => view.current!.reveal(), [boxId]);

  // The boxes that Tab walks.
  const boxes = changed.map((change) => change.boxId);
  useEffect(() => {
    function press(event: KeyboardEvent) {
      const { key, target } = event;
      if (event.ctrlKey || event.altKey || event.metaKey) return;
      if (target instanceof Element && target.closest("input, select, textarea, .scroll")) return;
      const isOnStage = target === stage.current;
      const actions: Record<string, () => void> = {
        ArrowLeft: () => walkTo(place - 1),
        ArrowRight: () => walkTo(place + 1),
        Home: () => walkTo(0),
        End: () => walkTo(steps.length - 1),
        "+": () => view.current!.zoomBy(1.25),
        "=": () => view.current!.zoomBy(1.25),
        "-": () => view.current!.zoomBy(0.8),
        "0": () => view.current!.fit(),
        z: () => view.current!.zoomToChosen(),
        Escape: () => ask({ box: "" }),
      };
      let action = actions[key];
      if (key === "Tab" && isOnStage) {
        // Behind the last box Tab leaves the picture.
        const next = boxes[boxes.indexOf(boxId) + (event.shiftKey ? -1 : 1)];
        if (next === undefined || (event.shiftKey && boxId === "")) return;
        action = () => ask({ box: next });
      }
      if (!action) return;
      event.preventDefault();
      action();
    }
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  });

  const isRemoved = image.state === "REMOVED";
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
          <div
            class="stage"
            ref={stage}
            tabIndex={0}
            role="group"
            aria-label={`The picture with ${marks.length} marks. Left and right arrows walk the revisions, Tab the boxes.`}
          />
          {isRemoved && <p class="over">The picture was removed: only its frame and the history are left.</p>}
          {!isRemoved && isThere.value === false && (
            <p class="over" role="alert">
              The picture couldn't be read: the history is shown without it.
            </p>
          )}
          <div class="stage-tools">
            <span class="ways">
              <button
                type="button"
                onClick={() => view.current!.zoomBy(1.25)}
                aria-label="Larger"
                title="Larger (+)"
              >
                +
              </button>
              <button
                type="button"
                onClick={() => view.current!.zoomBy(0.8)}
                aria-label="Smaller"
                title="Smaller (−)"
              >
                −
              </button>
              <button type="button" onClick={() => view.current!.fit()} title="The whole picture (0)">
                Whole
              </button>
              <button
                type="button"
                disabled={!boxId}
                onClick={() => view.current!.zoomToChosen()}
                title="To the box (z)"
              >
                To the box
              </button>
            </span>
            <Layer name="changes" isOn={withChanges} ask={ask}>
              changes
            </Layer>
            <Layer name="shown" isOn={withShown} ask={ask}>
              shown boxes
            </Layer>
          </div>
          <Legend marks={marks} />
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
          {boxId && <BoxLife project={project} image={id} boxId={boxId} ask={ask} />}
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
              point={(key) => (pointed.value = key)}
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
            point={(key) => (pointed.value = key)}
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

const looks: [Look, string][] = [
  ["kept", "a box"],
  ["changed", "changed by this revision"],
  ["before", "where it was"],
  ["ignored", "to ignore"],
  ["removed", "removed"],
  ["predicted", "predicted"],
  ["rejected", "shown and rejected"],
  ["dropped", "shown and left untouched"],
  ["hidden", "hidden by a threshold"],
];

// What the lines of these marks mean.
function Legend({ marks }: { marks: readonly Mark[] }) {
  const frame = { x1: 2, y1: 2, x2: 20, y2: 14 };
  return (
    <ul class="looks faint">
      {looks
        .filter(([look]) => marks.some((mark) => mark.look === look))
        .map(([look, text]) => (
          <li key={look}>
            <svg viewBox="0 0 22 16" aria-hidden="true">
              <path class={`line ${look}`} d={pathOf({ corners: frame, look })} />
            </svg>
            {text}
          </li>
        ))}
    </ul>
  );
}

// Empty: it is gone.
function addressOf({ state, sha256 = "", mediaType = "" }: ImageJson, project: ProjectJson): string {
  if (state === "REMOVED") return "";
  const { low = 0, high = 65535 } = project.intensityRange ?? {};
  return pictureAddress({ hash: hexOf(sha256), mediaType }, { low, high });
}
